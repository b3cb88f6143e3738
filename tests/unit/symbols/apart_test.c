/* SPDX-License-Identifier: BSD-2-Clause */
/* The process that reads files for their names: what such files may do that end or fool it. */
#include "sighting.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "model/recording.h"
#include "symbols/apart.h"
#include "symbols/beside.h"
#include "symbols/symbols.h"
#include "util/reader.h"

/* In a file's header, in bytes that nobody reads: what it does to its reader, and when. */
#define MARK_AT 14

static struct reader *reader;
static struct symbols *symbols;
static volatile int zero;

static _Noreturn void spin(void)
{
	for (;;)
		zero = 0;
}

static bool is_opened(enum beside_kind kind, const char *text)
{
	const struct naming naming = {.apart = true};
	uint32_t place = 0;
	int fd = beside_open(&naming, kind, &place, text);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* What a reader that was taken over would try: it must get nothing but what names need. */
static bool is_held(void)
{
	char unit[128], link[128];

	snprintf(unit, sizeof(unit), "%s/unit.dwo", fixture_directory);
	snprintf(link, sizeof(link), "%s/link.dwo", fixture_directory);
	return is_opened(BESIDE_UNIT, unit) && !is_opened(BESIDE_UNIT, link) &&
	       !is_opened(BESIDE_UNIT, "/etc/passwd") && !is_opened(BESIDE_UNIT, "/bin/true") &&
	       !is_opened(BESIDE_DWZ, "/.dwz/../../../../bin/true") &&
	       !is_opened(BESIDE_DWZ, "/bin/true") && !is_opened(BESIDE_DEBUG, "/bin/true") &&
	       !is_opened(BESIDE_DEBUG, "text") && !is_opened(BESIDE_KEPT, "1") &&
	       !is_opened(99, "/bin/true") && open("/bin/true", O_RDONLY | O_CLOEXEC) < 0 &&
	       socket(AF_INET, SOCK_STREAM, 0) < 0 && syscall(SYS_fork) < 0;
}

static void before(int fd, bool names)
{
	char mark[2] = "";

	if (pread(fd, mark, 2, MARK_AT) != 2 || mark[1] != (names ? 'n' : 'i'))
		return;
	switch (mark[0]) {
	case 'a':
		abort();
	case 's':
		signal(SIGSEGV, SIG_DFL); /* not the sanitizer's */
		raise(SIGSEGV);
		break;
	case 'l':
		spin();
	case 'w':
		poll(NULL, 0, -1);
		break;
	case 'q':
		_exit(0);
	case 'o':
		if (!is_held())
			abort();
	}
}

static int begin(void **state)
{
	static const struct symbols_reader_options options = {before, 400, 1500, 0};

	if (fixture_make(state))
		return -1;
	reader = symbols_reader(&options);
	readers_open(&reader, 1, NULL);
	symbols = symbols_new();
	return reader->pid ? 0 : -1;
}

static int end(void **state)
{
	symbols_free(symbols);
	reader_close(reader);
	return fixture_remove(state);
}

static void mark(const char *name, char what, char when)
{
	const char bytes[] = {what, when};
	int fd = open(name, O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, bytes, sizeof(bytes), MARK_AT), sizeof(bytes));
	close(fd);
}

/* The name of `main` in such a file of the fixture's directory, as a recording would ask for it. */
static const char *name_of(const char *name)
{
	static char path[128];
	struct file_identity identity;
	struct name_request request = {.file = SYMBOLS_NO_FILE, .path = path};
	struct image image;
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	snprintf(path, sizeof(path), "%s/%s", fixture_directory, name);
	assert_int_equal(image_identity(fd, identity.id), 0);
	assert_int_equal(image_open(&image, fd), 0);
	assert_true(image_offset(&image, fixture_address("good", "main"), &request.offset));
	image_close(&image);
	request.build_id = identity.id;
	symbols_name(symbols, &request, 1);
	return request.function;
}

static void is_named(const char *name)
{
	const char *function = name_of(name);

	assert_non_null(function);
	assert_string_equal(function, "main");
}

