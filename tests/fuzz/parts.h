/* SPDX-License-Identifier: BSD-2-Clause */
/* What the fuzz targets share: reading an input, and what must hold of what comes out. */
#ifndef STRAIT_FUZZ_PARTS_H
#define STRAIT_FUZZ_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "model/recording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- an input as a list of choices ---- */

struct feed {
	const uint8_t *at;
	size_t left;
};

/* 0 behind the end. */
uint8_t feed_byte(struct feed *feed);
uint32_t feed_u16(struct feed *feed);
/* One byte for a small number, or for one at the end of a range; nine for any. */
uint64_t feed_number(struct feed *feed);
/* So many bytes, or as many as are left. */
const uint8_t *feed_bytes(struct feed *feed, size_t *length);
/* A text with its length in one byte, without its zero bytes; to be freed. */
char *feed_text(struct feed *feed);

/* For recording_show(): any change of the input may change it. */
unsigned int feed_style(const uint8_t *data, size_t size);

/* A file of this process's own, in the folder that tests/fuzz/run makes and removes. */
const char *scratch_path(void);
/* Aborts, and says what was expected, unless it is so. */
void require(bool good, const char *what);

/* ---- rows of a recording by the schema ---- */

struct column;

uint64_t column_number(const struct column *column, const void *row);
void column_set(const struct column *column, void *row, uint64_t value);

/*
 * Rows of all tables, whatever the input says: their values are bent until store_open() would take
 * them.
 */
void recording_fill(struct recording *rec, struct feed *feed);

/* ---- what must hold; aborts where it does not ---- */

/* The rows keep to the rules of recording.h, as store_open() promises and capture must. */
void recording_check(const struct recording *rec);
/*
 * The whole analysis, and one output: no control bytes, JSON that parses, whole lines. Which, and
 * how it is laid out, depends on `style`: each takes longer than the analysis.
 */
void recording_show(const struct recording *rec, unsigned int style);
/* One line for a terminal, with its newline; of an error that is shown. */
void line_check(const char *line, size_t length);

#endif
