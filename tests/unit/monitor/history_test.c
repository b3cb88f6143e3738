/* SPDX-License-Identifier: BSD-2-Clause */
/* Times are made up: an interval is 10 s, and a week passes in a moment. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "monitor/history.h"
#include "util/folder.h"

#define SECOND   1000000000ULL
#define INTERVAL (10 * SECOND)
#define START    (1700000000 * SECOND)

static char path[128];

static int set_up(void **state)
{
	if (folder_make(state))
		return -1;
	snprintf(path, sizeof(path), "%s/deep/monitor.db", folder);
	return 0;
}

static void beside_remove(const char *suffix)
{
	char name[160];

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	unlink(name);
}

static int files_remove(void **state)
{
	(void)state;
	beside_remove("");
	beside_remove("-wal");
	beside_remove("-shm");
	beside_remove("-lock");
	return 0;
}

static struct history *open_good(const struct history_options *options)
{
	static const struct history_options keep_all;
	struct history *history = NULL;
	struct error error = {};

	if (history_open(&history, path, options ? options : &keep_all, &error))
		fail_msg("%s", error.text);
	return history;
}

static struct document *document_make(double cpu)
{
	struct document *doc = document_new();

	doc->verdict = "all \x1b[31m is well";
	doc->coverage.lost_events = 2;
	doc->coverage.lost_samples = 3;
	vec_push(&doc->coverage.lost, (struct counted){"map full: system calls", 2});
	vec_push(&doc->coverage.lost, (struct counted){"ring buffer full: CPU samples", 3});
	doc->coverage.self_cpu_percent = NAN;
	vec_push(&doc->metrics,
		 (struct metric){.name = "cpu_busy_percent", .spread = {.avg = cpu, .count = 10}});
	vec_push(&doc->metrics, (struct metric){.name = "disk_read_ms",
						.label = "vda",
						.spread = {.avg = 1.5, .p95 = NAN, .count = 10}});
	vec_push(&doc->thresholds, (struct threshold){.name = "cpu_usage", .current = cpu});
	vec_push(&doc->thresholds, (struct threshold){.name = "error_rate", .current = NAN});
	for (uint32_t rank = 1; rank <= 5; rank++) {
		struct bottleneck found = {.rank = rank,
					   .id = "cpu.saturated",
					   .title = "busy",
					   .impact = {0.5, 0.4, 0.6}};

		vec_push(&doc->bottlenecks, found);
	}
	return doc;
}

static int write_one(struct history *history, uint64_t begin, double cpu)
{
	struct limits limits = {};
	struct document *doc = document_make(cpu);
	struct error error;
	int err;

	limits_default(&limits);
	err = history_write(history,
			    &(struct history_interval){begin, begin + INTERVAL, SECOND, doc},
			    &limits, &error);
	document_free(doc);
	vec_free(&limits.at);
	return err;
}

/* One text of the file, as any SQLite client sees it; "NULL" for NULL. */
static const char *query(const char *sql)
{
	static char answer[256];
	sqlite3 *db;
	sqlite3_stmt *stmt;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL))
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	snprintf(answer, sizeof(answer), "%s",
		 sqlite3_column_type(stmt, 0) == SQLITE_NULL
			 ? "NULL"
			 : (const char *)sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return answer;
}

static void test_interval(void **state)
{
	struct history *history = open_good(NULL);
	struct stat st;

	(void)state;
	assert_int_equal(write_one(history, START, 42.5), 0);
	/* Readable while the monitor runs. */
	assert_string_equal(query("SELECT begin_ms FROM intervals"), "1700000000000");
	assert_string_equal(query("SELECT end_ms - begin_ms FROM intervals"), "10000");
	assert_string_equal(query("SELECT gap_ms FROM intervals"), "1000");
	assert_string_equal(query("SELECT lost FROM intervals"), "5");
	assert_string_equal(query("SELECT group_concat(reason || ' ' || count, '; ') FROM "
				  "(SELECT * FROM losses_named ORDER BY count)"),
			    "map full: system calls 2; ring buffer full: CPU samples 3");
	assert_string_equal(query("SELECT self_cpu_percent FROM intervals"), "NULL");
	assert_string_equal(query("SELECT avg FROM figures_named WHERE metric = "
				  "'cpu_busy_percent' AND label = ''"),
			    "42.5");
	assert_string_equal(query("SELECT avg FROM figures_named WHERE label = 'vda'"), "1.5");
	assert_string_equal(query("SELECT p95 FROM figures_named WHERE label = 'vda'"), "NULL");
	assert_string_equal(query("SELECT value FROM limits WHERE limit_on = 'cpu_usage'"), "42.5");
	/* Not observed is NULL and never 0. */
	assert_string_equal(query("SELECT value FROM limits WHERE limit_on = 'error_rate'"),
			    "NULL");
	assert_string_equal(query("SELECT value FROM limits WHERE limit_on = 'throughput'"),
			    "NULL");
	assert_string_equal(query("SELECT count(*) FROM bottlenecks"), "3");
	assert_string_equal(query("SELECT verdict FROM intervals"), "all \\x1b[31m is well");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(history_close(history, NULL), 0);
}

