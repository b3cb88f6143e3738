/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "report/documents.h"
#include "report/formats.h"

static char *render(struct document *doc)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	assert_int_equal(report_json(doc, out, NULL), 0);
	fclose(out);
	return text;
}

static json_t *parse(struct document *doc)
{
	json_error_t error;
	char *text = render(doc);
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	if (!root)
		fail_msg("line %d: %s", error.line, error.text);
	free(text);
	document_free(doc);
	return root;
}

/* "bottlenecks.0.impact.share" */
static json_t *at(json_t *node, const char *path)
{
	char name[64];

	while (node && *path) {
		size_t length = strcspn(path, ".");

		assert_true(length < sizeof(name));
		memcpy(name, path, length);
		name[length] = '\0';
		node = json_is_array(node) ? json_array_get(node, strtoul(name, NULL, 10))
					   : json_object_get(node, name);
		path += length + (path[length] == '.');
	}
	return node;
}

static const char *text_at(json_t *root, const char *path)
{
	return json_string_value(at(root, path));
}

static double real_at(json_t *root, const char *path)
{
	json_t *node = at(root, path);

	assert_true(json_is_number(node));
	return json_number_value(node);
}

static void contract(void **state)
{
	json_t *root = parse(document_busy());

	(void)state;
	assert_string_equal(text_at(root, "strait.version"), "0.1.0");
	assert_int_equal(json_integer_value(at(root, "strait.schema")), 1);
	assert_string_equal(text_at(root, "host.name"), "db1");
	assert_int_equal(json_integer_value(at(root, "host.memory_bytes")), 8321499136);
	assert_string_equal(text_at(root, "target.kind"), "host");
	assert_null(at(root, "target.name"));
	assert_int_equal(json_integer_value(at(root, "window.slices")), 10);
	assert_true(json_is_false(at(root, "window.cut")));
	assert_int_equal(json_integer_value(at(root, "coverage.lost_samples")), 3);
	assert_string_equal(text_at(root, "coverage.skipped.0.family"), "net");
	assert_int_equal(json_integer_value(at(root, "coverage.stacks.incomplete.no_table")), 12);
	assert_true(real_at(root, "coverage.self.cpu_percent") == 0.84);
	assert_true(real_at(root, "coverage.self.interrupt_percent") == 0.4);
	assert_int_equal(json_integer_value(at(root, "coverage.unwind_tables.loaded")), 43);
	assert_int_equal(json_integer_value(at(root, "coverage.unwind_tables.cached")), 41);
	assert_int_equal(json_integer_value(at(root, "coverage.unwind_tables.refused")), 3);
	assert_true(real_at(root, "coverage.unwind_tables.longest_ms") == 12.5);

	assert_true(real_at(root, "baseline.metrics.cpu_busy_percent.p50") == 24.9);
	assert_true(real_at(root, "baseline.metrics.disk_write_bytes:vda.p95") == 5767170);
	assert_string_equal(text_at(root, "baseline.metrics.disk_write_bytes:vda.label"), "vda");
	assert_true(real_at(root, "baseline.services.0.response_ms.p99") == 24.4);
	assert_true(json_is_null(at(root, "baseline.services.0.delivered_ms")));
	assert_true(json_is_null(at(root, "baseline.services.0.error_percent")));
	assert_int_equal(json_array_size(at(root, "baseline.memory_growth")), 2);
	assert_string_equal(text_at(root, "baseline.memory_growth.0.process"), "postgres");
	assert_string_equal(text_at(root, "baseline.memory_growth.0.container"), "podman:db");
	assert_int_equal(json_integer_value(at(root, "baseline.memory_growth.0.growth_bytes")),
			 62914560);
	assert_true(real_at(root, "baseline.memory_growth.1.growth_bytes_per_s") == 1048580);
	assert_true(real_at(root, "baseline.memory_growth.1.seconds") == 2);
	assert_null(at(root, "baseline.memory_growth.1.container"));
	assert_true(json_is_true(at(root, "baseline.memory_growth.1.exited")));

	assert_string_equal(text_at(root, "bottlenecks.0.id"), "cpu.antagonist");
	assert_string_equal(text_at(root, "bottlenecks.0.severity"), "critical");
	assert_string_equal(text_at(root, "bottlenecks.1.confidence"), "medium");
	assert_int_equal(json_integer_value(at(root, "bottlenecks.0.where.pid")), 4242);
	assert_null(at(root, "bottlenecks.0.where.device"));
	assert_true(real_at(root, "bottlenecks.0.impact.low") == 0.41);
	assert_string_equal(text_at(root, "bottlenecks.0.chain.1.where.process"), "postgres");
	assert_int_equal(json_array_size(at(root, "bottlenecks.0.evidence")), 5);
	assert_int_equal(json_integer_value(at(root, "bottlenecks.0.stacks.1")), 4);

	assert_true(real_at(root, "profile.hotspots.1.self_weight") == 1.42);
	assert_string_equal(text_at(root, "profile.hotspots.1.self_unit"), "s");
	assert_string_equal(text_at(root, "profile.hotspots.1.container"), "podman:db");
	assert_null(at(root, "profile.hotspots.0.container"));
	assert_null(at(root, "profile.hotspots.2.function"));
	assert_true(real_at(root, "profile.wakeups.0.seconds") == 8.25);
	assert_string_equal(text_at(root, "profile.wakeups.0.wakes.function"), "internal_flush");
	assert_string_equal(text_at(root, "profile.wakeups.0.terminals.1.who.process"), "burner");
	assert_true(real_at(root, "profile.wakeups.0.terminals.0.share") == 0.72);
	assert_string_equal(text_at(root, "profile.wakeups.0.chain.1.woken_by.process"),
			    "postgres");
	assert_null(at(root, "profile.wakeups.0.chain.0.woken_by"));
	assert_true(json_is_true(at(root, "profile.wakeups.0.blamed")));
	assert_true(json_is_false(at(root, "profile.wakeups.1.blamed")));
	assert_string_equal(text_at(root, "profile.wakeups.1.ended_by"), "timer");
	assert_string_equal(text_at(root, "bottlenecks.0.chain.2.woken_by.function"),
			    "internal_flush");
	assert_int_equal(json_integer_value(at(root, "coverage.waits.polls_untold")), 17);
	assert_true(real_at(root, "coverage.waits.wakers_placed_share") == 0.984);

	assert_string_equal(text_at(root, "strategy.steps.1.category"), "medium");
	assert_true(real_at(root, "strategy.steps.0.effort_hours.0") == 0.25);
	assert_int_equal(json_integer_value(at(root, "strategy.steps.1.bottleneck")), 2);
	assert_true(real_at(root, "strategy.total.saved_share") == 0.52);
	assert_string_equal(text_at(root, "monitor.metrics.3.comparison"), "<");
	assert_true(json_is_true(at(root, "monitor.metrics.0.exceeded")));
	json_decref(root);
}

