/* SPDX-License-Identifier: BSD-2-Clause */
/* Jit dumps: records with known answers, broken ones, and where processes keep theirs. */
#include "set_up.h"
#include "sighting.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "symbols/jit_dump.h"
#include "util/clock.h"

static uint8_t dump[1 << 16];
static size_t dump_length;

static void put(const void *bytes, size_t length)
{
	memcpy(dump + dump_length, bytes, length);
	dump_length += length;
}

static void put_u32(uint32_t value)
{
	put(&value, sizeof(value));
}

static void put_u64(uint64_t value)
{
	put(&value, sizeof(value));
}

static void dump_begin(uint32_t pid)
{
	dump_length = 0;
	put_u32(0x4a695444);
	put_u32(1);
	put_u32(48); /* longer than today's: what follows is skipped */
	put_u32(62);
	put_u32(0);
	put_u32(pid);
	put_u64(12345);
	put_u64(0);
	put_u64(0xeeeeeeeeeeeeeeee);
}

static size_t record_begin(uint32_t id)
{
	size_t at = dump_length;

	put_u32(id);
	put_u32(0);
	put_u64(12345);
	return at;
}

static void record_end(size_t at)
{
	uint32_t size = (uint32_t)(dump_length - at);

	memcpy(dump + at + 4, &size, sizeof(size));
}

static void put_load(uint64_t address, uint64_t size, uint64_t index, const char *name)
{
	size_t at = record_begin(0);

	put_u32(7);
	put_u32(7);
	put_u64(address);
	put_u64(address);
	put_u64(size);
	put_u64(index);
	put(name, strlen(name) + 1);
	for (uint64_t i = 0; i < size; i++)
		put("\x90", 1);
	record_end(at);
}

static void put_move(uint64_t old, uint64_t address, uint64_t size, uint64_t index)
{
	size_t at = record_begin(1);

	put_u32(7);
	put_u32(7);
	put_u64(address);
	put_u64(old);
	put_u64(address);
	put_u64(size);
	put_u64(index);
	record_end(at);
}

static void put_line(uint64_t address, uint32_t line, const char *source)
{
	put_u64(address);
	put_u32(line);
	put_u32(0);
	put(source, strlen(source) + 1);
}

static struct lookup look_up(uint64_t address, struct text_arena *arena)
{
	struct lookup lookups[3] = {{.address = 1}, {.address = address}, {.address = ~0ull}};
	int fd = memfd_create("dump", MFD_CLOEXEC);

	assert_int_equal(write(fd, dump, dump_length), dump_length);
	jit_dump_name(fd, lookups, 3, arena, time_now() + 10000000000);
	close(fd);
	assert_null(lookups[0].function);
	return lookups[1];
}

static void check(uint64_t address, const char *function, const char *source, uint32_t line)
{
	struct text_arena arena = {};
	struct lookup answer = look_up(address, &arena);

	if (function) {
		assert_non_null(answer.function);
		assert_string_equal(answer.function, function);
		assert_in_range(address, answer.start, answer.end - 1);
	} else {
		assert_null(answer.function);
	}
	if (source) {
		assert_non_null(answer.source);
		assert_string_equal(answer.source, source);
	} else {
		assert_null(answer.source);
	}
	assert_int_equal(answer.line, line);
	text_arena_clear(&arena);
}

static void functions_and_lines(void **state)
{
	size_t at;

	(void)state;
	dump_begin(7);
	put_load(0x1000, 0x40, 1, "old");
	put_load(0x2000, 0x40, 2, "next");
	at = record_begin(2);
	put_u64(0x1000);
	put_u64(3);
	put_line(0x1000, 10, "a.js");
	put_line(0x1010, 11, "\xff");
	put_line(0x1020, 5, "inlined.js");
	record_end(at);
	put_load(0x1000, 0x30, 3, "hot");
	/* Of a kind that is not known here. */
	at = record_begin(77);
	put("whatever", 9);
	record_end(at);
	/* V8's lines, as if an ELF header stood before the code. */
	at = record_begin(2);
	put_u64(0x3000);
	put_u64(2);
	put_line(0x3040, 20, "b.js");
	put_line(0x3050, 21, "b.js");
	record_end(at);
	put_load(0x3000, 0x40, 4, "shifted");
	put_move(0x3000, 0x9000, 0x40, 4);
	check(0xfff, NULL, NULL, 0);
	check(0x1000, "hot", "a.js", 10);
	check(0x100f, "hot", "a.js", 10);
	check(0x1010, "hot", "a.js", 11);
	check(0x102f, "hot", "inlined.js", 5);
	check(0x1030, "old", NULL, 0);
	check(0x1040, NULL, NULL, 0);
	check(0x2001, "next", NULL, 0);
	check(0x300f, "shifted", "b.js", 20);
	check(0x3010, "shifted", "b.js", 21);
	check(0x9010, "shifted", "b.js", 21);
	check(0x903f, "shifted", "b.js", 21);
	check(0x9040, NULL, NULL, 0);
}

