/* SPDX-License-Identifier: BSD-2-Clause */
/* Baselines to rows and back. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/baselines.h"
#include "store/baselines_file.h"
#include "store/file.h"

/* What is read of a file, whatever it holds: a day of slices of 500 metrics is below this. */
#define ROWS_MAX   100000
#define VALUES_MAX (64u << 20)
#define TEXT_MAX   4096

static int failed(const struct baselines *store, int rc, const char *what, struct error *error)
{
	return database_error(store->db, rc, store->path, what, error);
}

static int damaged(const struct baselines *store, const char *why, struct error *error)
{
	return error_set(error, -EBADMSG, "%s is damaged: %s", store->path, why);
}

/* ---- writing ---- */

/*
 * Binds the arguments by the letters of `types` (s = text, i = int64_t, d = double), runs the
 * statement once and leaves it ready for the next row. An SQLite result code.
 */
static int run_row(sqlite3_stmt *statement, const char *types, ...)
{
	va_list values;
	int rc = SQLITE_OK, at = 0;

	va_start(values, types);
	for (; *types && rc == SQLITE_OK; types++) {
		at++;
		if (*types == 's')
			rc = sqlite3_bind_text(statement, at, va_arg(values, const char *), -1,
					       SQLITE_TRANSIENT);
		else if (*types == 'i')
			rc = sqlite3_bind_int64(statement, at, va_arg(values, int64_t));
		else /* NAN becomes NULL */
			rc = sqlite3_bind_double(statement, at, va_arg(values, double));
	}
	va_end(values);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	sqlite3_reset(statement);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int write_head(struct baselines *store, const struct baseline *baseline)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(
		store->db,
		"INSERT INTO baseline(name, host, kernel, arch, target_kind, "
		"target_name, cpus, memory_bytes, start_unix_ns, seconds, slices, "
		"warmup_slices) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
		-1, &statement, NULL);

	if (rc == SQLITE_OK)
		rc = run_row(statement, "ssssssiiidii", baseline->name, baseline->host,
			     baseline->kernel, baseline->arch, baseline->target_kind,
			     baseline->target_name, (int64_t)baseline->cpus,
			     (int64_t)baseline->memory_bytes, (int64_t)baseline->start_unix_ns,
			     baseline->seconds, (int64_t)baseline->slices,
			     (int64_t)baseline->warmup_slices);
	sqlite3_finalize(statement);
	return rc;
}

static int write_summaries(struct baselines *store, const struct baseline *baseline, int64_t id)
{
	sqlite3_stmt *statement = NULL;
	int64_t position = 0;
	int rc = sqlite3_prepare_v2(store->db, "INSERT INTO summary VALUES(?,?,?,?,?,?,?,?,?,?,?)",
				    -1, &statement, NULL);

	vec_each(&baseline->summaries, summary) {
		const struct spread *spread = &summary->spread;

		if (rc != SQLITE_OK)
			break;
		rc = run_row(statement, "iissddddddi", id, position++, summary->metric,
			     summary->label, spread->avg, spread->min, spread->max, spread->p50,
			     spread->p95, spread->p99, (int64_t)spread->count);
	}
	sqlite3_finalize(statement);
	return rc;
}

