/* SPDX-License-Identifier: BSD-2-Clause */
#include "monitor/history.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor/history_file.h"
#include "util/escape.h"

#define PENDING_MAX  1000 /* alerts kept while they cannot be written */
#define VACUUM_PAGES 200  /* given back after each interval, at most */

enum statement {
	SQL_NAME_ADD,
	SQL_NAME_FIND,
	SQL_INTERVAL,
	SQL_FIGURE,
	SQL_LIMIT,
	SQL_BOTTLENECK,
	SQL_LOSS,
	SQL_ALERT,
	SQL_AGED, /* the newest interval that ended before a time */
	SQL_OLDEST,
	SQL_SIZE,
	SQL_DROP_FIGURES,
	SQL_DROP_LIMITS,
	SQL_DROP_BOTTLENECKS,
	SQL_DROP_LOSSES,
	SQL_DROP_ALERTS,
	SQL_DROP_INTERVALS,
	SQL_COUNT,
};

static const char size_sql[] =
	"SELECT (page_count - freelist_count) * page_size FROM pragma_page_count(), "
	"pragma_freelist_count(), pragma_page_size()";

static const char loss_sql[] =
	"INSERT INTO losses VALUES(?,?,?) ON CONFLICT(interval, reason) DO UPDATE "
	"SET count = count + excluded.count";

/* To be run before the intervals are dropped: their times say which alerts are as old. */
static const char drop_alerts_sql[] =
	"DELETE FROM alerts WHERE ended_ms <= (SELECT max(end_ms) FROM intervals WHERE id <= ?)";

static const char *const sql[SQL_COUNT] = {
	[SQL_NAME_ADD] = "INSERT OR IGNORE INTO names(text) VALUES(?)",
	[SQL_NAME_FIND] = "SELECT id FROM names WHERE text = ?",
	[SQL_INTERVAL] = "INSERT INTO intervals VALUES(NULL,?,?,?,?,?,?)",
	[SQL_FIGURE] = "INSERT OR REPLACE INTO figures VALUES(?,?,?,?,?,?,?,?,?)",
	[SQL_LIMIT] = "INSERT OR REPLACE INTO limits VALUES(?,?,?,?,?,?)",
	[SQL_BOTTLENECK] = "INSERT OR REPLACE INTO bottlenecks VALUES(?,?,?,?,?,?,?,?)",
	[SQL_LOSS] = loss_sql,
	[SQL_ALERT] = "INSERT OR REPLACE INTO alerts VALUES(?,?,?,?,?,?,?,?,?,?,?)",
	[SQL_AGED] = "SELECT max(id) FROM intervals WHERE end_ms < ?",
	/* A fortieth of what is there, so that the limit on size is not met again at once. */
	[SQL_OLDEST] = "SELECT min(id) + (max(id) - min(id)) / 40 FROM intervals",
	[SQL_SIZE] = size_sql,
	[SQL_DROP_FIGURES] = "DELETE FROM figures WHERE interval <= ?",
	[SQL_DROP_LIMITS] = "DELETE FROM limits WHERE interval <= ?",
	[SQL_DROP_BOTTLENECKS] = "DELETE FROM bottlenecks WHERE interval <= ?",
	[SQL_DROP_LOSSES] = "DELETE FROM losses WHERE interval <= ?",
	[SQL_DROP_ALERTS] = drop_alerts_sql,
	[SQL_DROP_INTERVALS] = "DELETE FROM intervals WHERE id <= ?",
};

struct history {
	sqlite3 *db;
	char *path;
	int lock;
	struct history_options options;
	sqlite3_stmt *statements[SQL_COUNT];
	VEC(struct alert) pending;
	int64_t next_alert;
};

/* ---- statements ---- */

static sqlite3_stmt *statement(struct history *history, enum statement which)
{
	sqlite3_stmt **stmt = &history->statements[which];

	if (!*stmt)
		sqlite3_prepare_v3(history->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, stmt,
				   NULL);
	else
		sqlite3_clear_bindings(*stmt);
	return *stmt;
}

static int statement_run(sqlite3_stmt *stmt)
{
	sqlite3_step(stmt);
	return sqlite3_reset(stmt);
}