static void broken_lines(void **state)
{
	static const char *const names[] = {"fine.js",
					    "a\x01"
					    "b.js",
					    "x\x7f"};
	size_t at;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		dump_begin(7);
		at = record_begin(2);
		put_u64(0x1000);
		/* Too many of them, or one outside of the function. */
		put_u64(i == 3 ? 1ull << 60 : 2);
		put_line(0x1000, 10, names[i < 3 ? i : 0]);
		put_line(i == 4 ? 0x7fff0000 : 0x1008, 11, "\xff");
		record_end(at);
		put_load(0x1000, 0x40, 3, "hot");
		check(0x1000, "hot", i ? NULL : "fine.js", i ? 0 : 10);
	}
}

static void broken_files(void **state)
{
	struct text_arena arena = {};
	uint32_t small[] = {0, 1, 15};
	size_t whole;

	(void)state;
	dump_begin(7);
	put_load(0x1000, 0x40, 1, "first");
	whole = dump_length;
	put_load(0x2000, 0x40, 2, "second");
	for (size_t length = dump_length; length-- > whole;) {
		dump_length = length;
		check(0x1000, "first", NULL, 0);
	}
	for (size_t length = whole; length-- > 0;) {
		dump_length = length;
		look_up(0x1000, &arena);
	}
	for (size_t i = 0; i < 3; i++) {
		dump_length = whole;
		record_begin(0);
		memcpy(dump + whole + 4, &small[i], 4);
		put_load(0x3000, 0x40, 1, "never");
		check(0x3000, NULL, NULL, 0);
		check(0x1000, "first", NULL, 0);
	}
	dump_begin(7);
	dump[0] ^= 1;
	put_load(0x1000, 0x40, 1, "other byte order, or none");
	check(0x1000, NULL, NULL, 0);
	dump_begin(7);
	record_end(record_begin(3));
	put_load(0x1000, 0x40, 1, "after the end");
	check(0x1000, NULL, NULL, 0);
	/* Any byte may be anything. */
	srandom(1);
	for (size_t i = 0; i < 3000; i++) {
		dump_begin(7);
		put_load(0x1000, 0x40, 1, "first");
		put_move(0x1000, 0x2000, 0x40, 1);
		for (size_t k = 0; k < 4; k++)
			dump[(size_t)random() % dump_length] = (uint8_t)random();
		look_up(0x2000, &arena);
		text_arena_clear(&arena);
	}
	text_arena_clear(&arena);
}

/* ---- processes ---- */

#define CODE 0x7000000

/* In a pid namespace and a directory of its own; `mapped`: as runtimes do. 0: it may not. */
static uint32_t start_runtime(bool mapped, uint32_t own_pid, uid_t owner)
{
	uint32_t pid;
	int ready[2], fd;
	char name[64], byte;
	bool done;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = (uint32_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dump_begin(own_pid);
		put_load(CODE, 0x40, 1, "LazyCompile:*deep b.js:3");
		snprintf(name, sizeof(name), "jit-%d.dump", getpid());
		fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
		if (fd < 0 || write(fd, dump, dump_length) < 0 || fchown(fd, owner, owner))
			_exit(1);
		if (mapped &&
		    mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED)
			_exit(1);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	done = (int)pid > 0 && read(ready[0], &byte, 1) == 1;
	close(ready[0]);
	return done ? pid : 0;
}

static const char *name_of(uint32_t pid, struct location *where)
{
	struct name_request request = {.pid = pid};

	assert_int_equal(symbols_locate(symbols, WIRE_FILE_ANONYMOUS | pid, CODE + 5, where), 0);
	request.file = where->file;
	request.path = where->path;
	request.build_id = where->build_id;
	request.offset = where->offset;
	symbols_name(symbols, &request, 1);
	return request.function;
}

static void processes(void **state)
{
	struct location where;
	char expected[32];
	const char *found;
	uint32_t pid = start_runtime(true, 1, geteuid());

	(void)state;
	if (!pid) {
		print_message("no right to make a pid namespace: skipped\n");
		skip();
	}
	snprintf(expected, sizeof(expected), "[jit %u]", pid);
	found = name_of(pid, &where);
	assert_string_equal(where.path, expected);
	assert_non_null(found);
	assert_string_equal(found, "LazyCompile:*deep b.js:3");
	program_stop(pid);
	assert_non_null(name_of(pid, &where));
	/* Not mapped, of another process, or of another user: not believed. */
	for (int i = 0; i < 3; i++) {
		pid = start_runtime(i != 0, i == 1 ? 2 : 1, i == 2 ? 12345 : geteuid());
		assert_int_not_equal(pid, 0);
		assert_null(name_of(pid, &where));
		assert_string_equal(where.path, "[anonymous]");
		program_stop(pid);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_and_lines),
		cmocka_unit_test(broken_lines),
		cmocka_unit_test(broken_files),
		cmocka_unit_test(processes),
	};

	return cmocka_run_group_tests_name("symbols/jit_dump", tests, symbols_set_up,
					   symbols_tear_down);
}