static void waits_for_a_cpu(void **state)
{
	json_t *root = parse(document_busy());

	(void)state;
	assert_int_equal(json_array_size(at(root, "profile.delays")), 3);
	assert_string_equal(text_at(root, "profile.delays.0.waits.thread"), "worker");
	assert_string_equal(text_at(root, "profile.delays.0.occupant.process"), "burner");
	assert_string_equal(text_at(root, "profile.delays.0.why"), "priority");
	assert_int_equal(json_integer_value(at(root, "profile.delays.1.count")), 40);
	assert_null(at(root, "profile.delays.1.occupant.process"));
	assert_true(real_at(root, "profile.delays.0.seconds") == 2.5);
	assert_true(real_at(root, "profile.delays.0.longest_ms") == 24.5);
	assert_int_equal(json_integer_value(at(root, "coverage.waits.delays")), 410);
	assert_int_equal(json_integer_value(at(root, "coverage.waits.delays_single")), 353);
	assert_true(real_at(root, "coverage.waits.delays_seconds") == 4.125);
	json_decref(root);
}

/* Where a function without a name begins is told, but is no name. */
static void functions_without_a_name(void **state)
{
	struct document *doc = document_busy();
	json_t *root;

	(void)state;
	doc->hotspots.at[2].begin = 0x2f00;
	doc->bottlenecks.at[0].where.function = NULL;
	doc->bottlenecks.at[0].where.begin = 0x4000;
	root = parse(doc);
	assert_null(at(root, "profile.hotspots.2.function"));
	assert_int_equal(json_integer_value(at(root, "profile.hotspots.2.begin")), 0x2f00);
	assert_null(at(root, "bottlenecks.0.where.function"));
	assert_int_equal(json_integer_value(at(root, "bottlenecks.0.where.begin")), 0x4000);
	assert_null(at(root, "profile.hotspots.0.begin"));
	json_decref(root);
}

/* Not observed is null or absent, never 0. */
static void not_observed(void **state)
{
	json_t *root = parse(document_busy());

	(void)state;
	assert_true(json_is_null(at(root, "bottlenecks.0.evidence.4.value")));
	assert_true(json_is_null(at(root, "profile.hotspots.2.total_share")));
	assert_true(json_is_null(at(root, "strategy.steps.1.predicted.saved_share")));
	assert_true(json_is_null(at(root, "monitor.metrics.2.current")));
	assert_true(json_is_null(at(root, "monitor.metrics.2.exceeded")));
	assert_int_equal(json_integer_value(at(root, "baseline.metrics.swap_in.count")), 0);
	assert_null(at(root, "baseline.metrics.swap_in.avg"));
	json_decref(root);

	root = parse(document_new());
	assert_null(at(root, "verdict"));
	assert_null(at(root, "host.cpus"));
	assert_null(at(root, "coverage.self.rss_bytes"));
	assert_true(json_is_null(at(root, "coverage.self.bpf_percent")));
	assert_true(json_is_null(at(root, "coverage.ledger_share")));
	assert_true(json_is_null(at(root, "coverage.unwind_tables")));
	assert_true(json_is_null(at(root, "strategy.total")));
	assert_int_equal(json_array_size(at(root, "bottlenecks")), 0);
	json_decref(root);
}

