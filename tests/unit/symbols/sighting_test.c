/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that the kernel saw: by every way to find them, and what must not be taken for them. */
#include "set_up.h"
#include "sighting.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#include "symbols/mounts.h"

/* A process of ./NAME, what was seen of it, and the code that it sleeps in. */
static uint32_t start_seen(const char *name, const char *function, struct sight *sight)
{
	char path[64];
	uint32_t pid;

	program_build(name, function);
	snprintf(path, sizeof(path), "./%s", name);
	pid = program_start(path);
	sight_take(sight, pid, fixture_address(name, function), "");
	return pid;
}

static struct name_request name_of(const struct sight *sight)
{
	struct name_request request = {.pid = sight->seen.pid, .offset = sight->offset};
	struct location where;

	assert_int_equal(symbols_locate(symbols, sight->file, sight->offset, &where), 0);
	assert_int_equal(where.offset, sight->offset);
	request.file = where.file;
	request.path = where.path;
	request.build_id = where.build_id;
	symbols_name(symbols, &request, 1);
	return request;
}

static void check_named(const struct sight *sight, const char *function)
{
	const char *found = name_of(sight).function;

	assert_non_null(found);
	assert_string_equal(found, function);
}

static void check_refused(struct sight *sight)
{
	static uint32_t fresh;

	/* An id of its own: what is known of others must not help. */
	sight->seen.id = sight->file = WIRE_FILE_INODE | ++fresh;
	assert_int_equal(symbols_file_seen(symbols, &sight->seen), -ENOENT);
	assert_int_equal(symbols_file_open(symbols, sight->file), -ENOENT);
	assert_null(name_of(sight).function);
}

static void ended_process(void **state)
{
	struct sight sight, wrong;
	uint32_t pid = start_seen("ended", "long_gone", &sight);
	int fd;

	(void)state;
	program_stop(pid);
	wrong = sight;
	wrong.seen.inode++;
	check_refused(&wrong);
	wrong = sight;
	wrong.seen.size--;
	check_refused(&wrong);
	if (sight.seen.generation) {
		wrong = sight;
		wrong.seen.generation ^= 1;
		check_refused(&wrong);
	}
	assert_int_equal(symbols_file_seen(symbols, &sight.seen), 0);
	check_named(&sight, "long_gone");
	fd = symbols_file_open(symbols, sight.file);
	assert_true(fd >= 0);
	close(fd);
}

static void replaced_file(void **state)
{
	struct sight sight;
	uint32_t pid = start_seen("worn", "worn_out", &sight);
	struct location where;

	(void)state;
	program_stop(pid);
	fixture_run("mv worn kept");
	program_build("worn", "brand_new");
	assert_int_equal(symbols_file_seen(symbols, &sight.seen), -ENOENT);
	assert_int_equal(symbols_locate(symbols, sight.file, 5, &where), 0);
	assert_int_equal(where.kind, LOCATION_FILE);
	assert_string_equal(where.path, sight.path);
	assert_string_equal(where.build_id, "");
	assert_null(name_of(&sight).function);
	assert_int_equal(symbols_file_open(symbols, sight.file), -ENOENT);
	/* It is looked for again when it is named. */
	fixture_run("mv kept worn");
	check_named(&sight, "worn_out");
	assert_int_equal(symbols_file_seen(symbols, &sight.seen), 0);
}

static void deleted_file(void **state)
{
	struct sight mapped, begun;
	uint32_t pid = start_seen("removed", "without_name", &mapped);
	uint32_t other = start_seen("vanished", "nowhere", &begun);
	struct location where;

	(void)state;
	fixture_run("rm removed vanished");
	assert_int_equal(symbols_file_seen(symbols, &mapped.seen), 0);
	assert_int_equal(symbols_locate(symbols, mapped.file, 5, &where), 0);
	assert_int_equal(where.kind, LOCATION_DELETED);
	assert_string_equal(where.path, mapped.path);
	/* Seen before it was mapped, and removed at once: it is still the executable. */
	begun.seen.start = begun.seen.end = 0;
	assert_int_equal(symbols_file_seen(symbols, &begun.seen), 0);
	program_stop(pid);
	program_stop(other);
	check_named(&mapped, "without_name");
	check_named(&begun, "nowhere");
}