static int write_series(struct baselines *store, const struct baseline *baseline, int64_t id)
{
	sqlite3_stmt *head = NULL, *value = NULL;
	int64_t position = 0;
	int rc = sqlite3_prepare_v2(store->db,
				    "INSERT INTO series(baseline, position, metric, label, "
				    "statistic) VALUES(?,?,?,?,?)",
				    -1, &head, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(store->db, "INSERT INTO value VALUES(?,?,?)", -1, &value,
					NULL);
	vec_each(&baseline->series, series) {
		int64_t series_id, slice = 0;

		if (rc != SQLITE_OK)
			break;
		rc = run_row(head, "iisss", id, position++, series->metric, series->label,
			     series->statistic);
		series_id = sqlite3_last_insert_rowid(store->db);
		vec_each(&series->values, number)
			if (rc == SQLITE_OK)
				rc = run_row(value, "iid", series_id, slice++, *number);
	}
	sqlite3_finalize(head);
	sqlite3_finalize(value);
	return rc;
}

/* First the sum, which is there also where nothing was lost. */
static int write_losses(struct baselines *store, const struct baseline *baseline, int64_t id)
{
	sqlite3_stmt *statement = NULL;
	int64_t position = 0, sum = 0;
	int rc;

	if (!baseline->losses_known)
		return SQLITE_OK;
	vec_each(&baseline->losses, loss)
		sum += (int64_t)loss->count;
	rc = sqlite3_prepare_v2(store->db, "INSERT INTO loss VALUES(?,?,?,?,?)", -1, &statement,
				NULL);
	if (rc == SQLITE_OK)
		rc = run_row(statement, "iisii", id, position++, "", (int64_t)0, sum);
	vec_each(&baseline->losses, loss)
		if (rc == SQLITE_OK)
			rc = run_row(statement, "iisii", id, position++, loss->what,
				     (int64_t)loss->sample, (int64_t)loss->count);
	sqlite3_finalize(statement);
	return rc;
}

/* Whether there is one of this name: 1, 0, or a negative errno. */
static int find_name(struct baselines *store, const char *name, int64_t *id, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(store->db, "SELECT id FROM baseline WHERE name = ?", -1,
				    &statement, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(statement, 1, name, -1, SQLITE_TRANSIENT);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW)
		*id = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		return rc == SQLITE_ROW;
	return failed(store, rc, "cannot read", error);
}

static int delete_id(struct baselines *store, int64_t id)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(store->db, "DELETE FROM baseline WHERE id = ?", -1, &statement,
				    NULL);

	if (rc == SQLITE_OK)
		rc = run_row(statement, "i", id);
	sqlite3_finalize(statement);
	return rc;
}

/* Within the transaction of baselines_save(). */
static int save_rows(struct baselines *store, const struct baseline *baseline, bool replace,
		     struct error *error)
{
	int64_t id = 0;
	int found = find_name(store, baseline->name, &id, error), rc = SQLITE_OK;

	if (found < 0)
		return found;
	if (found && !replace)
		return error_set(
			error, -EEXIST,
			"there is a baseline '%s' already: give another name, or --replace",
			baseline->name);
	if (found)
		rc = delete_id(store, id);
	if (rc == SQLITE_OK && !store->has_losses)
		rc = sqlite3_exec(store->db, BASELINES_LOSS, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = write_head(store, baseline);
	id = sqlite3_last_insert_rowid(store->db);
	if (rc == SQLITE_OK)
		rc = write_summaries(store, baseline, id);
	if (rc == SQLITE_OK)
		rc = write_series(store, baseline, id);
	if (rc == SQLITE_OK)
		rc = write_losses(store, baseline, id);
	return rc == SQLITE_OK ? 0 : failed(store, rc, "cannot write", error);
}

int baselines_save(struct baselines *store, const struct baseline *baseline, bool replace,
		   struct error *error)
{
	int err = baseline_name_check(baseline->name, error);

