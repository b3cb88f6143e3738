/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "report/fields.h"

static void writes(json_t *object, const char *expected)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	assert_int_equal(fields_write(object, out), 0);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, expected);
	free(text);
}

static void fields_keep_their_order(void **state)
{
	json_t *object = json_object(), *rows = json_array();

	(void)state;
	field_text(object, "z", "last letter");
	field_known(object, "unknown", NULL);
	field_known(object, "empty", "");
	field_known(object, "known", "x");
	field_text(object, "null", NULL);
	field_count(object, "count", 12);
	row_append(rows, real_value(0.5));
	field_put(object, "a", rows);
	writes(object, "{\n  \"z\": \"last letter\",\n  \"known\": \"x\",\n  \"null\": \"\",\n"
		       "  \"count\": 12,\n  \"a\": [\n    0.5\n  ]\n}\n");
}

static void numbers(void **state)
{
	json_t *object = json_object();

	(void)state;
	field_real(object, "nan", NAN);
	field_real(object, "infinite", -INFINITY);
	field_real(object, "zero", -0.0);
	field_real(object, "digits", 1.23456789);
	field_count(object, "most", UINT64_MAX);
	writes(object, "{\n  \"nan\": null,\n  \"infinite\": null,\n  \"zero\": 0.0,\n"
		       "  \"digits\": 1.23457,\n  \"most\": 9223372036854775807\n}\n");
}

static void a_spread(void **state)
{
	const struct spread spread = {1, 2, 3, 4, 5, NAN, 7};
	json_t *object = json_object();

	(void)state;
	fields_spread(object, &spread);
	writes(object, "{\n  \"avg\": 1.0,\n  \"min\": 2.0,\n  \"max\": 3.0,\n  \"p50\": 4.0,\n"
		       "  \"p95\": 5.0,\n  \"p99\": null,\n  \"count\": 7\n}\n");
}

/* C1, a character that turns the direction of text, a byte that is no UTF-8. */
static void only_ascii_leaves(void **state)
{
	json_t *object = json_object();

	(void)state;
	field_text(object, "t", "\xc2\x9b\x1b\xe2\x80\xae\xff");
	writes(object, "{\n  \"t\": \"\\u009B\\u001B\\u202E\\\\xff\"\n}\n");
}

static void a_full_disk_is_told(void **state)
{
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	assert_int_equal(fields_write(json_object(), full), -ENOSPC);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_keep_their_order),
		cmocka_unit_test(numbers),
		cmocka_unit_test(a_spread),
		cmocka_unit_test(only_ascii_leaves),
		cmocka_unit_test(a_full_disk_is_told),
	};

	return cmocka_run_group_tests_name("report/fields", tests, NULL, NULL);
}
