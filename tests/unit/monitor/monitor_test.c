/* SPDX-License-Identifier: BSD-2-Clause */
/* Documents made by hand go through limits, alerts and history; the clock is the test's. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/lines.h"
#include "monitor/monitor.h"

#define SECOND   1000000000ULL
#define INTERVAL (10 * SECOND)
#define START    (1700000000 * SECOND) /* 2023-11-14T22:13:20Z */

struct clockwork {
	struct monitor *monitor;
	uint64_t now;
};

static struct clockwork clockwork_make(uint32_t need)
{
	struct clockwork c = {.now = START};
	struct limits limits = {};

	limits_default(&limits);
	c.monitor = monitor_new(&limits, need, NULL);
	vec_free(&limits.at);
	return c;
}

/* The default thresholds as the analysis gives them: three are not observed. */
static struct document *document_make(double cpu, double memory)
{
	const struct threshold rows[] = {
		{.name = "response_time_p95", .current = NAN},
		{.name = "cpu_usage", .current = cpu},
		{.name = "memory_usage", .current = memory},
		{.name = "error_rate", .current = NAN},
		{.name = "throughput", .current = NAN},
	};
	struct document *doc = document_new();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		vec_push(&doc->thresholds, rows[i]);
	vec_push(&doc->bottlenecks,
		 (struct bottleneck){.rank = 1,
				     .id = "cpu.saturated",
				     .title = "\x1b[31mtoo much\n to do",
				     .severity = SEVERITY_HIGH,
				     .where = {.process = "sh", .container = "podman:web"},
				     .impact = {0.25, 0.2, 0.3}});
	return doc;
}

static const struct monitor_interval *step(struct clockwork *c, double cpu, double memory)
{
	struct error error;
	uint64_t begin = c->now;

	c->now += INTERVAL;
	return monitor_judge(c->monitor, document_make(cpu, memory), begin, c->now, 0, &error);
}

static void test_begin_and_end(void **state)
{
	struct clockwork c = clockwork_make(2);
	const struct monitor_interval *interval = step(&c, 90, 10);

	(void)state;
	assert_int_equal(interval->readings.len, 5);
	assert_true(interval->readings.at[1].exceeded);
	assert_int_equal(interval->begun.len, 0);
	interval = step(&c, 95, 85);
	assert_int_equal(interval->begun.len, 1);
	assert_string_equal(interval->begun.at[0].limit.name, "cpu_usage");
	assert_int_equal(interval->begun.at[0].id, 1);
	assert_int_equal(interval->begun.at[0].began_ns, START);
	assert_non_null(strstr(interval->begun.at[0].cause, "cpu.saturated"));
	interval = step(&c, 60, 85);
	assert_int_equal(interval->begun.len, 1);
	assert_string_equal(interval->begun.at[0].limit.name, "memory_usage");
	assert_int_equal(interval->begun.at[0].id, 2);
	assert_int_equal(interval->ended.len, 0);
	interval = step(&c, 60, 85);
	assert_int_equal(interval->ended.len, 1);
	assert_int_equal(interval->ended.at[0].id, 1);
	assert_int_equal(interval->ended.at[0].ended_ns, START + 4 * INTERVAL);
	interval = monitor_stop(c.monitor, c.now);
	assert_int_equal(interval->ended.len, 1);
	assert_int_equal(interval->ended.at[0].id, 2);
	assert_string_equal(interval->ended.at[0].reason, "monitor stopped");
	monitor_free(c.monitor);
}

static void test_unobserved_never_alerts(void **state)
{
	struct clockwork c = clockwork_make(1);

	(void)state;
	for (int i = 0; i < 20; i++) {
		const struct monitor_interval *interval = step(&c, 10, 10);

		assert_int_equal(interval->begun.len, 0);
		assert_true(isnan(interval->readings.at[0].reading.value));
		assert_false(interval->readings.at[4].exceeded); /* throughput < 1000 */
	}
	monitor_free(c.monitor);
}

static void contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' lacks '%s'", text, part);
}