/* The one number that the statement gives, untouched where it gives none or NULL. */
static int statement_number(sqlite3_stmt *stmt, int64_t *out)
{
	if (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_type(stmt, 0) != SQLITE_NULL)
		*out = sqlite3_column_int64(stmt, 0);
	return sqlite3_reset(stmt);
}

/*
 * Text may be a stranger's: it is kept as valid UTF-8 without controls, because any client may
 * print it on a terminal. NULL stays NULL.
 */
static void text_bind(sqlite3_stmt *stmt, int at, const char *text)
{
	if (text)
		sqlite3_bind_text(stmt, at, escape_text(text, ESCAPE_TERMINAL), -1, free);
}

/* NAN stays NULL: not observed. */
static void real_bind(sqlite3_stmt *stmt, int at, double value)
{
	if (isfinite(value))
		sqlite3_bind_double(stmt, at, value);
}

static int64_t milliseconds(uint64_t ns)
{
	return (int64_t)(ns / 1000000);
}

/* ---- one interval ---- */

static int name_intern(struct history *history, const char *text, int64_t *id)
{
	sqlite3_stmt *find = statement(history, SQL_NAME_FIND), *add;
	int rc;

	*id = 0;
	text_bind(find, 1, text ? text : "");
	rc = statement_number(find, id);
	if (rc != SQLITE_OK || *id)
		return rc;
	add = statement(history, SQL_NAME_ADD);
	text_bind(add, 1, text ? text : "");
	rc = statement_run(add);
	*id = sqlite3_last_insert_rowid(history->db);
	return rc;
}

static int figures_write(struct history *history, int64_t interval, const struct document *doc)
{
	int rc = SQLITE_OK;

	vec_each(&doc->metrics, metric) {
		const struct spread *spread = &metric->spread;
		const double values[] = {spread->avg, spread->min, spread->max,
					 spread->p50, spread->p95, spread->p99};
		int64_t name, label;
		sqlite3_stmt *stmt;

		rc = name_intern(history, metric->name, &name);
		if (rc == SQLITE_OK)
			rc = name_intern(history, metric->label, &label);
		if (rc != SQLITE_OK)
			break;
		stmt = statement(history, SQL_FIGURE);
		sqlite3_bind_int64(stmt, 1, interval);
		sqlite3_bind_int64(stmt, 2, name);
		sqlite3_bind_int64(stmt, 3, label);
		for (int i = 0; i < 6; i++)
			real_bind(stmt, 4 + i, values[i]);
		rc = statement_run(stmt);
		if (rc != SQLITE_OK)
			break;
	}
	return rc;
}

static int limits_write(struct history *history, int64_t interval, const struct limits *limits,
			const struct document *doc)
{
	int rc = SQLITE_OK;

	vec_each(&limits->at, limit) {
		struct reading reading = limit_read(limit, doc);
		const char comparison[2] = {limit->comparison};
		char name[LIMIT_NAME + LIMIT_LABEL + 8];
		sqlite3_stmt *stmt = statement(history, SQL_LIMIT);

		limit_name(limit, name, sizeof(name));
		sqlite3_bind_int64(stmt, 1, interval);
		text_bind(stmt, 2, name);
		text_bind(stmt, 3, *reading.label ? reading.label : NULL);
		real_bind(stmt, 4, reading.value);
		text_bind(stmt, 5, comparison);
		real_bind(stmt, 6, limit->value);
		rc = statement_run(stmt);
		if (rc != SQLITE_OK)
			break;
	}
	return rc;
}

static int bottlenecks_write(struct history *history, int64_t interval, const struct document *doc)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; i < doc->bottlenecks.len && i < HISTORY_BOTTLENECKS; i++) {
		const struct bottleneck *found = &doc->bottlenecks.at[i];
		sqlite3_stmt *stmt = statement(history, SQL_BOTTLENECK);

		sqlite3_bind_int64(stmt, 1, interval);
		sqlite3_bind_int64(stmt, 2, found->rank);
		text_bind(stmt, 3, found->id);
		text_bind(stmt, 4, severity_name(found->severity));
		real_bind(stmt, 5, found->impact.share);
		real_bind(stmt, 6, found->impact.low);
		real_bind(stmt, 7, found->impact.high);
		text_bind(stmt, 8, found->title);
		rc = statement_run(stmt);
		if (rc != SQLITE_OK)
			break;
	}
	return rc;
}

