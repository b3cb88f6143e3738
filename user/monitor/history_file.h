/* SPDX-License-Identifier: BSD-2-Clause */
/* The file of the history; nothing but history.c includes this. */
#ifndef STRAIT_HISTORY_FILE_H
#define STRAIT_HISTORY_FILE_H

#include <sqlite3.h>
#include <stdint.h>

#include "util/error.h"

/* PRAGMA application_id: "strM"; user_version. */
#define HISTORY_APPLICATION 0x7374724d
#define HISTORY_VERSION     1

/* Says what SQLite says of the last call; a negative errno. */
int history_error(sqlite3 *db, int rc, const char *path, struct error *error);

/*
 * Opens or makes the database, its schema included. *lock is a descriptor that keeps other
 * monitors off, to be closed after the database.
 */
int history_file_open(const char *path, sqlite3 **db, int *lock, struct error *error);

#endif
