/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/limit.h"

static struct limit parsed(const char *text)
{
	struct limit limit = {};
	struct error error = {};

	if (limit_parse(text, &limit, &error))
		fail_msg("'%s' was refused: %s", text, error.text);
	return limit;
}

static void test_forms(void **state)
{
	struct limit limit = parsed("cpu_usage>85");

	(void)state;
	assert_string_equal(limit.name, "cpu_usage");
	assert_true(limit.threshold);
	assert_int_equal(limit.comparison, '>');
	assert_true(limit.value == 85);
	assert_string_equal(limit.unit, "percent");
	assert_string_equal(limit.from, "user");

	limit = parsed("disk_read_ms.p95:vda>2.5");
	assert_string_equal(limit.name, "disk_read_ms");
	assert_string_equal(limit.label, "vda");
	assert_int_equal(limit.statistic, LIMIT_P95);
	assert_false(limit.threshold);
	assert_true(limit.value == 2.5);
	assert_string_equal(limit.unit, "ms");

	limit = parsed("memory_available_bytes.min<1000000000");
	assert_int_equal(limit.comparison, '<');
	assert_int_equal(limit.statistic, LIMIT_MIN);
	assert_true(limit.value == 1e9);

	/* A label may hold anything but the comparison. */
	limit = parsed("cgroup_throttled_ms:/a/b.service:x>1");
	assert_string_equal(limit.label, "/a/b.service:x");
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{"", "is no limit"},
		{"cpu_usage", "is no limit"},
		{"cpu_usage>", "is no limit"},
		{"cpu_usage>x", "is no limit"},
		{"cpu_usage>1e9", "is no limit"},
		{"cpu_usage>nan", "is no limit"},
		{"cpu_usage>1.2.3", "is no limit"},
		{"cpu_usage>=1", "is no limit"},
		{">5", "metric's name"},
		{"no_such_metric>5", "unknown metric 'no_such_metric'"},
		{"runqueue_ms.p50x>5", "unknown statistic 'p50x'"},
		{"runqueue_ms:vda>5", "whole host"},
		{"cpu_usage:vda>5", "whole host"},
		{"cpu_usage.p95>5", "no statistic"},
		{"disk_read_ms:>5", "no label"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct limit limit = {.value = 42};
		struct error error = {};

		assert_int_equal(limit_parse(bad[i].text, &limit, &error), -EINVAL);
		if (!strstr(error.text, bad[i].why))
			fail_msg("'%s': '%s' lacks '%s'", bad[i].text, error.text, bad[i].why);
		assert_true(limit.value == 42);
	}
}

static void test_defaults_and_override(void **state)
{
	struct limits limits = {};
	struct limit limit = parsed("cpu_usage>85");
	struct error error;

	(void)state;
	limits_default(&limits);
	assert_int_equal(limits.at.len, 5);
	assert_string_equal(limits.at.at[1].name, "cpu_usage");
	assert_true(limits.at.at[1].value == 70);
	assert_string_equal(limits.at.at[1].from, "default");
	assert_int_equal(limits_set(&limits, &limit, &error), 0);
	assert_int_equal(limits.at.len, 5);
	assert_true(limits.at.at[1].value == 85);
	assert_string_equal(limits.at.at[1].from, "user");

	limit = parsed("disk_read_ms.p95>2");
	assert_int_equal(limits_set(&limits, &limit, &error), 0);
	limit = parsed("disk_read_ms.p99>2");
	assert_int_equal(limits_set(&limits, &limit, &error), 0);
	assert_int_equal(limits.at.len, 7);
	for (int i = 7; i < LIMITS_MAX; i++) {
		snprintf(limit.label, sizeof(limit.label), "d%d", i);
		assert_int_equal(limits_set(&limits, &limit, &error), 0);
	}
	snprintf(limit.label, sizeof(limit.label), "one more");
	assert_int_equal(limits_set(&limits, &limit, &error), -E2BIG);
	vec_free(&limits.at);
}

static struct document *document_make(void)
{
	struct document *doc = document_new();

	vec_push(&doc->metrics,
		 (struct metric){.name = "disk_read_ms",
				 .label = "vda",
				 .spread = {.avg = 3, .min = 1, .max = 9, .p95 = 8, .count = 5}});
	vec_push(&doc->metrics,
		 (struct metric){.name = "disk_read_ms",
				 .label = "vdb",
				 .spread = {.avg = 7, .min = 2, .max = 8, .p95 = 7, .count = 5}});
	vec_push(&doc->metrics, (struct metric){.name = "runqueue_ms", .spread = {.avg = NAN}});
	vec_push(&doc->thresholds, (struct threshold){.name = "cpu_usage", .current = 55});
	vec_push(&doc->thresholds, (struct threshold){.name = "error_rate", .current = NAN});
	return doc;
}

static void test_reading(void **state)
{
	struct document *doc = document_make();
	struct limit limit = parsed("disk_read_ms>5");
	struct reading reading = limit_read(&limit, doc);

	(void)state;
	/* Without a label the worst counts, and it depends on the side that is bad. */
	assert_true(reading.value == 7);
	assert_string_equal(reading.label, "vdb");
	limit = parsed("disk_read_ms<5");
	assert_true(limit_read(&limit, doc).value == 3);
	limit = parsed("disk_read_ms.p95>5");
	assert_string_equal(limit_read(&limit, doc).label, "vda");
	limit = parsed("disk_read_ms.max:vdb>5");
	assert_true(limit_read(&limit, doc).value == 8);
	limit = parsed("disk_read_ms:vdc>5");
	assert_true(isnan(limit_read(&limit, doc).value));

	limit = parsed("cpu_usage>5");
	assert_true(limit_read(&limit, doc).value == 55);
	/* Not observed is never 0, and never beyond a limit on either side. */
	limit = parsed("error_rate>5");
	assert_true(isnan(limit_read(&limit, doc).value));
	assert_false(limit_exceeded(&limit, NAN));
	limit = parsed("throughput<1000");
	assert_true(isnan(limit_read(&limit, doc).value));
	assert_false(limit_exceeded(&limit, NAN));
	limit = parsed("runqueue_ms>0");
	assert_true(isnan(limit_read(&limit, doc).value));
	document_free(doc);
}

static void test_exceeded(void **state)
{
	struct limit above = parsed("cpu_usage>85"), below = parsed("throughput<1000");

	(void)state;
	assert_false(limit_exceeded(&above, 85));
	assert_true(limit_exceeded(&above, 85.001));
	assert_false(limit_exceeded(&below, 1000));
	assert_true(limit_exceeded(&below, 999.9));
}

static void test_name(void **state)
{
	struct limit limit = parsed("disk_read_ms.p95:vda>2");
	char name[64];

	(void)state;
	limit_name(&limit, name, sizeof(name));
	assert_string_equal(name, "disk_read_ms.p95:vda");
	limit = parsed("cpu_usage>2");
	limit_name(&limit, name, sizeof(name));
	assert_string_equal(name, "cpu_usage");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_defaults_and_override),
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_exceeded),
		cmocka_unit_test(test_name),
	};

	return cmocka_run_group_tests_name("monitor/limit", tests, NULL, NULL);
}
