/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames of living and dead processes, through the whole module. */
#include "set_up.h"
#include "sighting.h"

#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>

#include "model/recording.h"

static struct location locate(uint32_t pid, uint64_t address)
{
	struct location where = {.file = 12345};
	struct sight sight;

	sight_take(&sight, pid, address, "");
	if (sight.seen.id)
		assert_int_equal(symbols_file_seen(symbols, &sight.seen), 0);
	assert_int_equal(symbols_locate(symbols, sight.file, sight.offset, &where), 0);
	return where;
}

static struct name_request name(uint32_t pid, const struct location *where)
{
	struct name_request request = {
		.pid = pid,
		.file = where->file,
		.path = where->path,
		.build_id = where->build_id,
		.offset = where->offset,
	};

	symbols_name(symbols, &request, 1);
	return request;
}

__attribute__((noinline)) static int known_function(int a)
{
	__asm__ volatile("" : "+r"(a));
	return a + 1;
}

static void own_code(void **state)
{
	uint64_t address = (uintptr_t)known_function;
	struct location where = locate((uint32_t)getpid(), address);
	struct name_request answer;
	char exe[4096] = "";

	(void)state;
	assert_int_equal(known_function(1), 2);
	assert_int_equal(where.kind, LOCATION_FILE);
	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	assert_string_equal(where.path, exe);
	assert_true(strlen(where.build_id) >= 16);
	answer = name(0, &where);
	assert_string_equal(answer.function, "known_function");
	assert_non_null(strstr(answer.source, "symbols_test.c"));
	assert_in_range(answer.line, 10, 200);
	assert_int_equal(answer.start, where.offset);
	/* Without the handle the path and the build-id are enough; another build-id is refused. */
	where.file = SYMBOLS_NO_FILE;
	assert_string_equal(name(0, &where).function, "known_function");
	where.build_id = "0123456789012345678901234567890123456789";
	assert_null(name(0, &where).function);
}

static void no_such_place(void **state)
{
	static const uint64_t files[] = {WIRE_FILE_NONE, WIRE_FILE_INODE | 77, 2, 1ull << 40};
	struct location where = {.path = "untouched"};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		assert_int_equal(symbols_locate(symbols, files[i], 0x10, &where), -ENOENT);
		assert_int_equal(symbols_file_open(symbols, files[i]), -ENOENT);
	}
	assert_int_equal(symbols_file_seen(symbols, &(struct file_sighting){.id = 77}), -EINVAL);
	assert_string_equal(where.path, "untouched");
}

static void vdso(void **state)
{
	void *image = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
	void *function = image ? dlsym(image, "__vdso_getcpu") : NULL;
	struct location where;
	char magic[4] = "";
	int fd;

	(void)state;
	if (!function)
		skip();
	where = locate((uint32_t)getpid(), (uintptr_t)function + 2);
	assert_int_equal(where.kind, LOCATION_VDSO);
	assert_string_equal(where.path, "[vdso]");
	assert_non_null(strstr(name(0, &where).function, "getcpu"));
	fd = symbols_file_open(symbols, WIRE_FILE_VDSO);
	assert_int_equal(pread(fd, magic, 4, 0), 4);
	assert_memory_equal(magic, "\177ELF", 4);
	close(fd);
}

static void odd_file_names(void **state)
{
	char path[256];
	struct location where;
	uint32_t pid;

	(void)state;
	snprintf(path, sizeof(path), "%s/a b\n c (deleted)", fixture_directory);
	program_build("plain", "oddly");
	assert_int_equal(link("plain", path), 0);
	pid = program_start(path);
	where = locate(pid, fixture_address("plain", "oddly"));
	assert_int_equal(where.kind, LOCATION_FILE);
	assert_string_equal(where.path, path);
	assert_string_equal(name(pid, &where).function, "oddly");
	program_stop(pid);
}

