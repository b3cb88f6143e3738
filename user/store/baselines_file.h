/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the store of baselines share. Nobody else includes this. */
#ifndef STRAIT_BASELINES_FILE_H
#define STRAIT_BASELINES_FILE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "util/error.h"

#define BASELINES_APPLICATION 0x73746262 /* "stbb" */
#define BASELINES_VERSION     1

struct baselines {
	sqlite3 *db;
	char *path;
	bool has_losses;   /* an older file has no table for them */
	bool ready;        /* baselines_ready() was through */
	bool journal_held; /* the journal is open already, and has to stay where it is */
};

/*
 * Before anything of the file is read or written, which is not before somebody asks: rights may
 * have been given up since it was opened.
 */
int baselines_ready(struct baselines *store, struct error *error);

/* Files of before it was there get it when a baseline is kept in them. */
#define BASELINES_LOSS                                                                             \
	"CREATE TABLE loss(baseline INTEGER NOT NULL REFERENCES baseline ON DELETE CASCADE,"       \
	" position INTEGER NOT NULL, reason TEXT NOT NULL, sample INTEGER NOT NULL,"               \
	" count INTEGER NOT NULL, PRIMARY KEY(baseline, position)) WITHOUT ROWID;"

/* Runs statements that give no rows. */
int baselines_run(struct baselines *store, const char *sql, struct error *error);

#endif