/* A child that has made mounts of its own by a shell command; 0: it may not. */
static uint32_t start_with_mounts(const char *command)
{
	int ready[2];
	uint32_t pid;
	char byte;
	bool done;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = (uint32_t)fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    system(command) || write(ready[1], "r", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	done = read(ready[0], &byte, 1) == 1;
	close(ready[0]);
	if (done)
		return pid;
	program_stop(pid);
	return 0;
}

/* Of a file in the child's mounts; its path there, and in its file system. */
static struct sight sight_in(uint32_t pid, const char *outer, const char *inner, uint64_t address)
{
	struct sight sight = {.offset = address - 0x400000};
	char path[512];

	snprintf(path, sizeof(path), "/proc/%u/root%s/%s", pid, fixture_directory, outer);
	sight_file(&sight, path, inner);
	sight.seen.path = NULL;
	sight.seen.pid = pid;
	return sight;
}

static void private_mounts(void **state)
{
	struct sight sight, bound;
	uint64_t address;
	uint32_t pid;

	(void)state;
	program_build("packed", "far_inside");
	address = fixture_address("packed", "far_inside");
	fixture_run("mkdir -p hill door");
	pid = start_with_mounts("mount -t tmpfs none hill && cp packed hill/one && "
				"mkdir hill/sub && cp packed hill/sub/two && "
				"echo >>hill/sub/two && mount --bind hill/sub door");
	if (!pid) {
		print_message("no right to make a mount namespace: skipped\n");
		skip();
	}
	sight = sight_in(pid, "hill/one", "/one", address);
	sight.seen.path = sight.path;
	bound = sight_in(pid, "door/two", "/sub/two", address);
	bound.seen.path = bound.path;
	/* Not mapped anywhere: only the child's table of mounts leads there. */
	assert_int_equal(symbols_file_seen(symbols, &sight.seen), 0);
	fixture_run("nsenter --mount=/proc/%u/ns/mnt umount -l '%s/hill'", pid, fixture_directory);
	assert_int_equal(symbols_file_seen(symbols, &bound.seen), 0);
	program_stop(pid);
	check_named(&sight, "far_inside");
	check_named(&bound, "far_inside");
	check_refused(&sight);
}

static void mounts_of_our_own(void **state)
{
	char directory[] = "/dev/shm/strait-test-XXXXXX", path[64];
	struct stat root, shm;
	struct sight sight;
	uint64_t address;
	uint32_t pid;

	(void)state;
	assert_int_equal(stat("/", &root), 0);
	if (stat("/dev/shm", &shm) || shm.st_dev == root.st_dev || !mkdtemp(directory))
		skip();
	program_build("packed", "in_memory");
	address = fixture_address("packed", "in_memory");
	snprintf(path, sizeof(path), "%s/packed", directory);
	fixture_run("cp packed %s", path);
	pid = program_start(path);
	sight_take(&sight, pid, address, "/dev/shm");
	program_stop(pid);
	/* The wrong file system is not looked into, the right one is. */
	sight.seen.dev = root.st_dev;
	check_refused(&sight);
	sight.seen.id = sight.file = WIRE_FILE_INODE | 1u << 20;
	sight.seen.dev = shm.st_dev;
	assert_int_equal(symbols_file_seen(symbols, &sight.seen), 0);
	check_named(&sight, "in_memory");
	sight.seen.id = sight.file = WIRE_FILE_INODE | 2u << 20;
	sight.seen.dev = 0;
	assert_int_equal(symbols_file_seen(symbols, &sight.seen), 0);
	check_named(&sight, "in_memory");
	fixture_run("rm -r %s", directory);
}

/* The kernel tells the number of the file below, which overlayfs does not show after a copy. */
static void overlay(void **state)
{
	char path[256];
	struct sight sight;
	struct stat real, shown;
	uint64_t address;
	uint32_t pid;
	FILE *file;

	(void)state;
	program_build("packed", "laid_over");
	address = fixture_address("packed", "laid_over");
	fixture_run("mkdir -p stack");
	pid = start_with_mounts(
		"set -e; mount -t tmpfs none stack; cd stack; mkdir lower upper work all; "
		"cp ../packed lower/; mount -t overlay "
		"-o lowerdir=lower,upperdir=upper,workdir=work none all; touch -m all/packed; "
		"(exec all/packed >ready) & echo $! >pid; "
		"for i in $(seq 100); do [ -s ready ] && exit 0; sleep 0.05; done; exit 1");
	if (!pid) {
		print_message("no overlayfs: skipped\n");
		skip();
	}
	snprintf(path, sizeof(path), "/proc/%u/root%s/stack/upper/packed", pid, fixture_directory);
	assert_int_equal(stat(path, &real), 0);
	snprintf(path, sizeof(path), "/proc/%u/root%s/stack/pid", pid, fixture_directory);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%u", &sight.seen.pid), 1);
	fclose(file);
	snprintf(path, sizeof(path), "/proc/%u/exe", sight.seen.pid);
	assert_int_equal(stat(path, &shown), 0);
	sight_take(&sight, sight.seen.pid, address, "");
	sight.seen.inode = real.st_ino;
	sight.seen.id = sight.file = WIRE_FILE_INODE | 3u << 20;
	print_message("inode %lu below, %lu shown\n", real.st_ino, shown.st_ino);
	assert_int_equal(symbols_file_seen(symbols, &sight.seen), 0);
	program_stop(pid);
	kill((pid_t)sight.seen.pid, SIGKILL);
	check_named(&sight, "laid_over");
}

static void links_and_parents(void **state)
{
	struct sight sight;
	char path[1024];

	(void)state;
	program_build("target", "behind_links");
	sight = (struct sight){.offset = fixture_address("target", "behind_links") - 0x400000};
	snprintf(path, sizeof(path), "%s/target", fixture_directory);
	sight_file(&sight, path, path);
	assert_int_equal(symbols_file_seen(symbols, &sight.seen), 0);
	check_named(&sight, "behind_links");
	/* The kernel's paths have none of these: who says so is no kernel. */
	fixture_run("ln -s target link; mkdir -p in/side; ln -s ../.. in/side/out");
	snprintf(sight.path, sizeof(sight.path), "%s/link", fixture_directory);
	check_refused(&sight);
	snprintf(sight.path, sizeof(sight.path), "%s/in/side/out/target", fixture_directory);
	check_refused(&sight);
	snprintf(sight.path, sizeof(sight.path), "%s/in/../target", fixture_directory);
	check_refused(&sight);
	snprintf(sight.path, sizeof(sight.path), "%s/./target", fixture_directory);
	check_refused(&sight);
	snprintf(sight.path, sizeof(sight.path), "/%s//target", fixture_directory);
	check_refused(&sight);
	snprintf(sight.path, sizeof(sight.path), "%s", fixture_directory + 1);
	check_refused(&sight);
}

static void what_is_no_file(void **state)
{
	static const char *const paths[] = {"/",        "/dev/null",     "/dev/zero", "/tmp",
					    "/dev/tty", "/proc/version", "/dev/full"};
	struct sight sight = {.seen.pid = (uint32_t)getpid()};
	struct stat stat_;

	(void)state;
	fixture_run("mkfifo pipe");
	snprintf(sight.path, sizeof(sight.path), "%s/pipe", fixture_directory);
	sight_file(&sight, "pipe", sight.path);
	alarm(20);
	check_refused(&sight);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		if (stat(paths[i], &stat_) || S_ISREG(stat_.st_mode))
			continue;
		snprintf(sight.path, sizeof(sight.path), "%s", paths[i]);
		sight.seen.inode = stat_.st_ino;
		sight.seen.size = (uint64_t)stat_.st_size;
		check_refused(&sight);
	}
	alarm(0);
}

