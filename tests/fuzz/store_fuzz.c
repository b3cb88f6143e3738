/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer's target for recording files: the input is an SQLite file of a stranger. What
 * store_open() takes must keep to the rules of recording.h, and every output of it to its form.
 *
 * Bytes of a file are changed by libFuzzer, values in its tables by SQL.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parts.h"
#include "store/schema.h"
#include "store/store.h"

#define FILE_MAX 65536

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = scratch_path();
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct recording *rec;
	struct error error;
	int err;

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size, "cannot write the file");
	close(fd);
	err = store_open(path, &rec, &error);
	unlink(path);
	if (err)
		return 0;
	recording_check(rec);
	recording_show(rec, feed_style(data, size));
	recording_free(rec);
	return 0;
}

/* ---- a whole file to begin with: of today's schema, whatever that is ---- */

static struct {
	uint8_t at[FILE_MAX];
	size_t size;
} sound;

static void file_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? read(fd, sound.at, sizeof(sound.at)) : -1;

	require(got > 0 && (size_t)got < sizeof(sound.at), "cannot read the file that was made");
	sound.size = (size_t)got;
	close(fd);
}

/* Small pages, and no views: more of the file is what is read. */
static void file_shrink(const char *path)
{
	static const char *const views = "SELECT group_concat('DROP VIEW ' || name, ';') FROM "
					 "sqlite_master WHERE type = 'view'";
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db;

	require(sqlite3_open(path, &db) == SQLITE_OK &&
			sqlite3_prepare_v2(db, views, -1, &stmt, NULL) == SQLITE_OK &&
			sqlite3_step(stmt) == SQLITE_ROW,
		"cannot shrink");
	sqlite3_exec(db, (const char *)sqlite3_column_text(stmt, 0), NULL, NULL, NULL);
	sqlite3_finalize(stmt);
	require(sqlite3_exec(db,
			     "DROP TABLE words; PRAGMA journal_mode=OFF; PRAGMA page_size=512; "
			     "VACUUM",
			     NULL, NULL, NULL) == SQLITE_OK,
		sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* Some rows in every table. */
static void sound_make(void)
{
	uint8_t choices[4096];
	struct feed feed = {choices, sizeof(choices)};
	struct recording *rec = recording_new();
	struct store *store;
	struct error error;
	unsigned int seed = 1;

	for (size_t i = 0; i < sizeof(choices); i++)
		choices[i] = (uint8_t)((rand_r(&seed) >> 4) % 200);
	/* What others refer to comes first. */
	for (uint8_t table = 0; table < TABLE_COUNT; table++)
		choices[table * 60] = (uint8_t)(table | 1 << 5);
	recording_fill(rec, &feed);
	require(!store_create(&store, scratch_path(), NULL, &error) &&
			!store_finish(store, rec, &error),
		error.text);
	store_close(store);
	recording_free(rec);
	file_shrink(scratch_path());
	file_read(scratch_path());
	unlink(scratch_path());
}

/* ---- values in its tables ---- */

/* A value, as SQL writes it. */
static void value_write(char *out, size_t size, unsigned int *seed)
{
	static const char *const values[] = {
		"NULL",
		"-1",
		"9223372036854775807",
		"-9223372036854775808",
		"4294967295",
		"4294967296",
		"2147483647",
		"65535",
		"1e308",
		"-1e308",
		"9e999",
		"0.5",
		"''",
		"'12'",
		"x'00'",
		"x'ff1b5b33316d'",
		"'a;b c' || char(10) || '%s%n' || char(27)",
		"zeroblob(5000)",
		"x'e280ae'",
		"'cpu.idle_ns'",
		"'sched.runqueue_ns'",
		"1000000000",
		"1000000000000000000",
	};
	unsigned int choice = (unsigned int)rand_r(seed);

	if (choice % 2)
		snprintf(out, size, "%d", rand_r(seed) % (choice & 16 ? 20 : 4));
	else
		snprintf(out, size, "%s", values[choice / 2 % (sizeof(values) / sizeof(*values))]);
}

static const struct column *column_choose(const struct table *table, unsigned int *seed)
{
	int count = 0;

	while (table->columns[count].name)
		count++;
	return &table->columns[rand_r(seed) % count];
}

/* A row more: a copy of another, behind the last. */
static void insert_write(const struct table *table, char *sql, size_t size)
{
	size_t used =
		(size_t)snprintf(sql, size, "INSERT INTO %s SELECT (SELECT max(id) + 1 FROM %s)",
				 table->name, table->name);

	for (const struct column *c = table->columns; c->name; c++)
		used += (size_t)snprintf(sql + used, size - used, ", %s", c->name);
	snprintf(sql + used, size - used, " FROM %s ORDER BY random() LIMIT 1", table->name);
}

static void statement_write(char *sql, size_t size, unsigned int *seed)
{
	const struct table *table = &schema_tables[rand_r(seed) % TABLE_COUNT];
	const struct column *column = column_choose(table, seed);
	char value[64];

	value_write(value, sizeof(value), seed);
	switch (rand_r(seed) % 64) {
	case 0:
		snprintf(sql, size, "ALTER TABLE %s ADD COLUMN more AS (1)", table->name);
		break;
	case 1:
		snprintf(sql, size,
			 "ALTER TABLE %s RENAME TO moved; CREATE VIEW %s AS SELECT * FROM moved",
			 table->name, table->name);
		break;
	case 2:
		snprintf(sql, size, "ALTER TABLE %s DROP COLUMN %s", table->name, column->name);
		break;
	case 3:
		snprintf(sql, size, "PRAGMA user_version = %s", value);
		break;
	case 4:
		snprintf(sql, size, "CREATE INDEX i ON %s(%s)", table->name, column->name);
		break;
	case 5 ... 7:
		snprintf(sql, size, "DELETE FROM %s WHERE id = %s", table->name, value);
		break;
	case 8 ... 11:
		snprintf(sql, size, "DELETE FROM %s WHERE id = (SELECT max(id) FROM %s)",
			 table->name, table->name);
		break;
	case 12 ... 19:
		insert_write(table, sql, size);
		break;
	default:
		snprintf(sql, size, "UPDATE %s SET %s = %s WHERE id %s %d", table->name,
			 column->name, value, rand_r(seed) % 8 ? "=" : ">=", rand_r(seed) % 6);
	}
}

/* Changes a few values by SQL; 0: the file is too damaged, or grew too much. */
static size_t tables_mutate(uint8_t *data, size_t size, size_t max_size, unsigned int *seed)
{
	unsigned char *copy = sqlite3_malloc64(size), *made;
	sqlite3_int64 made_size = 0;
	sqlite3 *db = NULL;
	size_t result = 0;
	char sql[1024];

	memcpy(copy, data, size);
	require(sqlite3_open(":memory:", &db) == SQLITE_OK, "cannot open in memory");
	sqlite3_deserialize(db, "main", copy, (sqlite3_int64)size, (sqlite3_int64)size,
			    SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE);
	for (int i = rand_r(seed) % 4; i >= 0; i--) {
		statement_write(sql, sizeof(sql), seed);
		sqlite3_exec(db, sql, NULL, NULL, NULL);
	}
	made = sqlite3_serialize(db, "main", &made_size, 0);
	if (made && made_size > 0 && (size_t)made_size <= max_size) {
		memcpy(data, made, (size_t)made_size);
		result = (size_t)made_size;
	}
	sqlite3_free(made);
	sqlite3_close(db);
	return result;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	size_t changed;

	if (!sound.size)
		sound_make();
	if (rand_r(&seed) % 8 == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	if (max_size >= sound.size && (size < 512 || rand_r(&seed) % 32 == 0)) {
		memcpy(data, sound.at, sound.size);
		size = sound.size;
	}
	changed = tables_mutate(data, size, max_size, &seed);
	return changed ? changed : LLVMFuzzerMutate(data, size, max_size);
}
