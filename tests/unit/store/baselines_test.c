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
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include <sqlite3.h>

#include "store/baselines.h"
#include "util/folder.h"

static char path[128];

static int set_up(void **state)
{
	if (folder_make(state))
		return -1;
	/* The directory between is made with the store. */
	snprintf(path, sizeof(path), "%s/deep/baselines.db", folder);
	return 0;
}

static int fresh(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static struct baseline *make_baseline(const char *name)
{
	struct baseline *baseline = baseline_new();
	struct baseline_series *series;

	baseline_text(&baseline->name, name);
	baseline_text(&baseline->host, "web-1");
	baseline_text(&baseline->kernel, "6.1.0");
	baseline_text(&baseline->arch, "x86_64");
	baseline_text(&baseline->target_kind, "cgroup");
	baseline_text(&baseline->target_name, "/a\x1b[31m b\xff");
	baseline->cpus = 4;
	baseline->memory_bytes = 1ull << 40;
	baseline->start_unix_ns = 1795345264000000001ull;
	baseline->seconds = 9.5;
	baseline->slices = 9;
	baseline->warmup_slices = 1;
	baseline_add_summary(baseline, "disk_read_ms", "vda")->spread =
		(struct spread){1, 0.1, 9, 0.9, 5, 8, 12345};
	baseline_add_summary(baseline, "load_1m", "")->spread =
		(struct spread){NAN, NAN, NAN, NAN, NAN, NAN, 0};
	series = baseline_add_series(baseline, "disk_read_ms", "vda", "p95");
	vec_push(&series->values, 4.25);
	vec_push(&series->values, 1e-300);
	vec_push(&series->values, -1.0 / 3);
	/* The same metric and label: told apart by the statistic alone. */
	series = baseline_add_series(baseline, "disk_read_ms", "vda", "p99");
	vec_push(&series->values, 7);
	baseline->losses_known = true;
	baseline_add_loss(baseline, "ring buffer full: CPU samples", true, 1ull << 40);
	baseline_add_loss(baseline, "map full: system calls", false, 3);
	return baseline;
}

static void check_baseline(const struct baseline *baseline, const char *name)
{
	assert_string_equal(baseline->name, name);
	assert_string_equal(baseline->host, "web-1");
	assert_string_equal(baseline->kernel, "6.1.0");
	assert_string_equal(baseline->arch, "x86_64");
	assert_string_equal(baseline->target_kind, "cgroup");
	assert_string_equal(baseline->target_name, "/a\x1b[31m b\xff");
	assert_int_equal(baseline->cpus, 4);
	assert_true(baseline->memory_bytes == 1ull << 40);
	assert_true(baseline->start_unix_ns == 1795345264000000001ull);
	assert_true(baseline->seconds == 9.5);
	assert_int_equal(baseline->slices, 9);
	assert_int_equal(baseline->warmup_slices, 1);
}

static void what_is_saved_is_loaded(void **state)
{
	struct baseline *baseline = make_baseline("before.v1"), *loaded;
	struct baselines *store;
	struct error error;
	struct stat st;

	(void)state;
	assert_int_equal(baselines_open(&store, path, BASELINES_WRITE, &error), 0);
	assert_int_equal(baselines_save(store, baseline, false, &error), 0);
	baselines_close(store);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	assert_int_equal(baselines_open(&store, path, BASELINES_READ, &error), 0);
	assert_int_equal(baselines_load(store, "before.v1", &loaded, &error), 0);
	check_baseline(loaded, "before.v1");
	assert_int_equal(loaded->summaries.len, 2);
	assert_string_equal(loaded->summaries.at[0].metric, "disk_read_ms");
	assert_string_equal(loaded->summaries.at[0].label, "vda");
	assert_memory_equal(&loaded->summaries.at[0].spread, &baseline->summaries.at[0].spread,
			    sizeof(struct spread));
	assert_int_equal(loaded->summaries.at[1].spread.count, 0);
	assert_true(isnan(loaded->summaries.at[1].spread.p95));
	assert_int_equal(loaded->series.len, 2);
	assert_string_equal(loaded->series.at[0].statistic, "p95");
	assert_int_equal(loaded->series.at[0].values.len, 3);
	assert_true(loaded->series.at[0].values.at[0] == 4.25);
	assert_true(loaded->series.at[0].values.at[1] == 1e-300);
	assert_true(loaded->series.at[0].values.at[2] == -1.0 / 3);
	assert_true(loaded->series.at[1].values.at[0] == 7);
	assert_true(loaded->losses_known);
	assert_int_equal(loaded->losses.len, 2);
	assert_string_equal(loaded->losses.at[0].what, "ring buffer full: CPU samples");
	assert_true(loaded->losses.at[0].sample && !loaded->losses.at[1].sample);
	assert_true(loaded->losses.at[0].count == 1ull << 40);
	assert_int_equal(loaded->losses.at[1].count, 3);
	/* Nothing can be written through a store opened for reading. */
	assert_true(baselines_save(store, baseline, true, &error) < 0);
	baselines_close(store);
	baseline_free(loaded);
	baseline_free(baseline);
}

/* Nothing lost, and not known, are not the same. */
static void losses_may_be_unknown(void **state)
{
	struct baseline *none = baseline_new(), *unknown = baseline_new(), *loaded;
	struct baselines *store;
	struct error error;
	sqlite3 *db;

	(void)state;
	baseline_text(&none->name, "none");
	none->losses_known = true;
	baseline_text(&unknown->name, "unknown");
	assert_int_equal(baselines_open(&store, path, BASELINES_WRITE, &error), 0);
	assert_int_equal(baselines_save(store, none, false, &error), 0);
	assert_int_equal(baselines_save(store, unknown, false, &error), 0);
	assert_int_equal(baselines_load(store, "none", &loaded, &error), 0);
	assert_true(loaded->losses_known && !loaded->losses.len);
	baseline_free(loaded);
	assert_int_equal(baselines_load(store, "unknown", &loaded, &error), 0);
	assert_false(loaded->losses_known);
	baseline_free(loaded);
	baselines_close(store);
	/* A file of before there was such a table: it gets it with the next baseline. */
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "DROP TABLE loss", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(baselines_open(&store, path, BASELINES_WRITE, &error), 0);
	assert_int_equal(baselines_load(store, "none", &loaded, &error), 0);
	assert_false(loaded->losses_known);
	baseline_free(loaded);
	assert_int_equal(baselines_save(store, none, true, &error), 0);
	assert_int_equal(baselines_load(store, "none", &loaded, &error), 0);
	assert_true(loaded->losses_known);
	baseline_free(loaded);
	baselines_close(store);
	baseline_free(none);
	baseline_free(unknown);
}

static int collect(void *context, const struct baseline *baseline)
{
	strcat(context, baseline->name);
	strcat(context, " ");
	return 0;
}

static int stop(void *context, const struct baseline *baseline)
{
	(void)baseline;
	return ++*(int *)context;
}

static void names_are_listed_replaced_and_removed(void **state)
{
	struct baseline *one = make_baseline("one"), *two = make_baseline("two"), *loaded;
	struct baselines *store;
	char names[64] = "";
	struct error error;
	int seen = 0;

	(void)state;
	one->start_unix_ns++;
	assert_int_equal(baselines_open(&store, path, BASELINES_WRITE, &error), 0);
	assert_int_equal(baselines_save(store, one, false, &error), 0);
	assert_int_equal(baselines_save(store, two, false, &error), 0);
	assert_int_equal(baselines_each(store, collect, names, &error), 0);
	assert_string_equal(names, "two one ");
	assert_int_equal(baselines_each(store, stop, &seen, &error), 1);
	assert_int_equal(seen, 1);

	two->cpus = 16;
	assert_int_equal(baselines_save(store, two, false, &error), -EEXIST);
	assert_non_null(strstr(error.text, "--replace"));
	assert_int_equal(baselines_load(store, "two", &loaded, &error), 0);
	assert_int_equal(loaded->cpus, 4);
	baseline_free(loaded);
	assert_int_equal(baselines_save(store, two, true, &error), 0);
	assert_int_equal(baselines_load(store, "two", &loaded, &error), 0);
	assert_int_equal(loaded->cpus, 16);
	assert_int_equal(loaded->series.len, 2);
	baseline_free(loaded);

	assert_int_equal(baselines_remove(store, "two", &error), 0);
	assert_int_equal(baselines_remove(store, "two", &error), -ENOENT);
	assert_int_equal(baselines_load(store, "two", &loaded, &error), -ENOENT);
	assert_non_null(strstr(error.text, "baseline list"));
	baselines_close(store);
	baseline_free(one);
	baseline_free(two);
}

static void names_are_checked(void **state)
{
	static const char *const good[] = {
		"a", "A-b_c.9", "9", "_x",
		"0123456789012345678901234567890123456789012345678901234567"
		"890123"};
	static const char *const bad[] = {
		"",
		".",
		"..",
		".hidden",
		"-x",
		"a b",
		"a/b",
		"a\n",
		"ä",
		"a;b",
		"01234567890123456789012345678901234567890123456789012345678"
		"901234"};
	struct baseline *baseline = make_baseline("a/b");
	struct baselines *store;
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(baseline_name_check(good[i], &error), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(baseline_name_check(bad[i], &error), -EINVAL);
	assert_int_equal(baselines_open(&store, path, BASELINES_WRITE, &error), 0);
	assert_int_equal(baselines_save(store, baseline, false, &error), -EINVAL);
	baselines_close(store);
	baseline_free(baseline);
}

static void other_files_are_refused_and_kept(void **state)
{
	struct baseline *baseline = make_baseline("x"), *loaded;
	struct baselines *store = NULL;
	char link[160], text[16] = "", names[16] = "";
	struct error error;
	sqlite3 *db;
	FILE *file;

	(void)state;
	assert_int_equal(baselines_open(&store, path, BASELINES_READ, &error), -ENOENT);
	file = fopen(path, "w");
	fputs("precious", file);
	fclose(file);
	assert_int_equal(baselines_open(&store, path, BASELINES_WRITE, &error), -EINVAL);
	file = fopen(path, "r");
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	assert_string_equal(text, "precious");
	unlink(path);

	snprintf(link, sizeof(link), "%s/link", folder);
	assert_int_equal(symlink("nowhere", link), 0);
	assert_int_equal(baselines_open(&store, link, BASELINES_WRITE, &error), -ELOOP);
	assert_int_equal(baselines_open(&store, folder, BASELINES_READ, &error), -EINVAL);

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE baseline(id)", NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(baselines_open(&store, path, BASELINES_WRITE, &error), -EINVAL);
	sqlite3_exec(db, "PRAGMA application_id = 0x73746262; PRAGMA user_version = 2", NULL, NULL,
		     NULL);
	assert_int_equal(baselines_open(&store, path, BASELINES_READ, &error), -ENOTSUP);
	sqlite3_exec(db, "PRAGMA user_version = 1", NULL, NULL, NULL);
	assert_null(store);
	/* What is in it is not looked at before somebody asks. */
	assert_int_equal(baselines_open(&store, path, BASELINES_READ, &error), 0);
	assert_int_equal(baselines_load(store, "x", &loaded, &error), -EBADMSG);
	assert_int_equal(baselines_each(store, collect, names, &error), -EBADMSG);
	assert_int_equal(baselines_save(store, baseline, true, &error), -EBADMSG);
	assert_int_equal(baselines_remove(store, "x", &error), -EBADMSG);
	baselines_close(store);
	baseline_free(baseline);
	sqlite3_close(db);
}

/* Each statement spoils a good file in another way; loading must say so, or give what is whole. */
static void damaged_files_are_told(void **state)
{
	static const char *const spoils[] = {
		"UPDATE value SET value = 'text'",
		"UPDATE value SET value = 9e999",
		"UPDATE series SET metric = zeroblob(3)",
		"UPDATE series SET statistic = zeroblob(100000)",
		"UPDATE summary SET count = -1",
		"UPDATE summary SET avg = 'x'",
		"UPDATE baseline SET host = x'410042'",
		"UPDATE baseline SET cpus = 99999999999",
		"UPDATE baseline SET slices = 'many'",
		"UPDATE loss SET count = -1",
		"UPDATE loss SET sample = 2",
		"UPDATE loss SET reason = zeroblob(3)",
	};
	struct baselines *store;
	struct baseline *baseline = make_baseline("x"), *loaded = NULL;
	struct error error;
	sqlite3 *db;

	(void)state;
	for (size_t i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++) {
		unlink(path);
		assert_int_equal(baselines_open(&store, path, BASELINES_WRITE, &error), 0);
		assert_int_equal(baselines_save(store, baseline, false, &error), 0);
		baselines_close(store);
		assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
		assert_int_equal(sqlite3_exec(db, spoils[i], NULL, NULL, NULL), SQLITE_OK);
		sqlite3_close(db);
		assert_int_equal(baselines_open(&store, path, BASELINES_READ, &error), 0);
		assert_int_equal(baselines_load(store, "x", &loaded, &error), -EBADMSG);
		assert_null(loaded);
		baselines_close(store);
	}
	baseline_free(baseline);
}

static void the_place_is_found(void **state)
{
	char out[128], *home = getenv("HOME");
	struct error error;

	(void)state;
	assert_int_equal(baselines_path(out, sizeof(out), &error), 0);
	if (!geteuid()) {
		assert_string_equal(out, "/var/lib/strait/baselines.db");
		assert_int_equal(baselines_path(out, 10, &error), -ENAMETOOLONG);
		return;
	}
	setenv("XDG_DATA_HOME", "/data", 1);
	assert_int_equal(baselines_path(out, sizeof(out), &error), 0);
	assert_string_equal(out, "/data/strait/baselines.db");
	setenv("XDG_DATA_HOME", "relative", 1);
	setenv("HOME", "/home/me", 1);
	assert_int_equal(baselines_path(out, sizeof(out), &error), 0);
	assert_string_equal(out, "/home/me/.local/share/strait/baselines.db");
	unsetenv("HOME");
	assert_int_equal(baselines_path(out, sizeof(out), &error), -ENOENT);
	if (home)
		setenv("HOME", home, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_saved_is_loaded, fresh),
		cmocka_unit_test_setup(losses_may_be_unknown, fresh),
		cmocka_unit_test_setup(names_are_listed_replaced_and_removed, fresh),
		cmocka_unit_test_setup(names_are_checked, fresh),
		cmocka_unit_test_setup(other_files_are_refused_and_kept, fresh),
		cmocka_unit_test_setup(damaged_files_are_told, fresh),
		cmocka_unit_test(the_place_is_found),
	};

	return cmocka_run_group_tests_name("store/baselines", tests, set_up, folder_remove);
}
