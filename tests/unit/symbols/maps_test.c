/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "symbols/maps.h"
#include "symbols/symbols.h"

static bool parse(struct mapping *mapping, struct text_pool *pool, const char *line)
{
	return mapping_parse(mapping, pool, line, line + strlen(line));
}

static void lines(void **state)
{
	struct text_pool pool = {};
	struct mapping m;

	(void)state;
	assert_true(
		parse(&m, &pool,
		      "7f32c1a00000-7f32c1b7a000 r-xp 00028000 fe:10 247134                     "
		      "/usr/lib/x86_64-linux-gnu/libc.so.6"));
	assert_int_equal(m.start, 0x7f32c1a00000);
	assert_int_equal(m.end, 0x7f32c1b7a000);
	assert_int_equal(m.offset, 0x28000);
	assert_int_equal(m.dev, makedev(0xfe, 0x10));
	assert_int_equal(m.inode, 247134);
	assert_string_equal(m.path, "/usr/lib/x86_64-linux-gnu/libc.so.6");

	assert_true(parse(&m, &pool, "1000-2000 --xs 00000000 00:01 5   /a b  c (deleted)"));
	assert_string_equal(m.path, "/a b  c (deleted)");
	assert_true(parse(&m, &pool, "1000-2000 r-xp 0 00:01 5 /two\\012lines\\012"));
	assert_string_equal(m.path, "/two\nlines\n");
	assert_true(parse(&m, &pool, "1000-2000 rwxp 00000000 00:00 0 "));
	assert_string_equal(m.path, "");
	assert_true(parse(&m, &pool,
			  "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0   "
			  "               [vsyscall]"));
	assert_int_equal(m.start, 0xffffffffff600000);
	assert_string_equal(m.path, "[vsyscall]");
	text_pool_free(&pool);
}

static void other_lines_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"1000-2000",
		"1000-2000 r-x",
		"1000-2000 r--p 00000000 00:01 5 /not/executable",
		"2000-1000 r-xp 00000000 00:01 5 /backwards",
		"1000-1000 r-xp 00000000 00:01 5 /nothing",
		"1000 2000 r-xp 00000000 00:01 5 /a",
		"xyz-2000 r-xp 00000000 00:01 5 /a",
		"1000-2000 r-xp 00000000 0001 5 /a",
		"1000-2000 r-xp 00000000 00:01 /a",
	};
	struct text_pool pool = {};
	struct mapping m = {.start = 77};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (parse(&m, &pool, bad[i]))
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(m.start, 77);
	text_pool_free(&pool);
}

static void this_process(void **state)
{
	struct map_cache cache = {};
	struct text_pool pool = {};
	struct map_process *process;
	struct mapping *mapping;
	char exe[4096] = "";
	uint32_t pid = (uint32_t)getpid();

	(void)state;
	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	assert_int_equal(maps_find(&cache, &pool, pid, (uintptr_t)this_process, &process, &mapping),
			 0);
	assert_string_equal(mapping->path, exe);
	assert_int_equal(process->pid, pid);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(
			maps_find(&cache, &pool, pid, (uintptr_t)malloc, &process, &mapping), 0);
	assert_int_equal(cache.reads, 1);
	/* Data is not executable. */
	assert_int_equal(maps_find(&cache, &pool, pid, (uintptr_t)&pool, &process, &mapping),
			 -ENOENT);
	maps_free(&cache);
	text_pool_free(&pool);
}

/* Code that is mapped after the first read is found; addresses that are nowhere cost little. */
static void maps_are_read_again(void **state)
{
	struct map_cache cache = {};
	struct text_pool pool = {};
	struct map_process *process;
	struct mapping *mapping;
	uint32_t pid = (uint32_t)getpid();
	char *code;
	int err;

	(void)state;
	assert_int_equal(maps_find(&cache, &pool, pid, (uintptr_t)malloc, &process, &mapping), 0);
	code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(code, MAP_FAILED);
	for (int i = 0; i < 2000; i++) {
		err = maps_find(&cache, &pool, pid, (uintptr_t)code + 5, &process, &mapping);
		if (!err)
			break;
		usleep(1000);
	}
	assert_int_equal(err, 0);
	assert_int_equal(mapping->start, (uintptr_t)code);
	assert_string_equal(mapping->path, "");
	cache.reads = 0;
	for (int i = 0; i < 100000; i++)
		maps_find(&cache, &pool, pid, 0x10, &process, &mapping);
	assert_in_range(cache.reads, 0, 20);
	munmap(code, 4096);
	maps_free(&cache);
	text_pool_free(&pool);
}

static void processes_end(void **state)
{
	struct map_cache cache = {};
	struct text_pool pool = {};
	struct map_process *process;
	struct mapping *mapping;
	uint32_t pid = (uint32_t)getpid(), child;

	(void)state;
	assert_int_equal(maps_find(&cache, &pool, 0x7ffffff0, 0x1000, &process, &mapping), -ESRCH);
	assert_int_equal(maps_find(&cache, &pool, 2, 0x1000, &process, &mapping), -ESRCH);

	child = (uint32_t)fork();
	if (!child)
		pause();
	assert_int_equal(maps_find(&cache, &pool, child, (uintptr_t)malloc, &process, &mapping), 0);
	kill((pid_t)child, SIGKILL);
	waitpid((pid_t)child, NULL, 0);
	/* What was known stays, until it is forgotten. */
	assert_int_equal(maps_find(&cache, &pool, child, (uintptr_t)malloc, &process, &mapping), 0);
	assert_int_equal(maps_find(&cache, &pool, child, 0x10, &process, &mapping), -ENOENT);
	maps_forget(&cache, child);
	assert_int_equal(maps_find(&cache, &pool, child, (uintptr_t)malloc, &process, &mapping),
			 -ESRCH);

	/* A child that was never looked at while it lived has its parent's maps. */
	maps_inherit(&cache, child, pid);
	assert_int_equal(maps_find(&cache, &pool, child, (uintptr_t)malloc, &process, &mapping), 0);
	/* The parent's are known now, and outlive it; for them no file is read. */
	cache.reads = 0;
	maps_inherit(&cache, child, pid);
	maps_forget(&cache, pid);
	assert_int_equal(maps_find(&cache, &pool, child, (uintptr_t)malloc, &process, &mapping), 0);
	assert_int_equal(cache.reads, 0);
	maps_free(&cache);
	text_pool_free(&pool);
}

static void many_processes_are_bounded(void **state)
{
	struct map_cache cache = {};
	struct text_pool pool = {};
	struct map_process *process;
	struct mapping *mapping;
	uint32_t pid = (uint32_t)getpid();

	(void)state;
	for (uint32_t i = 0; i < 20000; i++)
		maps_inherit(&cache, 1u << 24 | i, pid);
	assert_in_range(cache.live, 1000, 10000);
	assert_in_range(cache.processes.len, 1000, 10000);
	/* The newest are still there. */
	assert_int_equal(
		maps_find(&cache, &pool, 1u << 24 | 19999, (uintptr_t)malloc, &process, &mapping),
		0);
	maps_free(&cache);
	text_pool_free(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),         cmocka_unit_test(other_lines_are_refused),
		cmocka_unit_test(this_process),  cmocka_unit_test(maps_are_read_again),
		cmocka_unit_test(processes_end), cmocka_unit_test(many_processes_are_bounded),
	};

	return cmocka_run_group_tests_name("symbols/maps", tests, NULL, NULL);
}
