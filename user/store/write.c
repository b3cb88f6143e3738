/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/file.h"

struct store {
	sqlite3 *db;
	char *path;
	struct store_table {
		sqlite3_stmt *insert;
		size_t written; /* rows before this one are in the file */
		/* Of a changing table: a hash of each row as it is in the file. */
		VEC(uint64_t) shadow;
	} tables[TABLE_COUNT];
};

struct store *store_new(sqlite3 *db, const char *path)
{
	struct store *store = calloc(1, sizeof(*store));
	char *copy = strdup(path);

	if (!store || !copy) {
		fprintf(stderr, "strait: out of memory\n");
		abort();
	}
	store->db = db;
	store->path = copy;
	return store;
}

/* The field as a number; of a double its bits, of a string's text its address. */
static uint64_t column_get(const struct column *column, const void *row)
{
	const char *at = (const char *)row + column->offset;
	uint64_t u64 = 0;
	uint32_t u32 = 0;
	uint16_t u16 = 0;

	switch (column->size) {
	case 8:
		memcpy(&u64, at, 8);
		return u64;
	case 4:
		memcpy(&u32, at, 4);
		return u32;
	case 2:
		memcpy(&u16, at, 2);
		return u16;
	default:
		return *(const uint8_t *)at;
	}
}

/* Is it well-formed UTF-8 (RFC 3629)? Other bytes would make clients fail on a TEXT. */
static bool text_is_utf8(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	while (*at) {
		unsigned int more = *at < 0x80 ? 0 : *at < 0xe0 ? 1 : *at < 0xf0 ? 2 : 3;
		uint32_t code = more ? *at & (0x3f >> more) : *at;

		if ((*at >= 0x80 && *at < 0xc2) || *at > 0xf4)
			return false;
		at++;
		for (unsigned int i = 0; i < more; i++, at++) {
			if ((*at & 0xc0) != 0x80)
				return false;
			code = code << 6 | (*at & 0x3f);
		}
		if ((more == 2 && code < 0x800) || (more == 3 && code < 0x10000) ||
		    (code >= 0xd800 && code < 0xe000) || code > 0x10ffff)
			return false;
	}
	return true;
}

static void text_bind(sqlite3_stmt *stmt, int at, const char *text)
{
	if (text_is_utf8(text))
		sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
	else
		sqlite3_bind_blob(stmt, at, text, (int)strlen(text), SQLITE_STATIC);
}

static void column_bind(sqlite3_stmt *stmt, int at, const struct column *column, const void *row)
{
	uint64_t value = column_get(column, row);
	double real;
	char *text;

	switch (column->kind) {
	case COLUMN_TEXT:
		memcpy(&text, row, sizeof(text));
		text_bind(stmt, at, text);
		break;
	case COLUMN_REAL:
		memcpy(&real, &value, sizeof(real));
		if (isfinite(real))
			sqlite3_bind_double(stmt, at, real);
		else
			sqlite3_bind_null(stmt, at);
		break;
	case COLUMN_MAYBE:
		if (value == NONE)
			sqlite3_bind_null(stmt, at);
		else
			sqlite3_bind_int64(stmt, at, (int64_t)value);
		break;
	case COLUMN_INT:
		sqlite3_bind_int64(stmt, at, (int32_t)value);
		break;
	case COLUMN_UINT:
		/* No time or size comes near; a wrapped difference would. */
		sqlite3_bind_int64(stmt, at, value > INT64_MAX ? INT64_MAX : (int64_t)value);
		break;
	default:
		sqlite3_bind_int64(stmt, at, (int64_t)value);
	}
}

static int row_write(const struct table *table, sqlite3_stmt *stmt, size_t position,
		     const void *row)
{
	int at = 2;

	sqlite3_bind_int64(stmt, 1, (int64_t)position);
	for (const struct column *column = table->columns; column->name; column++, at++)
		column_bind(stmt, at, column, row);
	sqlite3_step(stmt);
	return sqlite3_reset(stmt);
}

static uint64_t row_hash(const struct table *table, const void *row)
{
	uint64_t hash = 1;

	for (const struct column *column = table->columns; column->name; column++)
		hash = hash_mix(hash, column_get(column, row));
	return hash;
}

