/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs with known functions, built while the tests run, in a directory of their own. */
#ifndef STRAIT_TESTS_SYMBOLS_FIXTURE_H
#define STRAIT_TESTS_SYMBOLS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char fixture_directory[64];

/* Runs a shell command, formatted; it must succeed. Children must not inherit the sanitizers. */
__attribute__((format(printf, 1, 2))) static inline void fixture_run(const char *format, ...)
{
	char command[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command))
		fail_msg("failed: %s", command);
}

static inline int fixture_make(void **state)
{
	(void)state;
	strcpy(fixture_directory, "/tmp/strait-test-XXXXXX");
	if (!mkdtemp(fixture_directory))
		return -1;
	return chdir(fixture_directory);
}

static inline int fixture_remove(void **state)
{
	(void)state;
	if (chdir("/"))
		return -1;
	fixture_run("rm -rf '%s'", fixture_directory);
	return 0;
}

static inline void fixture_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/*
 * Line numbers matter. `hidden` is static; "app::work(int)" is C++'s name for `work`; `bare` is
 * assembly with neither type nor size.
 */
static const char fixture_source[] =
	"#include <stdlib.h>\n"                                /* 1 */
	"volatile int flag;\n"                                 /* 2 */
	"__attribute__((noinline)) static int hidden(int a)\n" /* 3 */
	"{\n"                                                  /* 4 */
	"	return flag * a + 7;\n"                        /* 5 */
	"}\n"                                                  /* 6 */
	"__attribute__((noinline)) int spinner(void)\n"        /* 7 */
	"{\n"                                                  /* 8 */
	"	while (!flag)\n"                               /* 9 */
	"		__builtin_ia32_pause();\n"             /* 10 */
	"	return flag;\n"                                /* 11 */
	"}\n"                                                  /* 12 */
	"int work(int) __asm__(\"_ZN3app4workEi\");\n"         /* 13 */
	"__attribute__((noinline)) int work(int a)\n"          /* 14 */
	"{\n"                                                  /* 15 */
	"	return hidden(a) + atoi(\"5\");\n"             /* 16 */
	"}\n"                                                  /* 17 */
	"__asm__(\".text\\n.globl bare\\nbare: nop\\nnop\\nret\\n\");\n"
	"int main(void)\n"                                  /* 19 */
	"{\n"                                               /* 20 */
	"	return work(3) + (flag ? spinner() : 0);\n" /* 21 */
	"}\n";

/* Builds ./NAME from the source above. Functions are far apart: no PAUSE is near another one. */
static inline void fixture_build(const char *name, const char *flags)
{
	fixture_write("program.c", fixture_source);
	fixture_run("env -u ASAN_OPTIONS cc -O1 -falign-functions=256 -o %s program.c %s", name,
		    flags);
}

/* The address of a symbol, as nm prints it. */
static inline uint64_t fixture_address(const char *name, const char *symbol)
{
	char command[256], line[512], found[256];
	uint64_t address = 0, at;
	FILE *nm;

	snprintf(command, sizeof(command), "nm %s", name);
	nm = popen(command, "r");
	assert_non_null(nm);
	while (fgets(line, sizeof(line), nm))
		if (sscanf(line, "%lx %*c %255s", &at, found) == 2 && !strcmp(found, symbol))
			address = at;
	pclose(nm);
	if (!address)
		fail_msg("%s has no symbol %s", name, symbol);
	return address;
}

#endif
