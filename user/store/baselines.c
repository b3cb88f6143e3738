/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/baselines.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/baselines_file.h"
#include "store/file.h"
#include "store/held.h"
#include "util/rights.h"

static const char schema[] =
	"CREATE TABLE baseline(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	" host TEXT NOT NULL, kernel TEXT NOT NULL, arch TEXT NOT NULL,"
	" target_kind TEXT NOT NULL, target_name TEXT NOT NULL, cpus INTEGER NOT NULL,"
	" memory_bytes INTEGER NOT NULL, start_unix_ns INTEGER NOT NULL, seconds REAL NOT NULL,"
	" slices INTEGER NOT NULL, warmup_slices INTEGER NOT NULL);"
	"CREATE TABLE summary(baseline INTEGER NOT NULL REFERENCES baseline ON DELETE CASCADE,"
	" position INTEGER NOT NULL, metric TEXT NOT NULL, label TEXT NOT NULL, avg REAL, min REAL,"
	" max REAL, p50 REAL, p95 REAL, p99 REAL, count INTEGER NOT NULL,"
	" PRIMARY KEY(baseline, position)) WITHOUT ROWID;"
	"CREATE TABLE series(id INTEGER PRIMARY KEY,"
	" baseline INTEGER NOT NULL REFERENCES baseline ON DELETE CASCADE,"
	" position INTEGER NOT NULL, metric TEXT NOT NULL, label TEXT NOT NULL,"
	" statistic TEXT NOT NULL, UNIQUE(baseline, position));"
	"CREATE TABLE value(series INTEGER NOT NULL REFERENCES series ON DELETE CASCADE,"
	" slice INTEGER NOT NULL, value REAL NOT NULL, PRIMARY KEY(series, slice)) WITHOUT "
	"ROWID;" BASELINES_LOSS;

int baseline_name_check(const char *name, struct error *error)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";
	size_t length = strlen(name);

	if (!length || length > BASELINE_NAME_MAX || strspn(name, letters) != length ||
	    *name == '.' || *name == '-')
		return error_set(error, -EINVAL,
				 "'%.100s' is no name for a baseline: it takes 1 to %d letters, "
				 "digits, '.', '_' and '-', beginning with a letter, digit or '_'",
				 name, BASELINE_NAME_MAX);
	return 0;
}

int baselines_path(char *out, size_t size, struct error *error)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	int length;

	if (!geteuid())
		length = snprintf(out, size, "/var/lib/strait/baselines.db");
	else if (data && *data == '/')
		length = snprintf(out, size, "%s/strait/baselines.db", data);
	else if (home && *home == '/')
		length = snprintf(out, size, "%s/.local/share/strait/baselines.db", home);
	else
		return error_set(error, -ENOENT,
				 "no place for baselines: neither XDG_DATA_HOME nor HOME is set; "
				 "name a file with --store");
	if (length < 0 || (size_t)length >= size)
		return error_set(error, -ENAMETOOLONG,
				 "no place for baselines: the home directory's name is too long; "
				 "name a file with --store");
	return 0;
}

/* Makes the directories above a file that are missing, for their owner alone. */
static int make_parents(const char *path, struct error *error)
{
	char parent[PATH_MAX];
	size_t length = strlen(path);

	if (length >= sizeof(parent))
		return error_set(error, -ENAMETOOLONG,
				 "cannot create %.100s…: the name is too long", path);
	memcpy(parent, path, length + 1);
	for (char *slash = strchr(parent + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(parent, 0700) && errno != EEXIST)
			return error_set(error, -errno, "cannot create the directory %s: %s",
					 parent, strerror(errno));
		*slash = '/';
	}
	return 0;
}

