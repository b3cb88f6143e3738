/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of strait baseline that stand for a window: opened while there are the rights to, and
 * read when they are gone.
 */
#ifndef STRAIT_CLI_BASELINE_WORDS_H
#define STRAIT_CLI_BASELINE_WORDS_H

#include <limits.h>
#include <stdbool.h>

#include "model/baseline.h"
#include "store/baselines.h"
#include "store/store.h"
#include "util/error.h"

/* Where baselines are kept: what the option says, NULL = where baseline_place_find() says. */
struct baseline_place {
	const char *store;
	char path[PATH_MAX];
};

int baseline_place_find(struct baseline_place *place, struct error *error);

/* A recording, by its path or ending; else a kept baseline; else any file. */
struct word {
	const char *text; /* NULL = it was not given */
	const struct baseline_place *place;
	struct baselines *store;
	struct store_file *file;
	int store_err, file_err; /* why there is none */
	struct error store_error, file_error;
};

/* What cannot be opened is said by word_load(). */
void word_open(struct baseline_place *place, const char *text, struct word *word);
/* After cli_confine(). Errors as store_open() and baselines_load(). */
int word_load(struct word *word, struct baseline **out, struct error *error);
void word_close(struct word *word);

/*
 * For what has to be known before a minute is spent on watching: a process of its own looks, as who
 * goes on to watch has all rights until then. The exit status; it says itself what is wrong.
 */
int look_apart(int (*look)(const void *what), const void *what);

#endif