/* It has no name, why is told, and the next file is read. */
static void ends_with(char what, char when, const char *why)
{
	uint64_t before_it = symbols_ended(symbols)->count;

	fixture_run("cp good evil");
	mark("evil", what, when);
	assert_null(name_of("evil"));
	assert_int_equal(symbols_ended(symbols)->count, before_it + 1);
	assert_non_null(strstr(symbols_ended(symbols)->path, "/evil"));
	assert_non_null(strstr(symbols_ended(symbols)->why, why));
	is_named("good");
	assert_int_equal(symbols_ended(symbols)->count, before_it + 1);
}

static void evil_files(void **state)
{
	(void)state;
	fixture_build("good", "-g");
	is_named("good");
	for (const char *when = "ni"; *when; when++) {
		ends_with('a', *when, "ended by signal 6");
		ends_with('s', *when, "ended by signal 11");
		ends_with('l', *when, "took too long");
		ends_with('q', *when, "ended by signal 9");
	}
	/* It waits, as for a file system that does not answer. */
	ends_with('w', 'n', "took too long");
}

static void nothing_but_what_names_need(void **state)
{
	(void)state;
	fixture_build("good", "-g");
	fixture_run("cp good held; cp good unit.dwo; ln -s /bin/true link.dwo; echo x >text");
	mark("held", 'o', 'n');
	is_named("held");
	assert_int_equal(symbols_ended(symbols)->count, 0);
}

/* What is told with a recording, and the other file of it. */
static void recordings(void **state)
{
	static const char *const names[] = {"evil", "good"};
	struct recording *rec = recording_new();
	uint32_t frames[2];
	bool told = false;

	(void)state;
	/* Of two builds: of one they would be one module. */
	fixture_build("good", "-g");
	fixture_build("evil", "-g -DEVIL -O2");
	mark("evil", 'l', 'n');
	for (size_t i = 0; i < 2; i++) {
		char path[128], id[IMAGE_ID];
		int fd = open(names[i], O_RDONLY | O_CLOEXEC);
		struct image image;
		uint64_t offset;

		snprintf(path, sizeof(path), "%s/%s", fixture_directory, names[i]);
		assert_int_equal(image_identity(fd, id), 0);
		assert_int_equal(image_open(&image, fd), 0);
		assert_true(image_offset(&image, fixture_address(names[i], "main"), &offset));
		image_close(&image);
		frames[i] = frame_intern(rec, FRAME_USER, module_intern(rec, path, id), offset, 0);
	}
	assert_int_equal(symbols_resolve(symbols, rec), 1);
	assert_int_equal(rec->frames.at[frames[0]].function, 0);
	assert_string_equal(string_get(rec, rec->frames.at[frames[1]].function), "main");
	vec_each(&rec->families, family)
		if (!strcmp(string_get(rec, family->name), FAMILY_NAMES)) {
			told = true;
			assert_int_equal(family->status, FAMILY_PARTIAL);
			assert_non_null(strstr(string_get(rec, family->why), "/evil: reading it"));
		}
	assert_true(told);
	recording_free(rec);
}

/* A file that ended its reader when it was seen is not read again. */
static void seen_once(void **state)
{
	static struct sight sight;
	struct location where;
	char path[128];
	uint32_t pid;

	(void)state;
	program_build("evil", "sleeper");
	mark("evil", 'l', 'i');
	pid = program_start("./evil");
	snprintf(path, sizeof(path), "%s/evil", fixture_directory);
	sight_file(&sight, path, path);
	sight.seen.pid = pid;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(symbols_file_seen(symbols, &sight.seen), 0);
		assert_int_equal(symbols_ended(symbols)->count, 1);
	}
	assert_int_equal(symbols_locate(symbols, sight.file, 0, &where), 0);
	assert_string_equal(where.build_id, "");
	program_stop(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(evil_files, begin, end),
		cmocka_unit_test_setup_teardown(nothing_but_what_names_need, begin, end),
		cmocka_unit_test_setup_teardown(recordings, begin, end),
		cmocka_unit_test_setup_teardown(seen_once, begin, end),
	};

	return cmocka_run_group_tests_name("symbols/apart", tests, NULL, NULL);
}