	if (!err)
		err = baselines_ready(store, error);
	if (!err)
		err = baselines_run(store, "BEGIN IMMEDIATE", error);
	if (err)
		return err;
	err = save_rows(store, baseline, replace, error);
	if (!err)
		err = baselines_run(store, "COMMIT", error);
	if (err)
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	else
		store->has_losses = true;
	return err;
}

int baselines_remove(struct baselines *store, const char *name, struct error *error)
{
	int64_t id = 0;
	int found = baselines_ready(store, error), rc;

	if (!found)
		found = find_name(store, name, &id, error);
	if (found < 0)
		return found;
	if (!found)
		return error_set(error, -ENOENT, "there is no baseline '%.100s' in %s", name,
				 store->path);
	rc = delete_id(store, id);
	return rc == SQLITE_OK ? 0 : failed(store, rc, "cannot write", error);
}

/* ---- reading ---- */

/* A text column; NULL when it is none, too long, or has a zero byte. Valid until the next step. */
static const char *column_text(sqlite3_stmt *statement, int at)
{
	int type = sqlite3_column_type(statement, at), length;
	const char *text;

	if (type != SQLITE_TEXT && type != SQLITE_BLOB)
		return NULL;
	text = (const char *)sqlite3_column_text(statement, at);
	length = sqlite3_column_bytes(statement, at);
	return text && length <= TEXT_MAX && strlen(text) == (size_t)length ? text : NULL;
}

/* A number; NAN for NULL. False when it is neither or not finite. */
static bool column_number(sqlite3_stmt *statement, int at, double *out)
{
	int type = sqlite3_column_type(statement, at);

	*out = NAN;
	if (type == SQLITE_NULL)
		return true;
	*out = sqlite3_column_double(statement, at);
	return (type == SQLITE_FLOAT || type == SQLITE_INTEGER) && isfinite(*out);
}

static bool column_count(sqlite3_stmt *statement, int at, uint64_t limit, uint64_t *out)
{
	int64_t value = sqlite3_column_int64(statement, at);

	*out = (uint64_t)value;
	return sqlite3_column_type(statement, at) == SQLITE_INTEGER && value >= 0 && *out <= limit;
}

#define HEAD_COLUMNS                                                                               \
	"name, host, kernel, arch, target_kind, target_name, cpus, memory_bytes, start_unix_ns, "  \
	"seconds, slices, warmup_slices"

/* The head of a baseline from a row of HEAD_COLUMNS. */
static int read_head(const struct baselines *store, sqlite3_stmt *row, struct baseline *out,
		     struct error *error)
{
	char **const texts[] = {&out->name, &out->host,        &out->kernel,
				&out->arch, &out->target_kind, &out->target_name};
	uint64_t cpus, slices, warmup;

	for (int i = 0; i < 6; i++) {
		const char *text = column_text(row, i);

		if (!text)
			return damaged(store, "a text of a baseline is none", error);
		baseline_text(texts[i], text);
	}
	if (baseline_name_check(out->name, NULL))
		return damaged(store, "a baseline's name is none", error);
	if (!column_count(row, 6, UINT32_MAX, &cpus) ||
	    !column_count(row, 7, INT64_MAX, &out->memory_bytes) ||
	    !column_count(row, 8, INT64_MAX, &out->start_unix_ns) ||
	    !column_number(row, 9, &out->seconds) || isnan(out->seconds) ||
	    !column_count(row, 10, UINT32_MAX, &slices) ||
	    !column_count(row, 11, UINT32_MAX, &warmup))
		return damaged(store, "a number of a baseline is out of range", error);
	out->cpus = (uint32_t)cpus;
	out->slices = (uint32_t)slices;
	out->warmup_slices = (uint32_t)warmup;
	return 0;
}

static int read_summary(const struct baselines *store, sqlite3_stmt *row, struct baseline *out,
			struct error *error)
{
	const char *metric = column_text(row, 0), *label = column_text(row, 1);
	struct spread spread;

	if (!metric || !label)
		return damaged(store, "a metric without a name", error);
	if (!column_number(row, 2, &spread.avg) || !column_number(row, 3, &spread.min) ||
	    !column_number(row, 4, &spread.max) || !column_number(row, 5, &spread.p50) ||
	    !column_number(row, 6, &spread.p95) || !column_number(row, 7, &spread.p99) ||
	    !column_count(row, 8, INT64_MAX, &spread.count))
		return damaged(store, "a figure of a metric is out of range", error);
	if (out->summaries.len >= ROWS_MAX)
		return damaged(store, "too many metrics", error);
	baseline_add_summary(out, metric, label)->spread = spread;
	return 0;
}

/* One row a value, ordered by series: a new series begins where its position changes. */
static int read_value(const struct baselines *store, sqlite3_stmt *row, struct baseline *out,
		      struct error *error)
{
	const char *metric = column_text(row, 0), *label = column_text(row, 1);
	const char *statistic = column_text(row, 2);
	struct baseline_series *last = NULL;
	double value;