/* Writes the rows that are not in the file yet, or are there with other contents. */
static int table_write(struct store *store, enum table_id id, const struct recording *rec,
		       size_t len)
{
	const struct table *table = &schema_tables[id];
	struct store_table *state = &store->tables[id];
	bool changing = table->growth == TABLE_CHANGING;
	size_t from = table->growth == TABLE_APPENDED ? state->written : 0;
	char sql[SQL_MAX];
	int rc = SQLITE_OK;

	if (!state->insert) {
		table_insert_sql(table, sql, sizeof(sql));
		rc = sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
					&state->insert, NULL);
	}
	if (changing && state->shadow.len < len)
		vec_extend(&state->shadow, len - state->shadow.len);
	/* Stacks whose frames got their names late. */
	if (id == TABLE_STACK_FRAMES && rec->stacks_changed < from) {
		from = rec->stacks_changed;
		snprintf(sql, sizeof(sql), "DELETE FROM %s WHERE id >= %zu", table->name, from);
		rc = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
	}
	for (size_t i = from; i < len && rc == SQLITE_OK; i++) {
		const void *row = table_row(table, rec, i);
		uint64_t hash = changing ? row_hash(table, row) : 0;

		if (changing && i < state->written && state->shadow.at[i] == hash)
			continue;
		rc = row_write(table, state->insert, i, row);
		if (changing)
			state->shadow.at[i] = hash;
	}
	return rc;
}

/* After a transaction that failed: what is in the file is known for appended tables only. */
static void store_forget(struct store *store)
{
	for (int i = 0; i < TABLE_COUNT; i++)
		if (schema_tables[i].growth == TABLE_CHANGING)
			store->tables[i].written = 0;
}

static int store_write(struct store *store, const struct recording *rec, bool final,
		       struct error *error)
{
	struct recording head = *rec; /* shares all tables with rec */
	size_t len[TABLE_COUNT];
	int rc, err;

	if (!final) {
		head.cut = true;
		for (size_t i = 0; i < rec->slices.len; i++)
			if (rec->slices.at[i].end_ns > head.length_ns)
				head.length_ns = rec->slices.at[i].end_ns;
	}
	errno = 0; /* database_error() looks at it */
	rc = sqlite3_exec(store->db, "BEGIN", NULL, NULL, NULL);
	for (int i = 0; i < TABLE_COUNT && rc == SQLITE_OK; i++) {
		len[i] = table_len(&schema_tables[i], &head);
		/* Samples of the open slice may still grow. */
		if (i == TABLE_SAMPLES && !final)
			len[i] = rec->slice_samples;
		rc = table_write(store, i, &head, len[i]);
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
	if (rc != SQLITE_OK) {
		err = database_error(store->db, rc, store->path, "cannot write", error);
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
		store_forget(store);
		return err;
	}
	for (int i = 0; i < TABLE_COUNT; i++)
		store->tables[i].written = len[i];
	return 0;
}

int store_append(struct store *store, const struct recording *rec, struct error *error)
{
	return store_write(store, rec, false, error);
}

static void store_finalize(struct store *store)
{
	for (int i = 0; i < TABLE_COUNT; i++) {
		sqlite3_finalize(store->tables[i].insert);
		store->tables[i].insert = NULL;
	}
}

int store_finish(struct store *store, const struct recording *rec, struct error *error)
{
	int rc, err = store_write(store, rec, true, error);

	if (err)
		return err;
	store_finalize(store);
	/*
	 * Everything into the one file. Its last page is rewritten without a journal, which a
	 * killed process would leave behind for readers who may not roll it back; the write of one
	 * page either happens or not.
	 */
	rc = sqlite3_exec(store->db, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=MEMORY",
			  NULL, NULL, NULL);
	/* A client that reads it right now keeps the -wal file alive; the recording is whole. */
	if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED)
		return 0;
	return database_error(store->db, rc, store->path, "cannot complete", error);
}

void store_close(struct store *store)
{
	if (!store)
		return;
	store_finalize(store);
	sqlite3_close(store->db);
	for (int i = 0; i < TABLE_COUNT; i++)
		vec_free(&store->tables[i].shadow);
	free(store->path);
	free(store);
}

void store_discard(struct store *store)
{
	char *path;

	if (!store)
		return;
	path = strdup(store->path);
	store_close(store);
	if (path)
		unlink(path);
	free(path);
}