static void odd_names(void **state)
{
	static const char name[] = "\x1b[31m\x07 \xff\xc3(\n\\040x";
	struct sight sight;
	struct location where;
	char path[256];

	(void)state;
	program_build("plain", "oddly_named");
	snprintf(path, sizeof(path), "%s/%s", fixture_directory, name);
	assert_int_equal(rename("plain", path), 0);
	sight = (struct sight){};
	sight_file(&sight, path, path);
	assert_int_equal(symbols_file_seen(symbols, &sight.seen), 0);
	assert_int_equal(symbols_locate(symbols, sight.file, 0, &where), 0);
	assert_string_equal(where.path, path);
	assert_int_not_equal(*where.build_id, '\0');

	sight.seen.path = NULL;
	sight.seen.inode = 4711;
	check_refused(&sight);
	assert_int_equal(symbols_locate(symbols, sight.file, 0, &where), 0);
	assert_string_equal(where.path, "[inode 4711]");
	sight.seen.path = "";
	check_refused(&sight);
	sight.seen.path = sight.path;
	for (size_t length = 1; length < sizeof(sight.path); length = 3 * length + 1) {
		memset(sight.path, 'a', length);
		sight.path[0] = '/';
		sight.path[length] = '\0';
		check_refused(&sight);
	}
}

