/* SPDX-License-Identifier: BSD-2-Clause */
/* A new recording file: nobody else's file is written to, followed or lost. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/file.h"

/* What SQLite may leave beside a database whose writer was killed. */
static const char *const residues[] = {"-wal", "-shm", "-journal"};

/*
 * May the file at `path` be removed for a new recording? 0, also when there is none; else an error.
 * The check and the removal are not one step: who can exchange the file in between owns the folder.
 */
static int file_replaceable(const char *path, bool replace, struct error *error)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct recording_header header;
	struct stat st;
	pid_t writer;
	int err;

	if (fd < 0) {
		err = errno;
		if (err == ENOENT)
			return 0;
		if (err == ELOOP)
			return error_set(error, -EINVAL,
					 "%s is a symbolic link: name the file itself", path);
		if (err == ENXIO) /* a socket, or a pipe nobody reads */
			return error_set(error, -EINVAL, "%s is not a regular file", path);
		return error_set(error, -err, "cannot look at %s: %s", path, strerror(err));
	}
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return error_set(error, -EINVAL, "%s is not a regular file", path);
	}
	err = header_read(fd, &header);
	writer = file_writer(fd);
	close(fd);
	if (writer)
		return error_set(error, -EBUSY,
				 "%s is in use by process %d: end it, or take another file", path,
				 (int)writer);
	if (st.st_size == 0)
		return 0;
	if (err || !header.is_sqlite || header.application != STORE_APPLICATION)
		return error_set(
			error, -EEXIST,
			"%s exists and is not a strait recording: remove it, or take another file",
			path);
	if (!replace)
		return error_set(error, -EEXIST,
				 "%s is an older recording: --replace it, or take another file",
				 path);
	return 0;
}

static int file_remove(const char *path, struct error *error)
{
	char beside[PATH_BESIDE_MAX];

	if (unlink(path) && errno != ENOENT)
		return error_set(error, -errno, "cannot replace %s: %s", path, strerror(errno));
	for (size_t i = 0; i < sizeof(residues) / sizeof(*residues); i++) {
		if (snprintf(beside, sizeof(beside), "%s%s", path, residues[i]) >=
		    (int)sizeof(beside))
			return error_set(error, -ENAMETOOLONG, "%s: the name is too long", path);
		/* What remained of another file would be read as a part of the new one. */
		if (unlink(beside) && errno != ENOENT)
			return error_set(error, -errno,
					 "cannot remove %s, left by an older recording: %s", beside,
					 strerror(errno));
	}
	return 0;
}

/* Makes the empty file; `made` tells it apart from any other. */
static int file_make(const char *path, const struct store_options *options, struct stat *made,
		     struct error *error)
{
	int fd, err = 0;

	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(error, -errno, "cannot create %s: %s", path, strerror(errno));
	if (options->owner && fchown(fd, options->owner, options->group ?: (gid_t)-1))
		err = errno;
	if (!err && (fchmod(fd, 0600) || fstat(fd, made)))
		err = errno;
	close(fd);
	if (!err)
		return 0;
	unlink(path);
	return error_set(error, -err, "cannot create %s: %s", path, strerror(err));
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Is what SQLite opened the file made by file_make()? */
static bool file_is(sqlite3 *db, const struct stat *made)
{
	const char *name = sqlite3_db_filename(db, "main");
	struct stat st;
	int moved = 1;

	return name && !stat(name, &st) && same_file(&st, made) &&
	       sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
	       !moved;
}

static int words_fill(sqlite3 *db)
{
	sqlite3_stmt *stmt = NULL;
	struct schema_word word;
	int rc = sqlite3_prepare_v2(db, "INSERT INTO words VALUES(?,?,?)", -1, &stmt, NULL);

	for (unsigned int i = 0; rc == SQLITE_OK; i++) {
		word = schema_word_get(i);
		if (!word.what)
			break;
		sqlite3_bind_text(stmt, 1, word.what, -1, SQLITE_STATIC);
		sqlite3_bind_int64(stmt, 2, word.value);
		sqlite3_bind_text(stmt, 3, word.word, -1, SQLITE_STATIC);
		sqlite3_step(stmt);
		rc = sqlite3_reset(stmt);
	}
	sqlite3_finalize(stmt);
	return rc;
}

static int schema_create(sqlite3 *db)
{
	/*
	 * synchronous=OFF: what was written lies in the page cache, so it survives the end of the
	 * process, not that of the host. Any sync would load the very disks that are observed. The
	 * schema needs no journal: a file without it is no recording.
	 */
	static const char begin[] = "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
				    "PRAGMA temp_store=MEMORY; BEGIN;";
	char sql[SQL_MAX];
	int rc = sqlite3_exec(db, begin, NULL, NULL, NULL);

	for (int i = 0; i < TABLE_COUNT && rc == SQLITE_OK; i++) {
		table_create_sql(&schema_tables[i], sql, sizeof(sql));
		rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, schema_views, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = words_fill(db);
	snprintf(
		sql, sizeof(sql),
		"PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT; PRAGMA journal_mode=WAL",
		STORE_APPLICATION, STORE_VERSION);
	return rc == SQLITE_OK ? sqlite3_exec(db, sql, NULL, NULL, NULL) : rc;
}

/* Opens the file made by file_make() and makes the schema in it. */
static int database_make(const char *path, const struct stat *made, sqlite3 **out,
			 struct error *error)
{
	sqlite3 *db = NULL;
	int rc, err;

	rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK && !file_is(db, made)) {
		sqlite3_close(db);
		return error_set(error, -EBUSY, "%s was exchanged while it was created", path);
	}
	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(db, BUSY_MS);
		rc = schema_create(db);
	}
	if (rc != SQLITE_OK) {
		err = database_error(db, rc, path, "cannot create", error);
		sqlite3_close(db);
		unlink(path);
		return err;
	}
	*out = db;
	return 0;
}

int store_create(struct store **out, const char *path, const struct store_options *options,
		 struct error *error)
{
	static const struct store_options none;
	struct store *store;
	struct stat made;
	sqlite3 *db = NULL;
	char full[PATH_BESIDE_MAX];
	int err;

	if (!options)
		options = &none;
	/* A leading ./ keeps SQLite from seeing its special names: ":memory:", "file:…", "". */
	if (!*path ||
	    snprintf(full, sizeof(full), "%s%s", *path == '/' ? "" : "./", path) >= PATH_MAX - 16)
		return error_set(error, -EINVAL, "%.100s%s: not a usable file name", path,
				 *path ? "…" : "(empty)");
	err = file_replaceable(path, options->replace, error);
	if (!err)
		err = file_remove(path, error);
	if (!err)
		err = file_make(path, options, &made, error);
	if (!err)
		err = database_make(full, &made, &db, error);
	if (err)
		return err;
	store = store_new(db, path);
	*out = store;
	return 0;
}