static int losses_write(struct history *history, int64_t interval, const struct document *doc)
{
	int rc = SQLITE_OK;

	vec_each(&doc->coverage.lost, lost) {
		sqlite3_stmt *stmt;
		int64_t reason;

		rc = name_intern(history, lost->what, &reason);
		if (rc != SQLITE_OK)
			break;
		stmt = statement(history, SQL_LOSS);
		sqlite3_bind_int64(stmt, 1, interval);
		sqlite3_bind_int64(stmt, 2, reason);
		sqlite3_bind_int64(stmt, 3, (int64_t)lost->count);
		rc = statement_run(stmt);
		if (rc != SQLITE_OK)
			break;
	}
	return rc;
}

static int interval_write(struct history *history, const struct history_interval *interval,
			  const struct limits *limits)
{
	const struct document *doc = interval->doc;
	sqlite3_stmt *stmt = statement(history, SQL_INTERVAL);
	int64_t id;
	int rc;

	sqlite3_bind_int64(stmt, 1, milliseconds(interval->begin_ns));
	sqlite3_bind_int64(stmt, 2, milliseconds(interval->end_ns));
	sqlite3_bind_int64(stmt, 3, milliseconds(interval->gap_ns));
	sqlite3_bind_int64(stmt, 4,
			   (int64_t)(doc->coverage.lost_events + doc->coverage.lost_samples));
	real_bind(stmt, 5, doc->coverage.self_cpu_percent);
	text_bind(stmt, 6, doc->verdict);
	rc = statement_run(stmt);
	id = sqlite3_last_insert_rowid(history->db);
	if (rc == SQLITE_OK)
		rc = figures_write(history, id, doc);
	if (rc == SQLITE_OK)
		rc = limits_write(history, id, limits, doc);
	if (rc == SQLITE_OK)
		rc = bottlenecks_write(history, id, doc);
	if (rc == SQLITE_OK)
		rc = losses_write(history, id, doc);
	return rc;
}

/* ---- alerts ---- */

void history_alert(struct history *history, struct alert *alert)
{
	if (!alert->id)
		alert->id = history->next_alert++;
	vec_each(&history->pending, old)
		if (old->id == alert->id) {
			*old = *alert;
			return;
		}
	if (history->pending.len < PENDING_MAX)
		vec_push(&history->pending, *alert);
}

static int alerts_write(struct history *history)
{
	int rc = SQLITE_OK;

	vec_each(&history->pending, alert) {
		const char comparison[2] = {alert->limit.comparison};
		char name[LIMIT_NAME + LIMIT_LABEL + 8];
		sqlite3_stmt *stmt = statement(history, SQL_ALERT);

		limit_name(&alert->limit, name, sizeof(name));
		sqlite3_bind_int64(stmt, 1, alert->id);
		text_bind(stmt, 2, name);
		text_bind(stmt, 3, *alert->label ? alert->label : NULL);
		text_bind(stmt, 4, comparison);
		real_bind(stmt, 5, alert->limit.value);
		text_bind(stmt, 6, alert->limit.unit);
		sqlite3_bind_int64(stmt, 7, milliseconds(alert->began_ns));
		if (alert->ended_ns)
			sqlite3_bind_int64(stmt, 8, milliseconds(alert->ended_ns));
		real_bind(stmt, 9, alert->worst);
		text_bind(stmt, 10, alert->reason);
		text_bind(stmt, 11, *alert->cause ? alert->cause : NULL);
		rc = statement_run(stmt);
		if (rc != SQLITE_OK)
			break;
	}
	return rc;
}

/* ---- retention ---- */

static int intervals_drop(struct history *history, int64_t last)
{
	int rc = SQLITE_OK;

	for (int which = SQL_DROP_FIGURES; which <= SQL_DROP_INTERVALS && rc == SQLITE_OK;
	     which++) {
		sqlite3_stmt *stmt = statement(history, (enum statement)which);

		sqlite3_bind_int64(stmt, 1, last);
		rc = statement_run(stmt);
	}
	return rc;
}