/* It goes on, and what is new of it is kept from now on. */
static void test_older_file(void **state)
{
	struct history *history = open_good(NULL);
	sqlite3 *db;

	(void)state;
	assert_int_equal(write_one(history, START, 1), 0);
	assert_int_equal(history_close(history, NULL), 0);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "DROP VIEW losses_named; DROP TABLE losses", NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	history = open_good(NULL);
	assert_int_equal(write_one(history, START + INTERVAL, 2), 0);
	assert_string_equal(query("SELECT group_concat(lost) FROM intervals"), "5,5");
	assert_string_equal(query("SELECT sum(count) FROM losses_named"), "5");
	assert_int_equal(history_close(history, NULL), 0);
}

static struct alert alert_make(void)
{
	return (struct alert){
		.limit = {.name = "disk_read_ms",
			  .statistic = LIMIT_P95,
			  .comparison = '>',
			  .value = 20,
			  .unit = "ms"},
		.label = "vda",
		.began_ns = START,
		.worst = 33,
	};
}

static void test_alerts(void **state)
{
	struct history *history = open_good(NULL);
	struct alert first = alert_make(), second = alert_make();
	struct error error;

	(void)state;
	history_alert(history, &first);
	history_alert(history, &second);
	assert_int_equal(first.id, 1);
	assert_int_equal(second.id, 2);
	assert_int_equal(write_one(history, START, 1), 0);
	assert_string_equal(query("SELECT limit_on FROM alerts WHERE id = 1"), "disk_read_ms.p95");
	assert_string_equal(query("SELECT label FROM alerts WHERE id = 1"), "vda");
	assert_string_equal(query("SELECT ended_ms FROM alerts WHERE id = 1"), "NULL");

	first.ended_ns = START + 60 * SECOND;
	first.worst = 44;
	first.reason = "monitor stopped";
	history_alert(history, &first);
	assert_int_equal(history_close(history, &error), 0);
	assert_string_equal(query("SELECT ended_ms - began_ms FROM alerts WHERE id = 1"), "60000");
	assert_string_equal(query("SELECT worst FROM alerts WHERE id = 1"), "44.0");
	assert_string_equal(query("SELECT reason FROM alerts WHERE id = 1"), "monitor stopped");

	/* The second was left open: the next monitor ends it with the last interval's time. */
	history = open_good(NULL);
	assert_string_equal(query("SELECT ended_ms - began_ms FROM alerts WHERE id = 2"), "10000");
	assert_string_equal(query("SELECT reason FROM alerts WHERE id = 2"), "monitor was killed");
	assert_string_equal(query("SELECT reason FROM alerts WHERE id = 1"), "monitor stopped");
	second = alert_make();
	history_alert(history, &second);
	assert_int_equal(second.id, 3);
	assert_int_equal(history_close(history, &error), 0);
}