	if (!metric || !label || !statistic)
		return damaged(store, "a series without a name", error);
	if (!column_number(row, 3, &value) || isnan(value))
		return damaged(store, "a value is not a number", error);
	if (out->series.len)
		last = &out->series.at[out->series.len - 1];
	if (!last || strcmp(last->metric, metric) != 0 || strcmp(last->label, label) != 0 ||
	    strcmp(last->statistic, statistic) != 0) {
		if (out->series.len >= ROWS_MAX)
			return damaged(store, "too many series", error);
		last = baseline_add_series(out, metric, label, statistic);
	}
	if (last->values.len >= VALUES_MAX / 64)
		return damaged(store, "too many values", error);
	vec_push(&last->values, value);
	return 0;
}

static int read_loss(const struct baselines *store, sqlite3_stmt *row, struct baseline *out,
		     struct error *error)
{
	const char *reason = column_text(row, 0);
	uint64_t sample, count;

	if (!reason || !column_count(row, 1, 1, &sample) ||
	    !column_count(row, 2, INT64_MAX, &count))
		return damaged(store, "a loss is none", error);
	if (out->losses.len >= ROWS_MAX)
		return damaged(store, "too many losses", error);
	if (*reason)
		baseline_add_loss(out, reason, sample, count);
	else
		out->losses_known = true;
	return 0;
}

typedef int row_reader(const struct baselines *store, sqlite3_stmt *row, struct baseline *out,
		       struct error *error);

/* Runs a query with the baseline's id as its parameter and reads each row, VALUES_MAX at most. */
static int read_rows(struct baselines *store, const char *sql, int64_t id, row_reader *reader,
		     struct baseline *out, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL), err = 0;
	size_t rows = 0;

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 1, id);
	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(statement);
		if (rc != SQLITE_ROW)
			break;
		err = rows++ < VALUES_MAX ? reader(store, statement, out, error)
					  : damaged(store, "too many rows", error);
		if (err)
			break;
	}
	sqlite3_finalize(statement);
	if (err || rc == SQLITE_DONE)
		return err;
	return failed(store, rc, "cannot read", error);
}

int baselines_load(struct baselines *store, const char *name, struct baseline **out,
		   struct error *error)
{
	struct baseline *baseline;
	int64_t id = 0;
	int err = baselines_ready(store, error);

	if (!err)
		err = find_name(store, name, &id, error);
	if (err < 0)
		return err;
	if (!err)
		return error_set(
			error, -ENOENT,
			"there is no baseline '%.100s' in %s: 'strait baseline list' shows "
			"those that are there",
			name, store->path);
	baseline = baseline_new();
	err = read_rows(store, "SELECT " HEAD_COLUMNS " FROM baseline WHERE id = ?", id, read_head,
			baseline, error);
	if (!err)
		err = read_rows(store,
				"SELECT metric, label, avg, min, max, p50, p95, p99, count FROM "
				"summary WHERE baseline = ? ORDER BY position",
				id, read_summary, baseline, error);
	if (!err)
		err = read_rows(store,
				"SELECT metric, label, statistic, value FROM series JOIN value ON "
				"value.series = series.id WHERE baseline = ? ORDER BY position, "
				"slice",
				id, read_value, baseline, error);
	if (!err && store->has_losses)
		err = read_rows(store,
				"SELECT reason, sample, count FROM loss WHERE baseline = ? ORDER "
				"BY position",
				id, read_loss, baseline, error);
	if (err) {
		baseline_free(baseline);
		return err;
	}
	*out = baseline;
	return 0;
}

int baselines_each(struct baselines *store,
		   int (*each)(void *context, const struct baseline *baseline), void *context,
		   struct error *error)
{
	sqlite3_stmt *statement = NULL;
	size_t rows = 0;
	int err = baselines_ready(store, error), rc;

	if (err)
		return err;
	rc = sqlite3_prepare_v2(store->db,
				"SELECT " HEAD_COLUMNS " FROM baseline ORDER BY start_unix_ns, id",
				-1, &statement, NULL);
	while (!err && (rc == SQLITE_OK || rc == SQLITE_ROW)) {
		struct baseline *baseline;

		rc = sqlite3_step(statement);
		if (rc != SQLITE_ROW || rows++ >= ROWS_MAX)
			break;
		baseline = baseline_new();
		err = read_head(store, statement, baseline, error);
		if (!err)
			err = each(context, baseline);
		baseline_free(baseline);
	}
	sqlite3_finalize(statement);
	if (err || rc == SQLITE_DONE || rc == SQLITE_ROW)
		return err;
	return failed(store, rc, "cannot read", error);
}
