/* SPDX-License-Identifier: BSD-2-Clause */
#include "monitor/history_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS 2000

/*
 * Figures are wide rows rather than one row a statistic: they are most of the file. Times are
 * milliseconds since 1970 in UTC.
 */
static const char schema[] =
	"CREATE TABLE names(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);"
	"CREATE TABLE intervals(id INTEGER PRIMARY KEY AUTOINCREMENT, begin_ms INTEGER NOT NULL,"
	" end_ms INTEGER NOT NULL, gap_ms INTEGER NOT NULL, lost INTEGER NOT NULL,"
	" self_cpu_percent REAL, verdict TEXT);"
	"CREATE INDEX intervals_end ON intervals(end_ms);"
	"CREATE TABLE figures(interval INTEGER NOT NULL, metric INTEGER NOT NULL,"
	" label INTEGER NOT NULL, avg REAL, min REAL, max REAL, p50 REAL, p95 REAL, p99 REAL,"
	" PRIMARY KEY(interval, metric, label)) WITHOUT ROWID;"
	"CREATE TABLE limits(interval INTEGER NOT NULL, limit_on TEXT NOT NULL, label TEXT,"
	" value REAL, comparison TEXT NOT NULL, threshold REAL NOT NULL,"
	" PRIMARY KEY(interval, limit_on)) WITHOUT ROWID;"
	"CREATE TABLE bottlenecks(interval INTEGER NOT NULL, rank INTEGER NOT NULL, id TEXT,"
	" severity TEXT, share REAL, low REAL, high REAL, title TEXT,"
	" PRIMARY KEY(interval, rank)) WITHOUT ROWID;"
	"CREATE TABLE alerts(id INTEGER PRIMARY KEY, limit_on TEXT NOT NULL, label TEXT,"
	" comparison TEXT NOT NULL, threshold REAL NOT NULL, unit TEXT, began_ms INTEGER NOT NULL,"
	" ended_ms INTEGER, worst REAL, reason TEXT, cause TEXT);"
	"CREATE VIEW figures_named AS SELECT i.end_ms, m.text AS metric, l.text AS label, f.avg,"
	" f.min, f.max, f.p50, f.p95, f.p99 FROM figures f JOIN intervals i ON i.id = f.interval"
	" JOIN names m ON m.id = f.metric JOIN names l ON l.id = f.label;";

/* What files of before these were kept get, too: their older intervals have the sum alone. */
static const char losses_schema[] =
	"CREATE TABLE IF NOT EXISTS losses(interval INTEGER NOT NULL, reason INTEGER NOT NULL,"
	" count INTEGER NOT NULL, PRIMARY KEY(interval, reason)) WITHOUT ROWID;"
	"CREATE VIEW IF NOT EXISTS losses_named AS SELECT i.end_ms, n.text AS reason, l.count"
	" FROM losses l JOIN intervals i ON i.id = l.interval JOIN names n ON n.id = l.reason;";

int history_error(sqlite3 *db, int rc, const char *path, struct error *error)
{
	const char *said = db ? sqlite3_errmsg(db) : sqlite3_errstr(rc);

	switch (rc & 0xff) {
	case SQLITE_FULL:
		return error_set(error, -ENOSPC, "%.300s: no space left for the history", path);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return error_set(error, -EBUSY, "%.300s: another program holds it", path);
	case SQLITE_NOMEM:
		return error_set(error, -ENOMEM, "out of memory");
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return error_set(error, -EINVAL,
				 "%.300s is damaged or no history (%.80s): move it away", path,
				 said);
	default:
		return error_set(error, -EIO, "%.300s: %.120s", path, said);
	}
}

/* The folder of the file, where only that is missing. */
static void folder_make(const char *path)
{
	char folder[PATH_MAX];
	char *slash;

	if ((size_t)snprintf(folder, sizeof(folder), "%s", path) >= sizeof(folder))
		return;
	slash = strrchr(folder, '/');
	if (slash && slash != folder) {
		*slash = 0;
		mkdir(folder, 0700);
	}
}

/*
 * A file beside the database: closing any descriptor of the database itself would drop the locks
 * that SQLite holds on it.
 */
