/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/fixture.h"

#include <sqlite3.h>

#include "histogram.h"
#include "store/schema.h"

static char *manual; /* docs/recording.md */

static int manual_setup(void **state)
{
	FILE *file = fopen("docs/recording.md", "r");
	size_t size = 0;

	(void)state;
	if (!file) {
		print_error("docs/recording.md: run this from the root of the sources\n");
		return -1;
	}
	if (getdelim(&manual, &size, '\0', file) < 0)
		return -1;
	fclose(file);
	return 0;
}

static int manual_teardown(void **state)
{
	(void)state;
	free(manual);
	return 0;
}

/* Every byte of a row has a column, but for padding: a field of 8 bytes is not forgotten. */
static void test_every_field_has_a_column(void **state)
{
	(void)state;
	for (int i = 0; i < TABLE_COUNT; i++) {
		const struct table *table = &schema_tables[i];
		char covered[256] = {};
		size_t gap = 0;

		assert_non_null(table->name);
		if (table->growth == TABLE_SINGLE)
			continue;
		assert_true(table->row_size <= sizeof(covered));
		for (const struct column *column = table->columns; column->name; column++) {
			assert_true(column < &table->columns[COLUMNS_MAX - 1]);
			assert_true(column->offset + column->size <= table->row_size);
			for (size_t at = 0; at < column->size; at++) {
				assert_false(covered[column->offset + at]);
				covered[column->offset + at] = 1;
			}
		}
		for (size_t at = 0; at < table->row_size; at++) {
			gap = covered[at] ? 0 : gap + 1;
			if (gap >= 8)
				print_error("%s: no column for byte %zu\n", table->name, at);
			assert_true(gap < 8);
		}
	}
}

/* References go to tables that are read before, or the range check would be of an unread table. */
static void test_references_go_back(void **state)
{
	(void)state;
	for (int i = 0; i < TABLE_COUNT; i++)
		for (const struct column *c = schema_tables[i].columns; c->name; c++)
			assert_true(c->kind < COLUMN_STRING || (int)c->target < i);
}

static void assert_in_manual(const char *line)
{
	if (!strstr(manual, line))
		print_error("docs/recording.md lacks: %s", line);
	assert_non_null(strstr(manual, line));
}

static void test_manual_has_every_column(void **state)
{
	char line[512], type[64];

	(void)state;
	for (int i = 0; i < TABLE_COUNT; i++) {
		const struct table *table = &schema_tables[i];

		snprintf(line, sizeof(line), "### %s\n\n%s\n\n", table->name, table->what);
		assert_in_manual(line);
		for (const struct column *column = table->columns; column->name; column++) {
			snprintf(type, sizeof(type), "%s%s%s%s", column_type(column),
				 column->kind >= COLUMN_STRING ? " → " : "",
				 column->kind >= COLUMN_STRING ? schema_tables[column->target].name
							       : "",
				 column_nullable(column) ? ", NULL" : "");
			snprintf(line, sizeof(line), "| `%s` | %s | %s |\n", column->name, type,
				 column->what);
			assert_in_manual(line);
		}
	}
}

static void test_manual_has_every_word(void **state)
{
	struct schema_word word;
	char line[128];
	unsigned int n = 0;

	(void)state;
	for (; (word = schema_word_get(n)).what; n++) {
		snprintf(line, sizeof(line), "| %s | %u | %s |\n", word.what, word.value,
			 word.word);
		assert_in_manual(line);
	}
	assert_true(n == TARGET_KINDS + 3 + STACK_END_COUNT + SAMPLE_KINDS + STATE_COUNT +
				 WAIT_ENDS + 2 + EVENT_KINDS + 3);
}

static sqlite3 *recording_make(void)
{
	struct recording *rec = fixture_names();
	struct store *store = NULL;
	sqlite3 *db = NULL;

	assert_ok(store_create(&store, path, NULL, &error));
	for (int i = 0; i < 3; i++)
		fixture_slice(rec);
	assert_ok(store_finish(store, rec, &error));
	store_close(store);
	recording_free(rec);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	return db;
}

/* The single value of a query, as text. */
static void assert_answer(sqlite3 *db, const char *sql, const char *answer)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL))
		print_error("%s: %s\n", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(stmt, 0), answer);
	sqlite3_finalize(stmt);
}

