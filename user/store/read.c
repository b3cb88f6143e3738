/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads a recording file, which may have been made by a stranger. Nothing of it is taken on trust:
 * the tables must be ordinary tables with the columns of the schema, rows must be numbered without
 * a gap, each value must have its type and range, each reference must point at a row.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/file.h"
#include "store/held.h"

/* Rows of one table that are read; every row of a file also costs its author some bytes. */
#define ROWS_MAX (1u << 26)
/* Bytes of one value or row: a text, and SQLite's own rows of the schema. */
#define VALUE_MAX (1 << 20)

/* A connection belongs to the call that opened it: no need of SQLite's locks. */
#define READ_FLAGS (SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX)

struct store_file {
	char *path; /* as the user named it */
	char *real; /* NULL until it is known; then the file is held */
	int fd;
	sqlite3 *db;
	bool exclusive; /* nobody else is to use it meanwhile */
};

struct reader {
	sqlite3 *db;
	const char *path; /* as the user named it */
	struct recording *rec;
	struct error *error;
};

static int damaged(const struct reader *reader, const struct table *table, int64_t position,
		   const char *column, const char *why)
{
	return error_set(reader->error, -EBADMSG, "%s is damaged: %s row %lld%s%s: %s",
			 reader->path, table->name, (long long)position, column ? ", " : "",
			 column ? column : "", why);
}

static int failed(const struct reader *reader, int rc)
{
	return database_error(reader->db, rc, reader->path, "cannot read", reader->error);
}

static void column_put(const struct column *column, void *row, uint64_t value)
{
	char *at = (char *)row + column->offset;
	uint32_t u32 = (uint32_t)value;
	uint16_t u16 = (uint16_t)value;
	uint8_t u8 = (uint8_t)value;

	switch (column->size) {
	case 8:
		memcpy(at, &value, 8);
		break;
	case 4:
		memcpy(at, &u32, 4);
		break;
	case 2:
		memcpy(at, &u16, 2);
		break;
	default:
		memcpy(at, &u8, 1);
	}
}

/* What is wrong with a number for this column, or NULL. */
static const char *number_check(const struct reader *reader, const struct column *column,
				int64_t value)
{
	switch (column->kind) {
	case COLUMN_BITS:
		return NULL;
	case COLUMN_INT:
		return value < INT32_MIN || value > INT32_MAX ? "out of range" : NULL;
	case COLUMN_UINT:
		if (value < 0 || (column->limit && (uint64_t)value >= column->limit) ||
		    (column->size < 8 && value >> (8 * column->size)))
			return "out of range";
		return NULL;
	default:
		if (value < 0 ||
		    (uint64_t)value >= table_len(&schema_tables[column->target], reader->rec))
			return "refers to a row that is not there";
		return NULL;
	}
}

static const char *real_read(sqlite3_stmt *stmt, int at, const struct column *column, void *row)
{
	double real = NAN;
	uint64_t bits;
	int type = sqlite3_column_type(stmt, at);

	if (type == SQLITE_FLOAT || type == SQLITE_INTEGER)
		real = sqlite3_column_double(stmt, at);
	else if (type != SQLITE_NULL)
		return "not a number";
	if (isinf(real))
		return "out of range";
	memcpy(&bits, &real, sizeof(bits));
	column_put(column, row, bits);
	return NULL;
}

static const char *text_read(sqlite3_stmt *stmt, int at, void *row)
{
	int type = sqlite3_column_type(stmt, at), length;
	const char *text;
	char *copy;

	if (type != SQLITE_TEXT && type != SQLITE_BLOB)
		return "not a text";
	text = sqlite3_column_blob(stmt, at);
	length = sqlite3_column_bytes(stmt, at);
	if (length > STRING_MAX)
		return "longer than a text may be";
	if (length && (!text || memchr(text, 0, (size_t)length)))
		return "a text with a zero byte";
	copy = strndup(length ? text : "", (size_t)length);
	if (!copy) {
		fprintf(stderr, "strait: out of memory\n");
		abort();
	}
	memcpy(row, &copy, sizeof(copy));
	return NULL;
}