static int retention_apply(struct history *history, uint64_t now_ns)
{
	const struct history_options *options = &history->options;
	int64_t last = 0, bytes = 0;
	sqlite3_stmt *stmt;
	int rc = SQLITE_OK;

	if (options->keep_ns && now_ns > options->keep_ns) {
		stmt = statement(history, SQL_AGED);
		sqlite3_bind_int64(stmt, 1, milliseconds(now_ns - options->keep_ns));
		rc = statement_number(stmt, &last);
		if (rc == SQLITE_OK && last)
			rc = intervals_drop(history, last);
	}
	if (rc == SQLITE_OK && options->keep_bytes)
		rc = statement_number(statement(history, SQL_SIZE), &bytes);
	if (rc == SQLITE_OK && options->keep_bytes && (uint64_t)bytes > options->keep_bytes) {
		last = 0;
		rc = statement_number(statement(history, SQL_OLDEST), &last);
		if (rc == SQLITE_OK && last)
			rc = intervals_drop(history, last);
	}
	return rc;
}

int history_write(struct history *history, const struct history_interval *interval,
		  const struct limits *limits, struct error *error)
{
	char vacuum[64];
	int rc = sqlite3_exec(history->db, "BEGIN IMMEDIATE", NULL, NULL, NULL), err;

	if (rc == SQLITE_OK && interval)
		rc = interval_write(history, interval, limits);
	if (rc == SQLITE_OK)
		rc = alerts_write(history);
	if (rc == SQLITE_OK && interval)
		rc = retention_apply(history, interval->end_ns);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(history->db, "COMMIT", NULL, NULL, NULL);
	if (rc != SQLITE_OK) {
		err = history_error(history->db, rc, history->path, error);
		sqlite3_exec(history->db, "ROLLBACK", NULL, NULL, NULL);
		return err;
	}
	history->pending.len = 0;
	/* Space that is not given back now is given back later, or used again. */
	snprintf(vacuum, sizeof(vacuum), "PRAGMA incremental_vacuum(%d)", VACUUM_PAGES);
	sqlite3_exec(history->db, vacuum, NULL, NULL, NULL);
	return 0;
}

/* ---- opening and closing ---- */

/* Alerts of a monitor that was killed ended when it did. */
static int alerts_close_old(struct history *history, struct error *error)
{
	static const char close_old[] =
		"UPDATE alerts SET reason = 'monitor was killed', ended_ms = max(began_ms, "
		"(SELECT ifnull(max(end_ms), 0) FROM intervals)) WHERE ended_ms IS NULL";
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_exec(history->db, close_old, NULL, NULL, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(history->db, "SELECT max(id) + 1 FROM alerts", -1, &stmt,
					NULL);
	history->next_alert = 1;
	if (rc == SQLITE_OK)
		rc = statement_number(stmt, &history->next_alert);
	sqlite3_finalize(stmt);
	return rc == SQLITE_OK ? 0 : history_error(history->db, rc, history->path, error);
}

static void history_free(struct history *history)
{
	for (int i = 0; i < SQL_COUNT; i++)
		sqlite3_finalize(history->statements[i]);
	sqlite3_close(history->db);
	close(history->lock);
	vec_free(&history->pending);
	free(history->path);
	free(history);
}

int history_open(struct history **out, const char *path, const struct history_options *options,
		 struct error *error)
{
	struct history *history = calloc(1, sizeof(*history));
	char *copy = strdup(path);
	int err;

	if (!history || !copy) {
		free(history);
		free(copy);
		return error_set(error, -ENOMEM, "out of memory");
	}
	err = history_file_open(path, &history->db, &history->lock, error);
	if (err) {
		free(history);
		free(copy);
		return err;
	}
	history->path = copy;
	history->options = *options;
	for (int i = 0; i < SQL_COUNT && !err; i++)
		if (!statement(history, (enum statement)i))
			err = history_error(history->db, SQLITE_ERROR, path, error);
	if (!err)
		err = alerts_close_old(history, error);
	if (err) {
		history_free(history);
		return err;
	}
	*out = history;
	return 0;
}

int history_close(struct history *history, struct error *error)
{
	int err;

	if (!history)
		return 0;
	err = history->pending.len ? history_write(history, NULL, NULL, error) : 0;
	history_free(history);
	return err;
}
