/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of store share about the file itself. Nothing outside store/ includes this. */
#ifndef STRAIT_STORE_FILE_H
#define STRAIT_STORE_FILE_H

#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/schema.h"
#include "store/store.h"
#include "util/error.h"

#define PATH_BESIDE_MAX (PATH_MAX + 16) /* a path, and "-journal" */
#define SQL_MAX         8192            /* any statement made from a table */
#define BUSY_MS         2000            /* how long to wait for another SQLite client */

/*
 * The bytes SQLite locks (os.h, "PENDING_BYTE"): readers, and everybody who has a database in WAL
 * mode open, hold a shared lock on SHARED_SIZE bytes from SHARED_FIRST on.
 */
#define SHARED_FIRST 0x40000002
#define SHARED_SIZE  510

/* Of the 100 bytes that begin an SQLite file (sqlite.org/fileformat2.html, section 1.3). */
struct recording_header {
	bool is_sqlite;
	bool is_wal;         /* the newest pages may be in the -wal file */
	int32_t version;     /* user_version */
	int32_t application; /* application_id */
};

/* Reads the header of an open file. 0 or a negative errno; a short file is not SQLite. */
int header_read(int fd, struct recording_header *header);

/*
 * A process that has the file open in SQLite, 0 = none. It is found by the lock that every user of
 * a database in WAL mode holds for as long as it has it open.
 */
pid_t file_writer(int fd);

/*
 * The errno for a failed SQLite call on `path`, with its text: "WHAT PATH: why".
 * The text holds nothing from the file.
 */
int database_error(sqlite3 *db, int rc, const char *path, const char *what, struct error *error);

/* A store for an open database, which it owns. The path is copied. */
struct store *store_new(sqlite3 *db, const char *path);

#endif
