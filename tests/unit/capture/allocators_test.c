/* SPDX-License-Identifier: BSD-2-Clause */
/* Which functions of a file are probed, and where: against nm of the same file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/allocators.h"
#include "util/folder.h"

/* Sizes and begins of their own: what is told of them can be told apart. */
static const char source[] =
	"#include <stddef.h>\n"
	"static char room[64];\n"
	"void *malloc(size_t n) { return n > 64 ? NULL : room; }\n"
	"void *calloc(size_t n, size_t m) { return n * m > 64 ? NULL : room; }\n"
	"void *realloc(void *p, size_t n) { return n > 64 ? NULL : p; }\n"
	"void *memalign(size_t a, size_t n) { return n > a ? NULL : room; }\n"
	"void *aligned_alloc(size_t, size_t) __attribute__((alias(\"memalign\")));\n"
	"void free(void *p) { (void)p; }\n";

static int folder_enter(void **state)
{
	return folder_make(state) ?: chdir(folder);
}

static int folder_leave(void **state)
{
	return chdir("/") ?: folder_remove(state);
}

static struct allocator_probe found[ALLOCATOR_PROBES];

static size_t probes_of(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t count;

	assert_true(fd >= 0);
	count = allocator_probes(fd, found);
	assert_int_equal(close(fd), 0); /* it is still ours */
	return count;
}

static void build(const char *name, const char *text, const char *flags)
{
	char command[400];
	FILE *file = fopen("source.c", "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	snprintf(command, sizeof(command),
		 "env -u ASAN_OPTIONS cc -O2 -fno-builtin -w %s -o %s source.c", flags, name);
	assert_int_equal(system(command), 0);
}

/* Of the file's own tables, by another reader: code of shared objects lies where its address is. */
static uint64_t begin_of(const char *path, const char *name, uint64_t *size)
{
	uint64_t begin = 0;
	char command[200];
	FILE *nm;

	snprintf(command, sizeof(command), "nm -S %s | grep ' [TW] %s$'", path, name);
	nm = popen(command, "r");
	assert_non_null(nm);
	if (fscanf(nm, "%" SCNx64 " %" SCNx64, &begin, size) != 2)
		fail_msg("nm knows no %s", name);
	pclose(nm);
	return begin;
}

static void functions_that_allocate(void **state)
{
	static const struct {
		const char *name;
		enum alloc_call call;
	} wanted[] = {{"malloc", ALLOC_MALLOC},
		      {"calloc", ALLOC_CALLOC},
		      {"realloc", ALLOC_REALLOC},
		      {"memalign", ALLOC_ALIGNED}};
	size_t count;

	(void)state;
	build("own.so", source, "-shared -fPIC -Wl,-z,noseparate-code");
	count = probes_of("own.so");
	/* One function of two names is one probe. */
	assert_int_equal(count, 4);
	for (size_t i = 0; i < count; i++) {
		uint64_t size = 0, begin = begin_of("own.so", wanted[i].name, &size);

		assert_int_equal(found[i].call, wanted[i].call);
		assert_int_equal(found[i].offset - found[i].point.ahead, begin);
		assert_int_equal(found[i].point.length, size);
		assert_true(found[i].point.ahead < size);
	}
}

static void files_without_an_allocator(void **state)
{
	(void)state;
	build("other.so", "int other(void) { return 1; }\n", "-shared -fPIC");
	assert_int_equal(probes_of("other.so"), 0);
	/* That it calls malloc() makes no allocator of it. */
	build("caller.so", "void *malloc(unsigned long);\nvoid *a(void) { return malloc(3); }\n",
	      "-shared -fPIC");
	assert_int_equal(probes_of("caller.so"), 0);
	/* The other functions alone are somebody's wrappers. */
	build("part.so", "void *calloc(unsigned long n, unsigned long m) { return 0; }\n",
	      "-shared -fPIC");
	assert_int_equal(probes_of("part.so"), 0);
	assert_int_equal(probes_of("source.c"), 0);
	assert_int_equal(probes_of("/dev/null"), 0);
}

/* No exports: its own symbols are looked at, if it has them. */
static void a_static_program(void **state)
{
	(void)state;
	build("static", "#include <stdlib.h>\nint main(void) { return !malloc(3); }\n", "-static");
	assert_in_range(probes_of("static"), 4, ALLOCATOR_PROBES);
	assert_int_equal(system("strip static"), 0);
	assert_int_equal(probes_of("static"), 0);
}

/* Any byte may be another one: whatever is found lies in the file. */
static void files_that_are_broken(void **state)
{
	static uint8_t bytes[65536], broken[65536];
	size_t length;
	FILE *file;

	(void)state;
	file = fopen("own.so", "r");
	assert_non_null(file);
	length = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	srandom(4711);
	for (int i = 0; i < 2000; i++) {
		size_t count;

		memcpy(broken, bytes, length);
		for (int j = 0; j < 16; j++)
			broken[(size_t)random() % length] = (uint8_t)random();
		/* Headers, and the tables at the end, are where it matters. */
		broken[(size_t)random() % 256] = (uint8_t)random();
		broken[length - 1 - (size_t)random() % 4096] = 0xff;
		file = fopen("broken.so", "w");
		assert_non_null(file);
		fwrite(broken, 1, length - (i % 5 ? 0 : (size_t)random() % length), file);
		fclose(file);
		count = probes_of("broken.so");
		assert_in_range(count, 0, ALLOCATOR_PROBES);
		for (size_t k = 0; k < count; k++)
			assert_in_range(found[k].offset, 0, length);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_that_allocate),
		cmocka_unit_test(files_without_an_allocator),
		cmocka_unit_test(a_static_program),
		cmocka_unit_test(files_that_are_broken),
	};

	return cmocka_run_group_tests_name("capture/allocators", tests, folder_enter, folder_leave);
}