/* The path leads to another file by now: what runs is the old one. */
static void deleted_and_replaced_files(void **state)
{
	uint64_t address;
	struct location where;
	uint32_t pid;

	(void)state;
	program_build("old", "first_version");
	address = fixture_address("old", "first_version");
	pid = program_start("./old");
	program_build("new", "second_version");
	assert_int_equal(fixture_address("new", "second_version"), address);
	fixture_run("mv new old");
	where = locate(pid, address);
	assert_int_equal(where.kind, LOCATION_DELETED);
	assert_null(strstr(where.path, "(deleted)"));
	assert_non_null(strstr(where.path, "/old"));
	assert_string_equal(name(pid, &where).function, "first_version");
	program_stop(pid);
	/* It was kept open, so its death takes no names away. */
	assert_string_equal(name(pid, &where).function, "first_version");

	/* A pipe in the file's place must not be waited for. */
	pid = program_start("./old");
	where = locate(pid, address);
	program_stop(pid);
	fixture_run("rm old; mkfifo old");
	where.file = SYMBOLS_NO_FILE;
	alarm(20);
	assert_null(name(pid, &where).function);
	alarm(0);
}

/* As in a container: the file is seen in the process's own mount namespace only. */
static void other_mount_namespace(void **state)
{
	uint64_t address;
	struct location where;
	uint32_t pid;
	int ready[2];
	char byte;

	(void)state;
	program_build("inside", "contained");
	address = fixture_address("inside", "contained");
	fixture_run("mkdir hole");
	assert_int_equal(pipe(ready), 0);
	pid = (uint32_t)fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ready[1], 1);
		if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    mount("none", "hole", "tmpfs", 0, NULL) || system("mv inside hole/inside"))
			_exit(1);
		execl("hole/inside", "inside", NULL);
		_exit(1);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1) {
		print_message("no right to make a mount namespace: skipped\n");
		program_stop(pid);
		skip();
	}
	close(ready[0]);
	where = locate(pid, address);
	assert_int_equal(where.kind, LOCATION_FILE);
	assert_non_null(strstr(where.path, "/hole/inside"));
	program_stop(pid);
	assert_string_equal(name(pid, &where).function, "contained");
}

/* A process whose generated code is at *code. */
static uint32_t start_generator(uint64_t *code)
{
	int tell[2];
	pid_t child;

	assert_int_equal(pipe(tell), 0);
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		void *at =
			mmap(NULL, 8192, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (write(tell[1], &at, sizeof(at)) < 0)
			_exit(1);
		pause();
	}
	assert_int_equal(read(tell[0], code, sizeof(*code)), sizeof(*code));
	close(tell[0]);
	close(tell[1]);
	return (uint32_t)child;
}

static struct location locate_generated(uint32_t pid, uint64_t address)
{
	struct location where;

	assert_int_equal(symbols_locate(symbols, WIRE_FILE_ANONYMOUS | pid, address, &where), 0);
	return where;
}

static void generated_by_nobody(void **state)
{
	struct location where = locate_generated(0, 0x7f00);

	(void)state;
	assert_int_equal(where.kind, LOCATION_ANONYMOUS);
	assert_string_equal(where.path, "[anonymous]");
	assert_int_equal(where.file, SYMBOLS_NO_FILE);
}

static void check_generated(uint32_t pid, uint64_t address, const char *function)
{
	struct location where = locate_generated(pid, address);
	const char *found = name(pid, &where).function;

	assert_non_null(found);
	assert_string_equal(found, function);
}

static void generated_code(void **state)
{
	char map[64], text[512], expected[64];
	struct location where;
	uint64_t code;
	uint32_t pid = start_generator(&code);

	(void)state;
	snprintf(map, sizeof(map), "/tmp/perf-%u.map", pid);
	snprintf(text, sizeof(text),
		 "%lx 40 LazyCompile:*old a.js:1\nnoise\n%lx 100 LazyCompile:*hot a.js:12\n"
		 "%lx 10 other\n%lx",
		 code, code, code + 0x200, code + 0x300);
	unlink(map);
	fixture_write(map, text);
	where = locate_generated(pid, code + 0x20);
	snprintf(expected, sizeof(expected), "[jit %u]", pid);
	assert_int_equal(where.kind, LOCATION_ANONYMOUS);
	assert_string_equal(where.path, expected);
	assert_int_equal(where.offset, code + 0x20);
	/* What the map says last holds. */
	assert_string_equal(name(pid, &where).function, "LazyCompile:*hot a.js:12");
	assert_int_equal(name(pid, &where).start, code);
	check_generated(pid, code + 0x20f, "other");
	where = locate_generated(pid, code + 0x210);
	assert_null(name(pid, &where).function);
	program_stop(pid);
	unlink(map);
	check_generated(pid, code + 0x20f, "other");
}

