/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "util/output.h"

static void writes_all(void **state)
{
	FILE *file = tmpfile();
	char back[8] = {};

	(void)state;
	assert_int_equal(output_write(file, "abc\0d", 5), 0);
	/* flushed: it is there without fclose */
	assert_int_equal(pread(fileno(file), back, sizeof(back), 0), 5);
	assert_memory_equal(back, "abc\0d", 5);
	assert_int_equal(output_write(file, NULL, 0), 0);
	fclose(file);
}

static void closed_pipe(void **state)
{
	int ends[2];
	FILE *file;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	file = fdopen(ends[1], "w");
	assert_int_equal(output_write(file, "x", 1), -EPIPE);
	fclose(file);
}

static void closed_descriptor(void **state)
{
	FILE *file = fopen("/dev/null", "w");

	(void)state;
	close(fileno(file));
	assert_int_equal(output_write(file, "x", 1), -EBADF);
	fclose(file);
}

/* An error before this write is not lost either. */
static void earlier_error(void **state)
{
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_int_equal(output_write(full, "x", 1), -ENOSPC);
	fclose(full);

	full = fopen("/dev/full", "w");
	setvbuf(full, NULL, _IONBF, 0);
	fputc('x', full);
	assert_int_equal(output_write(full, "", 0), -EIO);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_all),
		cmocka_unit_test(closed_pipe),
		cmocka_unit_test(closed_descriptor),
		cmocka_unit_test(earlier_error),
	};

	return cmocka_run_group_tests_name("util/output", tests, NULL, NULL);
}