/* Wherever a view has a process, it has what that is in. */
static void test_views_have_containers(void **state)
{
	static const char *const columns[] = {
		"container FROM v_processes",   "container FROM v_threads",
		"container FROM v_samples",     "container FROM v_ledger",
		"container FROM v_waits",       "container FROM v_delays",
		"container FROM v_edges",       "container FROM v_holds",
		"container FROM v_counts",      "container FROM v_buckets",
		"waker_container FROM v_waits", "occupant_container FROM v_delays",
		"party_container FROM v_edges", "holder_container FROM v_holds",
	};
	sqlite3 *db = recording_make(), *writer;

	(void)state;
	assert_int_equal(sqlite3_open(sqlite3_db_filename(db, "main"), &writer), SQLITE_OK);
	assert_int_equal(sqlite3_exec(writer,
				      "UPDATE processes SET cgroup = (SELECT min(id) FROM cgroups);"
				      "INSERT INTO holds(slice, thread, holder, state, ns) "
				      "SELECT slice, thread, 0, 0, 1 FROM ledger LIMIT 1",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(writer);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		char sql[200], column[40];

		snprintf(column, sizeof(column), "%.*s", (int)strcspn(columns[i], " "), columns[i]);
		snprintf(sql, sizeof(sql), "SELECT %s WHERE %s IS NOT NULL LIMIT 1", columns[i],
			 column);
		assert_answer(db, sql, "unit:web.service");
	}
	sqlite3_close(db);
}

static void test_views(void **state)
{
	sqlite3 *db = recording_make();
	char sql[200], low[32];

	(void)state;
	assert_answer(db, "SELECT count(*) FROM v_samples", "6");
	assert_answer(db,
		      "SELECT kind || ' ' || leaf || ' ' || leaf_module || ' ' || count "
		      "FROM v_samples WHERE tid = 1 AND slice = 0",
		      "cpu do_work [kernel] 3");
	assert_answer(db, "SELECT leaf FROM v_samples WHERE kind = 'syscall'",
		      "/usr/bin/w\xc3\xa9+0x4000");
	assert_answer(db, "SELECT group_concat(depth || kind) FROM v_stacks WHERE stack = 1",
		      "0kernel,1user,2user");
	assert_answer(db, "SELECT sum(ns) FROM v_ledger WHERE state = 'running user code'",
		      "2997000000");
	assert_answer(db, "SELECT state || ns || coalesce(waker_tid, '') FROM v_waits",
		      "local peer4951");
	assert_answer(db, "SELECT count(*) FROM v_waits WHERE waker_pid IS NULL", "3");
	assert_answer(db,
		      "SELECT group_concat(ended_by || end_number || lock || "
		      "coalesce(waker_stack, '')) FROM v_waits WHERE slice = 0",
		      "thread012,softirq31");
	assert_answer(db, "SELECT count(*) FROM v_edges WHERE kind = 'culprit'", "3");
	assert_answer(db, "SELECT count(*) FROM v_counts WHERE pid = 4194303", "3");
	assert_answer(db, "SELECT count(*) FROM v_counts", "6");
	assert_answer(db, "SELECT count(*) FROM v_points WHERE value IS NULL", "3");
	assert_answer(db, "SELECT container FROM v_threads WHERE tid = 4194304",
		      "unit:web.service");
	snprintf(sql, sizeof(sql), "SELECT low FROM v_buckets WHERE slice = 1");
	snprintf(low, sizeof(low), "%llu", histogram_low(3775));
	if (histogram_low(3775) <= INT64_MAX)
		assert_answer(db, sql, low);
	sqlite3_close(db);
}

/* v_buckets computes histogram_low() in SQL. */
static void test_bucket_bounds(void **state)
{
	static const uint32_t buckets[] = {0, 1, 63, 64, 127, 128, 200, 1000, 3600};
	char sql[200], low[32];
	sqlite3 *db = NULL;

	(void)state;
	sqlite3_close(recording_make());
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (size_t i = 0; i < sizeof(buckets) / sizeof(*buckets); i++) {
		snprintf(sql, sizeof(sql), "UPDATE buckets SET bucket = %u", buckets[i]);
		assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
		snprintf(low, sizeof(low), "%llu", histogram_low(buckets[i]));
		assert_answer(db, "SELECT low FROM v_buckets", low);
	}
	sqlite3_close(db);
}

/* Each ```sql block of the manual runs, and has something to say about a small recording. */
static void test_manual_queries(void **state)
{
	sqlite3 *db = recording_make();
	char *at = manual, *end, *sql;
	sqlite3_stmt *stmt;
	int n = 0;

	(void)state;
	for (; (at = strstr(at, "```sql\n")); at = end, n++) {
		at += strlen("```sql\n");
		end = strstr(at, "```");
		assert_non_null(end);
		sql = strndup(at, end - at);
		if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL))
			print_error("%s\n%s\n", sql, sqlite3_errmsg(db));
		assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
		sqlite3_finalize(stmt);
		free(sql);
	}
	assert_true(n >= 3);
	sqlite3_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field_has_a_column),
		cmocka_unit_test(test_references_go_back),
		cmocka_unit_test(test_manual_has_every_column),
		cmocka_unit_test(test_manual_has_every_word),
		STORE_TEST(test_views),
		STORE_TEST(test_views_have_containers),
		STORE_TEST(test_bucket_bounds),
		STORE_TEST(test_manual_queries),
	};

	return cmocka_run_group_tests_name("store/schema", tests, manual_setup, manual_teardown);
}