/* Six significant digits; infinity is no number of JSON. */
static void numbers(void **state)
{
	struct document *doc = document_new();
	json_t *root;
	char *text;

	(void)state;
	doc->seconds = 1.0 / 3;
	doc->coverage.self_cpu_percent = INFINITY;
	doc->coverage.ledger_share = -0.0;
	doc->coverage.lost_events = UINT64_MAX;
	text = render(doc);
	assert_non_null(strstr(text, "\"seconds\": 0.333333,"));
	assert_non_null(strstr(text, "\"ledger_share\": 0.0,"));
	free(text);
	root = parse(doc);
	assert_true(json_is_null(at(root, "coverage.self.cpu_percent")));
	assert_int_equal(json_integer_value(at(root, "coverage.lost_events")), INT64_MAX);
	json_decref(root);
}

static void hostile(void **state)
{
	/* The text itself comes back, but for what is no UTF-8. */
	static const char expected[] = "\x1b]0;own\x07\xc2\x9b"
				       "31m\\xff\"<b>;\n\r\u202e";
	struct document *doc = document_hostile();
	char *text = render(doc);
	json_t *root;

	(void)state;
	for (const char *c = text; *c; c++)
		assert_true(*c == '\n' || (*c >= 0x20 && *c < 0x7f));
	free(text);
	root = parse(doc);
	assert_string_equal(text_at(root, "verdict"), expected);
	assert_string_equal(text_at(root, "bottlenecks.0.where.lock"), expected);
	assert_string_equal(text_at(root, "profile.hotspots.0.function"), expected);
	assert_string_equal(text_at(root, "coverage.skipped.0.why"), expected);
	assert_int_equal(json_object_size(at(root, "baseline.metrics")), 1);
	json_decref(root);
}

/* Byte for byte the same, and in the order of the contract. */
static void deterministic(void **state)
{
	static const char *const order[] = {"\"strait\"",   "\"host\"",        "\"window\"",
					    "\"target\"",   "\"coverage\"",    "\"verdict\"",
					    "\"baseline\"", "\"bottlenecks\"", "\"profile\"",
					    "\"strategy\"", "\"monitor\""};
	struct document *one = document_busy(), *two = document_busy();
	char *first = render(one), *second = render(two), *cursor = first;

	(void)state;
	assert_string_equal(first, second);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		char line[32];

		snprintf(line, sizeof(line), "\n  %s: ", order[i]);
		cursor = strstr(cursor, line);
		assert_non_null(cursor);
	}
	free(first);
	free(second);
	document_free(one);
	document_free(two);
}

/* Metrics and reasons are named by the data, the rest is named in docs/json.md. */
static void check_documented(const char *page, json_t *node, bool named_by_data)
{
	const char *key;
	json_t *value;
	size_t index;

	json_object_foreach(node, key, value)
	{
		bool found = named_by_data;

		/* `key`, `object.key`, `key.member`, `key[].member` */
		for (const char *at = page; !found && (at = strstr(at, key)); at++) {
			char before = at[-1], after = at[strlen(key)];

			found = (before == '`' || before == '.') && strchr("`.[", after);
		}
		if (!found)
			fail_msg("docs/json.md has no `%s`", key);
		check_documented(page, value,
				 !strcmp(key, "incomplete") ||
					 (!strcmp(key, "metrics") && json_is_object(value)));
	}
	json_array_foreach(node, index, value) check_documented(page, value, false);
}

static void documented(void **state)
{
	struct document *doc = document_busy();
	char *page = NULL;
	size_t size = 0;
	FILE *file = fopen("docs/json.md", "r");
	json_t *root;

	(void)state;
	if (!file)
		fail_msg("docs/json.md: %s (run from the top of the project)", strerror(errno));
	assert_true(getdelim(&page, &size, '\0', file) > 0);
	fclose(file);
	doc->target_name = "all";
	doc->bottlenecks.at[0].where =
		(struct place){"a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a", 1, 1};
	root = parse(doc);
	check_documented(page, root, false);
	json_decref(root);
	free(page);
}

static void full_disk(void **state)
{
	struct document *doc = document_busy();
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_int_equal(report_json(doc, full, NULL), -ENOSPC);
	fclose(full);
	document_free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contract),      cmocka_unit_test(waits_for_a_cpu),
		cmocka_unit_test(not_observed),  cmocka_unit_test(functions_without_a_name),
		cmocka_unit_test(numbers),       cmocka_unit_test(hostile),
		cmocka_unit_test(full_disk),     cmocka_unit_test(documented),
		cmocka_unit_test(deterministic),
	};

	return cmocka_run_group_tests_name("report/json", tests, NULL, NULL);
}