static void maps_of_strangers_are_refused(void **state)
{
	uint64_t code;
	uint32_t pid = start_generator(&code);
	struct location where;
	char map[64], text[64];

	(void)state;
	snprintf(map, sizeof(map), "/tmp/perf-%u.map", pid);
	snprintf(text, sizeof(text), "%lx 40 liar\n", code);
	fixture_write("elsewhere", text);
	unlink(map);
	assert_int_equal(symlink("elsewhere", map), 0);
	where = locate_generated(pid, code);
	assert_string_equal(where.path, "[anonymous]");
	assert_null(name(pid, &where).function);
	unlink(map);
	program_stop(pid);
	if (geteuid())
		return;
	/* Root may say what anybody's code is, somebody else may not. */
	pid = start_generator(&code);
	snprintf(map, sizeof(map), "/tmp/perf-%u.map", pid);
	snprintf(text, sizeof(text), "%lx 40 liar\n", code);
	fixture_write(map, text);
	assert_int_equal(chown(map, 12345, 12345), 0);
	where = locate_generated(pid, code);
	assert_string_equal(where.path, "[anonymous]");
	program_stop(pid);
	unlink(map);
}

static void whole_recording(void **state)
{
	struct recording *rec = recording_new();
	struct location where = locate((uint32_t)getpid(), (uintptr_t)known_function + 1);
	uint32_t module = module_intern(rec, where.path, where.build_id), frames[4];

	(void)state;
	frames[0] = frame_intern(rec, FRAME_USER, module, where.offset, 0);
	where = locate((uint32_t)getpid(), (uintptr_t)symbols_locate);
	frames[1] = frame_intern(rec, FRAME_USER, module, where.offset, 0);
	frames[2] = frame_intern(rec, FRAME_USER, NONE, 0x1234, 0);
	frames[3] = frame_intern(rec, FRAME_KERNEL, module_intern(rec, "[kernel]", ""), 5,
				 string_intern(rec, "do_work"));
	symbols_note_module(symbols, module, (uint32_t)getpid(), &where);
	assert_int_equal(symbols_resolve(symbols, rec), 2);
	assert_string_equal(string_get(rec, rec->frames.at[frames[0]].function), "known_function");
	assert_string_equal(string_get(rec, rec->frames.at[frames[1]].function), "symbols_locate");
	assert_non_null(strstr(string_get(rec, rec->frames.at[frames[1]].file), "symbols.c"));
	assert_true(rec->frames.at[frames[1]].line > 100);
	assert_true(rec->frames.at[frames[2]].named);
	assert_int_equal(rec->frames.at[frames[2]].function, 0);
	assert_string_equal(string_get(rec, rec->frames.at[frames[3]].function), "do_work");
	/* Once is enough. */
	assert_int_equal(symbols_resolve(symbols, rec), 0);
	recording_free(rec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_code),
		cmocka_unit_test(no_such_place),
		cmocka_unit_test(vdso),
		cmocka_unit_test(odd_file_names),
		cmocka_unit_test(deleted_and_replaced_files),
		cmocka_unit_test(other_mount_namespace),
		cmocka_unit_test(generated_by_nobody),
		cmocka_unit_test(generated_code),
		cmocka_unit_test(maps_of_strangers_are_refused),
		cmocka_unit_test(whole_recording),
	};

	return cmocka_run_group_tests_name("symbols/symbols", tests, symbols_set_up,
					   symbols_tear_down);
}