static int lock_take(const char *path, int *lock, struct error *error)
{
	char name[PATH_MAX];
	int fd, err;

	if ((size_t)snprintf(name, sizeof(name), "%s-lock", path) >= sizeof(name))
		return error_set(error, -ENAMETOOLONG, "%.100s…: the name is too long", path);
	fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	if (fd < 0)
		return error_set(error, -errno, "cannot create %.300s: %s", name, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		err = errno;
		close(fd);
		if (err == EWOULDBLOCK)
			return error_set(error, -EBUSY,
					 "%.300s: another monitor writes it: end that, or give "
					 "--store FILE",
					 path);
		return error_set(error, -err, "cannot lock %.300s: %s", name, strerror(err));
	}
	*lock = fd;
	return 0;
}

/* Makes the empty file with its mode, or checks that what is there is a plain file. */
static int file_check(const char *path, struct error *error)
{
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	struct stat st = {};
	int err = 0;

	if (fd < 0)
		return error_set(error, -errno, "cannot open %.300s: %s", path,
				 errno == ELOOP ? "it is a symbolic link" : strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		err = error_set(error, -EINVAL, "%.300s is not a regular file", path);
	close(fd); /* before SQLite opens it: see lock_take() */
	return err;
}

static int number_query(sqlite3 *db, const char *sql, int64_t *out)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(stmt);
		if (rc == SQLITE_ROW) {
			*out = sqlite3_column_int64(stmt, 0);
			rc = SQLITE_OK;
		}
	}
	sqlite3_finalize(stmt);
	return rc;
}

static int schema_make(sqlite3 *db)
{
	char sql[160];
	int rc = sqlite3_exec(db, "PRAGMA auto_vacuum=INCREMENTAL; BEGIN", NULL, NULL, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, schema, NULL, NULL, NULL);
	snprintf(sql, sizeof(sql), "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT",
		 HISTORY_APPLICATION, HISTORY_VERSION);
	return rc == SQLITE_OK ? sqlite3_exec(db, sql, NULL, NULL, NULL) : rc;
}

static int schema_check(sqlite3 *db, const char *path, struct error *error)
{
	int64_t application = 0, version = 0, tables = 0;
	int rc = number_query(db, "PRAGMA application_id", &application);

	if (rc == SQLITE_OK)
		rc = number_query(db, "PRAGMA user_version", &version);
	if (rc == SQLITE_OK)
		rc = number_query(db, "SELECT count(*) FROM sqlite_master", &tables);
	if (rc == SQLITE_OK && !tables && !application)
		rc = schema_make(db);
	else if (rc == SQLITE_OK && application != HISTORY_APPLICATION)
		return error_set(error, -EINVAL,
				 "%.300s is not a history of strait monitor: give another --store",
				 path);
	else if (rc == SQLITE_OK && version != HISTORY_VERSION)
		return error_set(error, -EINVAL,
				 "%.300s has version %lld, this strait writes %d: move it away",
				 path, (long long)version, HISTORY_VERSION);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, losses_schema, NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : history_error(db, rc, path, error);
}

static int database_open(const char *path, sqlite3 **out, struct error *error)
{
	/* What was written survives the monitor's end; the last seconds may not survive the host's.
	 */
	static const char settings[] =
		"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
		"PRAGMA journal_size_limit=4194304; PRAGMA cache_size=-2048;";
	sqlite3 *db = NULL;
	int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_PRIVATECACHE, NULL);
	int err;

	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(db, BUSY_MS);
		err = schema_check(db, path, error);
		rc = err ? rc : sqlite3_exec(db, settings, NULL, NULL, NULL);
		if (!err && rc != SQLITE_OK)
			err = history_error(db, rc, path, error);
	} else {
		err = history_error(db, rc, path, error);
	}
	if (err) {
		sqlite3_close(db);
		return err;
	}
	*out = db;
	return 0;
}

int history_file_open(const char *path, sqlite3 **db, int *lock, struct error *error)
{
	char full[PATH_MAX];
	int err;

	/* A leading ./ keeps SQLite from seeing its special names: ":memory:", "file:…". */
	if (!*path || (size_t)snprintf(full, sizeof(full), "%s%s", *path == '/' ? "" : "./",
				       path) >= sizeof(full))
		return error_set(error, -EINVAL, "'%.100s' is not a usable file name", path);
	folder_make(full);
	err = lock_take(full, lock, error);
	if (err)
		return err;
	err = file_check(full, error);
	if (!err)
		err = database_open(full, db, error);
	if (err)
		close(*lock);
	return err;
}