static const char *column_read(const struct reader *reader, sqlite3_stmt *stmt, int at,
			       const struct column *column, void *row)
{
	const char *wrong;
	int64_t value;

	if (column->kind == COLUMN_TEXT)
		return text_read(stmt, at, row);
	if (column->kind == COLUMN_REAL)
		return real_read(stmt, at, column, row);
	if (column->kind == COLUMN_MAYBE && sqlite3_column_type(stmt, at) == SQLITE_NULL) {
		column_put(column, row, NONE);
		return NULL;
	}
	if (sqlite3_column_type(stmt, at) != SQLITE_INTEGER)
		return "not an integer";
	value = sqlite3_column_int64(stmt, at);
	wrong = number_check(reader, column, value);
	if (!wrong)
		column_put(column, row, (uint64_t)value);
	return wrong;
}

/* Makes room for one row in the recording, zeroed. */
static void *row_add(const struct table *table, struct recording *rec)
{
	struct table_rows *rows = table_rows(table, rec);
	char *row;

	if (table->growth == TABLE_SINGLE)
		return rec;
	vec_reserve(&rows->at, &rows->cap, rows->len + 1, table->row_size);
	row = (char *)rows->at + rows->len++ * table->row_size;
	memset(row, 0, table->row_size);
	return row;
}

static int row_read(const struct reader *reader, const struct table *table, sqlite3_stmt *stmt,
		    size_t position)
{
	int64_t id = sqlite3_column_int64(stmt, 0);
	const char *wrong;
	void *row;
	int at = 1;

	if (position >= (table->growth == TABLE_SINGLE ? 1 : ROWS_MAX))
		return damaged(reader, table, id, NULL, "more rows than there may be");
	if (sqlite3_column_type(stmt, 0) != SQLITE_INTEGER || id != (int64_t)position)
		return damaged(reader, table, id, NULL, "rows are missing before it");
	row = row_add(table, reader->rec);
	for (const struct column *column = table->columns; column->name; column++, at++) {
		wrong = column_read(reader, stmt, at, column, row);
		if (wrong)
			return damaged(reader, table, id, column->name, wrong);
	}
	wrong = table->check ? table->check(reader->rec, row, position) : NULL;
	return wrong ? damaged(reader, table, id, NULL, wrong) : 0;
}