static void nameless_code(void **state)
{
	struct sight sight;
	struct location where;
	uint32_t pid = (uint32_t)getpid();
	int fd = memfd_create("doublemapped", MFD_CLOEXEC);
	char *code;

	(void)state;
	assert_int_equal(ftruncate(fd, 16384), 0);
	code = mmap(NULL, 8192, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 4096);
	assert_true(code != MAP_FAILED);
	sight_take(&sight, pid, (uintptr_t)code + 100, "");
	assert_int_equal(sight.offset, 4196);
	assert_int_equal(symbols_file_seen(symbols, &sight.seen), 0);
	assert_int_equal(symbols_locate(symbols, sight.file, sight.offset, &where), 0);
	assert_int_equal(where.kind, LOCATION_ANONYMOUS);
	assert_string_equal(where.path, "[anonymous]");
	assert_int_equal(where.offset, (uintptr_t)code + 100);
	/* Where else it is mapped is not known. */
	assert_int_equal(symbols_locate(symbols, sight.file, 100, &where), 0);
	assert_string_equal(where.path, "/memfd:doublemapped");
	assert_int_equal(where.offset, 100);
	munmap(code, 8192);
	close(fd);
}

static void mount_lines(void **state)
{
	static const char *const bad[] = {"",
					  "36",
					  "36 35 98:0 / /mnt",
					  "36 35 98:0 / /mnt rw,noatime master:1 ext3 /dev/root rw",
					  "36 35 98:0 / /mnt rw -",
					  "36 35 98-0 / /mnt rw - ext3 /dev/root rw",
					  "36 35 98:0 mnt:[4026531] /run/x rw - nsfs nsfs rw",
					  "36 35 98:0 / mnt rw - ext3 /dev/root rw"};
	char line[256];
	struct mount mount;

	(void)state;
	strcpy(line, "36 35 98:5 /mnt1 /mnt2\\040b\\134\\012 rw,noatime master:1 shared:2 - ext3 "
		     "/dev/root rw,errors=continue\n");
	assert_true(mount_parse(&mount, line));
	assert_int_equal(mount.dev, makedev(98, 5));
	assert_string_equal(mount.root, "/mnt1");
	assert_string_equal(mount.point, "/mnt2 b\\\n");
	assert_string_equal(mount.type, "ext3");
	strcpy(line, "22 27 0:21 / /proc rw,relatime - proc proc rw");
	assert_true(mount_parse(&mount, line));
	assert_string_equal(mount.point, "/proc");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		strcpy(line, bad[i]);
		assert_false(mount_parse(&mount, line));
	}
}

static void many_files_are_bounded(void **state)
{
	struct symbols *many = symbols_new();
	struct file_sighting seen = {.path = ""};
	struct location where;

	(void)state;
	for (uint64_t i = 0; i < 65536; i++) {
		seen.id = WIRE_FILE_INODE | i;
		seen.inode = i;
		assert_int_equal(symbols_file_seen(many, &seen), -ENOENT);
	}
	seen.id = WIRE_FILE_INODE | 65536;
	assert_int_equal(symbols_file_seen(many, &seen), -ENOSPC);
	assert_int_equal(symbols_locate(many, seen.id, 0, &where), -ENOENT);
	assert_int_equal(symbols_locate(many, WIRE_FILE_INODE | 9999, 0, &where), 0);
	assert_string_equal(where.path, "[inode 9999]");
	symbols_free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ended_process),     cmocka_unit_test(replaced_file),
		cmocka_unit_test(deleted_file),      cmocka_unit_test(private_mounts),
		cmocka_unit_test(mounts_of_our_own), cmocka_unit_test(overlay),
		cmocka_unit_test(links_and_parents), cmocka_unit_test(what_is_no_file),
		cmocka_unit_test(odd_names),         cmocka_unit_test(nameless_code),
		cmocka_unit_test(mount_lines),       cmocka_unit_test(many_files_are_bounded),
	};

	return cmocka_run_group_tests_name("symbols/sighting", tests, symbols_set_up,
					   symbols_tear_down);
}