static void test_line_for_people(void **state)
{
	struct clockwork c = clockwork_make(1);
	const struct monitor_interval *interval = step(&c, 90.04, 10);
	char *line = interval_text(interval, 0, true);

	(void)state;
	contains(line, "2023-11-14T22:13:30Z  cpu_usage 90.0 % ALERT  memory_usage 10.0 %");
	contains(line, "| cpu.saturated high 25 %: \\x1b[31mtoo much\\x0a to do");
	contains(line, "| not observed: response_time_p95, error_rate, throughput");
	assert_null(strchr(line, '\n'));
	assert_null(strchr(line, '\x1b'));
	free(line);
	line = interval_text(interval, 50, false);
	assert_true(strlen(line) <= 50);
	contains(line, "...");
	free(line);
	monitor_free(c.monitor);
}

static void test_lines_for_programs(void **state)
{
	struct clockwork c = clockwork_make(1);
	const struct monitor_interval *interval = step(&c, 90, 10);
	char *line = interval_json(interval);

	(void)state;
	contains(line, "{\"interval\":{\"time\":\"2023-11-14T22:13:30Z\",\"seconds\":10.0,");
	contains(line, "{\"name\":\"response_time_p95\",\"comparison\":\">\",\"threshold\":200.0,"
		       "\"unit\":\"ms\",\"from\":\"default\",\"value\":null,\"label\":null,"
		       "\"observed\":false,\"exceeded\":false,\"alert\":false}");
	contains(line, "\"value\":90.0,\"label\":null,\"observed\":true,\"exceeded\":true,"
		       "\"alert\":true}");
	contains(line, "\\u001B[31mtoo much\\n to do\",\"process\":\"sh\","
		       "\"container\":\"podman:web\"}");
	contains(line, "\"lost\":[]");
	assert_null(strchr(line, '\n'));
	free(line);

	line = alert_json(&interval->begun.at[0]);
	contains(line, "{\"alert\":\"begin\",\"id\":1,\"name\":\"cpu_usage\",\"comparison\":\">\","
		       "\"threshold\":70.0,");
	contains(line, "\"worst\":90.0,\"began\":\"2023-11-14T22:13:20Z\"");
	assert_null(strstr(line, "ended"));
	free(line);
	interval = step(&c, 20, 10);
	line = alert_json(&interval->ended.at[0]);
	contains(line, "{\"alert\":\"end\",\"id\":1,");
	contains(line, "\"ended\":\"2023-11-14T22:13:40Z\",\"seconds\":20.0,"
		       "\"reason\":\"back within the limit\"}");
	free(line);
	monitor_free(c.monitor);
}

/* A recording that never ends: every interval is analysed alone and then dropped. */
static void test_observe_lets_go(void **state)
{
	struct clockwork c = clockwork_make(1);
	struct recording *rec = recording_new();
	struct error error;
	size_t rows = 0;

	(void)state;
	rec->host.cpus = 1;
	for (uint64_t i = 0; i < 100; i++) {
		const struct monitor_interval *interval;

		recording_begin_slice(rec, 3600 * SECOND + i * INTERVAL, false);
		recording_point(rec, "memory_used_percent", "", (double)i);
		recording_end_slice(rec, 3600 * SECOND + (i + 1) * INTERVAL);
		rec->length_ns = 3600 * SECOND + (i + 1) * INTERVAL;
		interval = monitor_observe(c.monitor, rec, START + (i + 1) * INTERVAL, 0, &error);
		assert_int_equal(interval->begin_ns, START + i * INTERVAL);
		assert_true(interval->readings.at[2].reading.value == (double)i);
		assert_true(interval->doc->seconds == 10);
		assert_int_equal(rec->points.len + rec->slices.len, 0);
		rows += interval->doc->slices;
	}
	assert_int_equal(rows, 100);
	recording_free(rec);
	monitor_free(c.monitor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_begin_and_end),
		cmocka_unit_test(test_unobserved_never_alerts),
		cmocka_unit_test(test_line_for_people),
		cmocka_unit_test(test_lines_for_programs),
		cmocka_unit_test(test_observe_lets_go),
	};

	return cmocka_run_group_tests_name("monitor/monitor", tests, NULL, NULL);
}