static int rows_read(const struct reader *reader, const struct table *table)
{
	sqlite3_stmt *stmt = NULL;
	char sql[SQL_MAX];
	size_t position = 0;
	int rc, err = 0;

	table_select_sql(table, sql, sizeof(sql));
	rc = sqlite3_prepare_v2(reader->db, sql, -1, &stmt, NULL);
	if (rc != SQLITE_OK)
		return failed(reader, rc);
	while (!err && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
		err = row_read(reader, table, stmt, position++);
	sqlite3_finalize(stmt);
	if (!err && rc != SQLITE_DONE)
		err = failed(reader, rc);
	if (!err && !position && table == &schema_tables[TABLE_STRINGS])
		err = error_set(reader->error, -EBADMSG,
				"%s holds nothing: it was cut before its first slice ended",
				reader->path);
	if (!err && !position && table->growth == TABLE_SINGLE)
		err = damaged(reader, table, 0, NULL, "it is missing");
	return err;
}

/*
 * Is this an ordinary table with these columns? A view, a virtual table or a computed column of
 * that name would let the file run what it likes inside a SELECT.
 */
static int table_check(const struct reader *reader, const struct table *table)
{
	static const char sql[] =
		"SELECT (SELECT count(*) FROM sqlite_master WHERE name = ?1 AND type = 'table' "
		"AND rootpage > 0), sum(hidden = 0), count(*), "
		"max(pk * (name = 'id') * (type = 'INTEGER')) FROM pragma_table_xinfo(?1)";
	sqlite3_stmt *stmt = NULL;
	int columns = 1, rc, err;

	for (const struct column *column = table->columns; column->name; column++)
		columns++;
	rc = sqlite3_prepare_v2(reader->db, sql, -1, &stmt, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_bind_text(stmt, 1, table->name, -1, SQLITE_STATIC);
		rc = sqlite3_step(stmt);
	}
	if (rc != SQLITE_ROW)
		err = failed(reader, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc);
	else if (sqlite3_column_int(stmt, 0) != 1 || sqlite3_column_int(stmt, 1) != columns ||
		 sqlite3_column_int(stmt, 2) != columns || sqlite3_column_int(stmt, 3) != 1)
		err = error_set(reader->error, -EBADMSG,
				"%s is damaged: its table %s is missing or not as it should be",
				reader->path, table->name);
	else
		err = 0;
	sqlite3_finalize(stmt);
	return err;
}

static int database_read(const struct reader *reader)
{
	int rc, err = 0;

	sqlite3_busy_timeout(reader->db, BUSY_MS);
	sqlite3_limit(reader->db, SQLITE_LIMIT_LENGTH, VALUE_MAX);
	sqlite3_db_config(reader->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(reader->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(reader->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	/* One snapshot for all tables, of a recording that is still being written. */
	rc = sqlite3_exec(reader->db,
			  "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0;"
			  "PRAGMA temp_store=MEMORY; PRAGMA query_only=ON; BEGIN",
			  NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return failed(reader, rc);
	for (int i = 0; i < TABLE_COUNT && !err; i++)
		err = table_check(reader, &schema_tables[i]);
	for (int i = 0; i < TABLE_COUNT && !err; i++)
		err = rows_read(reader, &schema_tables[i]);
	return err;
}

/* "file:" and the path, so that nothing in it has a meaning, and "?immutable=1". */
static void path_uri(const char *path, char *uri, size_t size)
{
	size_t n = (size_t)snprintf(uri, size, "file:");

	for (; *path && n + 20 < size; path++) {
		if (strchr("?#%", *path))
			n += (size_t)snprintf(uri + n, size - n, "%%%02x", (unsigned char)*path);
		else
			uri[n++] = *path;
	}
	snprintf(uri + n, size - n, "?immutable=1");
}

/* What SQLite opens late, beside a file. */
static const char *const beside[] = {"-wal", "-shm"};

static void beside_hold(const char *real, size_t count)
{
	char name[PATH_BESIDE_MAX];

	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s%s", real, beside[i]);
		held_open(name, 0); /* else SQLite says why not */
	}
}

static void beside_close(const char *real)
{
	char name[PATH_BESIDE_MAX];

	for (size_t i = 0; i < sizeof(beside) / sizeof(*beside); i++) {
		snprintf(name, sizeof(name), "%s%s", real, beside[i]);
		held_close(name);
	}
}

/*
 * Three ways to open a file for reading without writing anything, anywhere:
 * - somebody has it open, most likely the one who records: as every SQLite client does;
 * - a killed recording left a -wal file: without SQLite's locks, and exclusively, because only then
 *   it keeps the index of the -wal file in memory instead of in a -shm file. `fd` holds a shared
 *   lock meanwhile, so that no other client removes the -wal file;
 * - else as a file that does not change, which needs no file beside it.
 */
static int database_open(struct store_file *file)
{
	struct flock shared = {.l_type = F_RDLCK,
			       .l_whence = SEEK_SET,
			       .l_start = SHARED_FIRST,
			       .l_len = SHARED_SIZE};
	char name[3 * PATH_MAX + 32];
	bool live = file_writer(file->fd) != 0;
	struct stat st;

	snprintf(name, sizeof(name), "%s-wal", file->real);
	if (!live && stat(name, &st)) {
		path_uri(file->real, name, sizeof(name));
		return sqlite3_open_v2(name, &file->db, READ_FLAGS | SQLITE_OPEN_URI, NULL);
	}
	beside_hold(file->real, live ? 2 : 1);
	if (live)
		return sqlite3_open_v2(file->real, &file->db, READ_FLAGS, NULL);
	file->exclusive = true;
	/* Where the file system knows no locks there is nobody to keep out either. */
	fcntl(file->fd, F_OFD_SETLK, &shared);
	return sqlite3_open_v2(file->real, &file->db, READ_FLAGS, "unix-none");
}

/* Is the file a recording that this program reads? */
static int file_check(int fd, const char *path, struct error *error)
{
	struct recording_header header;
	struct stat st;
	int err;

	if (fstat(fd, &st))
		return error_set(error, -errno, "cannot read %s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return error_set(error, -EINVAL, "%s is a folder, not a strait recording", path);
	if (!S_ISREG(st.st_mode))
		return error_set(error, -EINVAL, "%s is not a regular file", path);
	err = header_read(fd, &header);
	if (err)
		return error_set(error, err, "cannot read %s: %s", path, strerror(-err));
	if (!st.st_size)
		return error_set(error, -EINVAL, "%s is empty, not a strait recording", path);
	if (!header.is_sqlite)
		return error_set(error, -EINVAL, "%s is not a strait recording", path);
	if (header.application != STORE_APPLICATION)
		return error_set(error, -EINVAL,
				 "%s is an SQLite database, but not a strait recording", path);
	if (header.version != STORE_VERSION)
		return error_set(error, -ENOTSUP,
				 "%s is a recording of schema version %d; strait " STRAIT_VERSION
				 " reads version %d: %s",
				 path, header.version, STORE_VERSION,
				 header.version > STORE_VERSION
					 ? "read it with a newer strait"
					 : "read it with the strait that made it, or record again");
	return 0;
}

static int file_open(const char *path, struct error *error)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int err = errno;
	struct stat st;

	if (fd >= 0)
		return fd;
	if (err == EACCES && !stat(path, &st))
		return error_set(error, -err,
				 "cannot read %s: it belongs to user %u: read it as that user, or "
				 "change its owner",
				 path, st.st_uid);
	return error_set(error, -err, "cannot read %s: %s", path, strerror(err));
}

void store_file_close(struct store_file *file)
{
	if (!file)
		return;
	sqlite3_close(file->db);
	if (file->real) {
		beside_close(file->real);
		held_close(file->real); /* fd */
	} else if (file->fd >= 0) {
		close(file->fd);
	}
	free(file->real);
	free(file->path);
	free(file);
}

static int file_reach(struct store_file *file, struct error *error)
{
	int rc, err;

	file->fd = file_open(file->path, error);
	if (file->fd < 0)
		return file->fd;
	err = file_check(file->fd, file->path, error);
	if (err)
		return err;
	file->real = realpath(file->path, NULL);
	if (!file->real)
		return error_set(error, -errno, "cannot read %s: %s", file->path, strerror(errno));
	held_put(file->real, file->fd);
	rc = database_open(file);
	return rc == SQLITE_OK ? 0 : database_error(file->db, rc, file->path, "cannot read", error);
}

int store_reach(const char *path, struct store_file **out, struct error *error)
{
	struct store_file *file = calloc(1, sizeof(*file));
	int err;

	if (!file || !(file->path = strdup(path))) {
		free(file);
		return error_set(error, -ENOMEM, "cannot read %s: out of memory", path);
	}
	file->fd = -1;
	err = file_reach(file, error);
	if (err)
		store_file_close(file);
	else
		*out = file;
	return err;
}

int store_read(struct store_file *file, struct recording **out, struct error *error)
{
	struct recording *rec = recording_new();
	struct reader reader = {.db = file->db, .path = file->path, .rec = rec, .error = error};
	int rc = SQLITE_OK, err;

	/* The strings come from the file, the empty one too. */
	free(rec->strings.at.at[0]);
	rec->strings.at.len = 0;
	if (file->exclusive)
		rc = sqlite3_exec(file->db, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL);
	err = rc == SQLITE_OK ? database_read(&reader) : failed(&reader, rc);
	if (err) {
		recording_free(rec);
		return err;
	}
	recording_reindex(rec);
	*out = rec;
	return 0;
}

int store_open(const char *path, struct recording **out, struct error *error)
{
	struct store_file *file;
	int err = store_reach(path, &file, error);

	if (err)
		return err;
	err = store_read(file, out, error);
	store_file_close(file);
	return err;
}
