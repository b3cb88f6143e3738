/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recording file's tables, described once: from these rows come the CREATE TABLE statements
 * with their comments, the writing, the reading with its checks, and the tables of
 * docs/recording.md. A new table is one entry in schema_tables. A change of what is there raises
 * STORE_VERSION.
 */
#ifndef STRAIT_SCHEMA_H
#define STRAIT_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/recording.h"

#define STORE_APPLICATION 0x53545254 /* "STRT", SQLite's application_id */
#define STORE_VERSION     5          /* SQLite's user_version */

enum column_kind {
	COLUMN_UINT,   /* 0 … limit - 1, or up to INT64_MAX */
	COLUMN_INT,    /* int32_t */
	COLUMN_BITS,   /* uint64_t of any value, stored as the signed number of the same bits */
	COLUMN_REAL,   /* double; NULL = NAN */
	COLUMN_TEXT,   /* char *: the strings themselves */
	COLUMN_STRING, /* uint32_t: a string id */
	COLUMN_REF,    /* uint32_t: position in `target` */
	COLUMN_MAYBE,  /* the same, or NONE = NULL */
};

/* Tables that columns refer to, as indices of schema_tables. */
enum table_id {
	TABLE_STRINGS,
	TABLE_RECORDING,
	TABLE_SLICES,
	TABLE_CGROUPS,
	TABLE_PROCESSES,
	TABLE_THREADS,
	TABLE_MODULES,
	TABLE_FRAMES,
	TABLE_STACK_FRAMES,
	TABLE_STACKS,
	TABLE_LISTENERS,
	TABLE_SAMPLES,
	TABLE_LEDGER,
	TABLE_EDGES,
	TABLE_HOLDS,
	TABLE_WAITS,
	TABLE_DELAYS,
	TABLE_OCCUPANTS,
	TABLE_EXCERPTS,
	TABLE_EVENTS,
	TABLE_COUNTS,
	TABLE_BUCKETS,
	TABLE_POINTS,
	TABLE_FAMILIES,
	TABLE_LOSSES,
	TABLE_COUNT,
};

struct column {
	const char *name, *what; /* what: for people, with the unit */
	enum column_kind kind;
	enum table_id target; /* of COLUMN_STRING, COLUMN_REF, COLUMN_MAYBE */
	size_t offset, size;  /* of the field in the row */
	uint64_t limit;       /* of COLUMN_UINT: the first value that is too big, 0 = none */
};

enum table_growth {
	TABLE_APPENDED, /* rows never change once written */
	TABLE_CHANGING, /* rows may gain fields: changed ones are written again */
	TABLE_SINGLE,   /* struct recording itself is the only row */
};

#define COLUMNS_MAX 24

struct table {
	const char *name, *what;
	enum table_growth growth;
	size_t vec;                         /* offset of the VEC in struct recording */
	size_t row_size;                    /* bytes */
	struct column columns[COLUMNS_MAX]; /* ends at the first without a name */
	/*
	 * What is wrong with a row beyond its columns, or NULL. The row's fields are in range, the
	 * rows before it and the tables before it are read.
	 */
	const char *(*check)(const struct recording *rec, const void *row, size_t position);
};

/* Ordered so that a table only refers to tables before it, or to itself. */
extern const struct table schema_tables[TABLE_COUNT];

/* SQL that makes the views and the table of words; needs the tables. */
extern const char schema_views[];

/* Words of the enums, for the table `words`. */
struct schema_word {
	const char *what;
	unsigned int value;
	const char *word;
};

/* The i-th word; what is NULL behind the last one. */
struct schema_word schema_word_get(unsigned int i);

/* How SQLite clients see any VEC. */
struct table_rows {
	void *at;
	size_t len, cap;
} __attribute__((may_alias));

static inline struct table_rows *table_rows(const struct table *table, const struct recording *rec)
{
	return (struct table_rows *)((char *)rec + table->vec);
}

static inline size_t table_len(const struct table *table, const struct recording *rec)
{
	return table->growth == TABLE_SINGLE ? 1 : table_rows(table, rec)->len;
}

static inline const void *table_row(const struct table *table, const struct recording *rec,
				    size_t position)
{
	if (table->growth == TABLE_SINGLE)
		return rec;
	return (const char *)table_rows(table, rec)->at + position * table->row_size;
}

/* Writes the table's CREATE TABLE statement, one column a line with its comment. */
void table_create_sql(const struct table *table, char *sql, size_t size);
/* "INSERT INTO samples VALUES (?,…)" and "SELECT id,slice,… FROM samples ORDER BY id".
 */
void table_insert_sql(const struct table *table, char *sql, size_t size);
void table_select_sql(const struct table *table, char *sql, size_t size);

/* The SQL type of a column: "INTEGER", "REAL" or "TEXT". */
const char *column_type(const struct column *column);
/* May the column be NULL? */
bool column_nullable(const struct column *column);

#endif