/* Is this a file that may be opened as a store? *empty: it holds nothing yet. */
static int check_file(const char *path, enum baselines_mode mode, bool *empty, struct error *error)
{
	int flags = mode == BASELINES_WRITE ? O_RDWR | O_CREAT : O_RDONLY, fd, err = 0;
	struct recording_header header = {};
	struct stat st;

	fd = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (fd < 0) {
		err = errno;
		return error_set(error, -err, "cannot open %s: %s", path,
				 err == ELOOP ? "it is a symbolic link" : strerror(err));
	}
	if (fstat(fd, &st))
		err = error_set(error, -errno, "cannot open %s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		err = error_set(error, -EINVAL, "cannot open %s: it is not a regular file", path);
	else if (st.st_size)
		err = header_read(fd, &header);
	close(fd);
	if (err)
		return err;
	*empty = !st.st_size;
	if ((*empty && mode == BASELINES_WRITE) ||
	    (header.is_sqlite && header.application == BASELINES_APPLICATION &&
	     header.version == BASELINES_VERSION))
		return 0;
	if (header.is_sqlite && header.application == BASELINES_APPLICATION)
		return error_set(
			error, -ENOTSUP,
			"%s is a store of baselines of version %d, and this is a program for "
			"version %d: use the strait that wrote it",
			path, header.version, BASELINES_VERSION);
	return error_set(error, -EINVAL, "%s is not a store of baselines", path);
}

static int create_schema(struct baselines *store, struct error *error)
{
	char sql[sizeof(schema) + 128];

	snprintf(
		sql, sizeof(sql),
		"BEGIN IMMEDIATE; PRAGMA application_id = %d; PRAGMA user_version = %d; %s COMMIT;",
		BASELINES_APPLICATION, BASELINES_VERSION, schema);
	return baselines_run(store, sql, error);
}

static void journal_name(const struct baselines *store, char out[PATH_BESIDE_MAX])
{
	snprintf(out, PATH_BESIDE_MAX, "%s-journal", store->path);
}

/* Views or virtual tables in the place of our tables would run a stranger's code. */
static int check_schema(struct baselines *store, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	int rc, tables = 0;

	rc = sqlite3_prepare_v2(
		store->db,
		"SELECT sum(name != 'loss'), sum(name = 'loss') FROM sqlite_master WHERE "
		"type = 'table' AND name IN ('baseline', 'summary', 'series', 'value', 'loss') AND "
		"sql NOT LIKE 'CREATE VIRTUAL%'",
		-1, &statement, NULL);
	if (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
		tables = sqlite3_column_int(statement, 0);
		store->has_losses = sqlite3_column_int(statement, 1);
	}
	sqlite3_finalize(statement);
	if (rc != SQLITE_ROW)
		return database_error(store->db, rc, store->path, "cannot read", error);
	if (tables != 4)
		return error_set(error, -EBADMSG, "%s is damaged: it lacks tables", store->path);
	return 0;
}

int baselines_ready(struct baselines *store, struct error *error)
{
	int err = 0;

	if (store->ready)
		return 0;
	if (store->journal_held)
		err = baselines_run(store, "PRAGMA journal_mode = TRUNCATE", error);
	if (!err)
		err = check_schema(store, error);
	store->ready = !err;
	return err;
}

/*
 * In a folder that is reached by rights alone SQLite could neither make its journal later nor
 * remove it: there is one from now on, which it leaves behind, empty.
 */
static void hold_journal(struct baselines *store, enum baselines_mode mode)
{
	char name[PATH_BESIDE_MAX], folder[PATH_MAX];
	struct stat database;
	bool made = false;
	int err;

	snprintf(folder, sizeof(folder), "%s", store->path);
	strrchr(folder, '/')[1] = 0;
	if (rights_spared(folder))
		return;
	journal_name(store, name);
	err = held_open(name, 0);
	if (err == -ENOENT && mode == BASELINES_WRITE) {
		err = held_open(name, O_CREAT | O_EXCL);
		made = !err;
	}
	/* Whose store it is must be able to go on with it. */
	if (made && !stat(store->path, &database))
		(void)!lchown(name, database.st_uid, database.st_gid);
	store->journal_held = !err && mode == BASELINES_WRITE;
}

static int open_database(struct baselines *store, enum baselines_mode mode, bool empty,
			 struct error *error)
{
	const int flags = SQLITE_OPEN_NOMUTEX |
			  (mode == BASELINES_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
	int rc = sqlite3_open_v2(store->path, &store->db, flags, NULL), err;

	if (rc != SQLITE_OK)
		return database_error(store->db, rc, store->path, "cannot open", error);
	sqlite3_busy_timeout(store->db, BUSY_MS);
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_limit(store->db, SQLITE_LIMIT_LENGTH, 1 << 20);
	err = baselines_run(store, "PRAGMA foreign_keys = ON", error);
	if (!err && empty)
		err = create_schema(store, error);
	if (!err)
		hold_journal(store, mode);
	return err;
}

int baselines_open(struct baselines **out, const char *path, enum baselines_mode mode,
		   struct error *error)
{
	struct baselines *store;
	bool empty = false;
	int err = 0;

	if (mode == BASELINES_WRITE)
		err = make_parents(path, error);
	if (!err)
		err = check_file(path, mode, &empty, error);
	if (err)
		return err;
	store = calloc(1, sizeof(*store));
	if (!store || !(store->path = realpath(path, NULL))) {
		err = error_set(error, -errno, "cannot open %s: %s", path, strerror(errno));
		free(store);
		return err;
	}
	held_open(store->path, 0); /* SQLite looks whether it is still the same */
	err = open_database(store, mode, empty, error);
	if (err) {
		baselines_close(store);
		return err;
	}
	*out = store;
	return 0;
}

void baselines_close(struct baselines *store)
{
	char name[PATH_BESIDE_MAX];

	if (!store)
		return;
	sqlite3_close(store->db);
	held_close(store->path);
	journal_name(store, name);
	held_close(name);
	free(store->path);
	free(store);
}

int baselines_run(struct baselines *store, const char *sql, struct error *error)
{
	int rc = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0
			       : database_error(store->db, rc, store->path, "cannot use", error);
}