static void test_retention_by_age(void **state)
{
	struct history *history = open_good(&(struct history_options){.keep_ns = 100 * SECOND});
	struct alert old = alert_make(), open = alert_make(), fresh = alert_make();

	(void)state;
	old.ended_ns = START + 20 * SECOND;
	fresh.ended_ns = START + 290 * SECOND;
	history_alert(history, &old);
	history_alert(history, &open);
	history_alert(history, &fresh);
	for (int i = 0; i < 30; i++)
		assert_int_equal(write_one(history, START + i * INTERVAL, i), 0);
	/* The last ends at 300 s: kept is what ended at 200 s or later, 19 to 29. */
	assert_string_equal(query("SELECT count(*) FROM intervals"), "11");
	assert_string_equal(query("SELECT min(end_ms) - 1700000000000 FROM intervals"), "200000");
	assert_string_equal(query("SELECT count(*) FROM figures"), "22");
	assert_string_equal(query("SELECT count(*) FROM limits"), "55");
	assert_string_equal(query("SELECT count(*) FROM bottlenecks"), "33");
	assert_string_equal(query("SELECT count(*) FROM losses"), "22");
	assert_string_equal(query("SELECT min(interval) = (SELECT min(id) FROM intervals) FROM "
				  "figures"),
			    "1");
	/* Old alerts go, open and fresh ones stay. */
	assert_string_equal(query("SELECT group_concat(id) FROM alerts"), "2,3");
	assert_int_equal(history_close(history, NULL), 0);
}

static void test_retention_by_size(void **state)
{
	const uint64_t limit = 300000;
	struct history *history = open_good(&(struct history_options){.keep_bytes = limit});
	struct stat st;

	(void)state;
	for (int i = 0; i < 2000; i++)
		assert_int_equal(write_one(history, START + (uint64_t)i * INTERVAL, i + 0.1), 0);
	/* The newest is there, the oldest is not, and much was kept. */
	assert_string_equal(query("SELECT max(end_ms) - 1700000000000 FROM intervals"), "20000000");
	assert_true(atoi(query("SELECT count(*) FROM intervals")) > 200);
	assert_true(atoi(query("SELECT count(*) FROM intervals")) < 1900);
	assert_string_equal(query("SELECT max(id) - min(id) + 1 = count(*) FROM intervals"), "1");
	assert_int_equal(history_close(history, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true((uint64_t)st.st_size < limit * 5 / 4);
}

static void test_full_disk_loses_no_alert(void **state)
{
	struct history *history = open_good(NULL);
	struct alert alert = alert_make();
	sqlite3 *other;

	(void)state;
	/* Another client that holds the file stands for a disk that takes nothing. */
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	history_alert(history, &alert);
	assert_int_equal(write_one(history, START, 1), -EBUSY);
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	assert_string_equal(query("SELECT count(*) FROM intervals"), "0");
	assert_int_equal(write_one(history, START + INTERVAL, 2), 0);
	assert_string_equal(query("SELECT count(*) FROM alerts"), "1");
	assert_int_equal(history_close(history, NULL), 0);
}

static void refused(int expected, const char *why)
{
	const struct history_options options = {};
	struct history *history = NULL;
	struct error error = {};

	assert_int_equal(history_open(&history, path, &options, &error), expected);
	assert_null(history);
	if (!strstr(error.text, why))
		fail_msg("'%s' lacks '%s'", error.text, why);
}

static void test_refused(void **state)
{
	struct history *history = open_good(NULL);
	sqlite3 *db;
	FILE *file;

	(void)state;
	refused(-EBUSY, "another monitor");
	assert_int_equal(history_close(history, NULL), 0);

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL);
	sqlite3_close(db);
	refused(-EINVAL, "version 99");

	files_remove(NULL);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_exec(db, "CREATE TABLE t(x)", NULL, NULL, NULL);
	sqlite3_close(db);
	refused(-EINVAL, "not a history");

	files_remove(NULL);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("this is a text, longer than the header of a database would be, so that no "
	      "part of it is missing when it is looked at",
	      file);
	fclose(file);
	refused(-EINVAL, "no history");

	files_remove(NULL);
	assert_int_equal(symlink("/tmp/elsewhere", path), 0);
	refused(-ELOOP, "symbolic link");
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	refused(-EINVAL, "not a regular file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_interval, files_remove),
		cmocka_unit_test_teardown(test_older_file, files_remove),
		cmocka_unit_test_teardown(test_alerts, files_remove),
		cmocka_unit_test_teardown(test_retention_by_age, files_remove),
		cmocka_unit_test_teardown(test_retention_by_size, files_remove),
		cmocka_unit_test_teardown(test_full_disk_loses_no_alert, files_remove),
		cmocka_unit_test_teardown(test_refused, files_remove),
	};

	return cmocka_run_group_tests_name("monitor/history", tests, set_up, folder_remove);
}
