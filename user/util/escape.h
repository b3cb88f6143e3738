/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text of strangers (names of processes, paths, functions, command lines) made safe for the place
 * where it is shown, and text fitted into columns.
 *
 * Nothing here depends on the locale: text is taken as UTF-8, and what is not valid UTF-8 (overlong
 * forms, surrogates, stray bytes) is a list of invalid bytes.
 */
#ifndef STRAIT_ESCAPE_H
#define STRAIT_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum escape_for {
	/*
	 * A terminal that shows UTF-8. C0 controls, DEL and invalid bytes become "\xNN"; C1
	 * controls (U+0080 to U+009F), directional, zero-width and other invisible format
	 * characters become
	 * "\u{NN}". Meant for reading, not for decoding: a backslash stays a backslash.
	 */
	ESCAPE_TERMINAL,
	/* The same for a terminal that shows ASCII: "→" becomes "->" and so on, the rest "\u{NN}".
	 */
	ESCAPE_ASCII,
	/*
	 * A JSON string before its encoder: valid UTF-8. Invalid bytes and DEL become the four
	 * visible characters "\xNN", so that different names stay different; everything else is
	 * kept (the encoder writes controls as \uNNNN).
	 */
	ESCAPE_JSON,
	/* A frame of a folded stack: as ESCAPE_TERMINAL, ';' becomes ':', spaces at the ends '_'.
	 */
	ESCAPE_FOLDED,
};

/* The escaped text, to be freed by the caller; NULL reads as "". Aborts without memory. */
char *escape_text(const char *text, enum escape_for where);

/*
 * Decodes one character from `length` bytes (≥ 1); returns how many bytes it took (1 to 4), 0 when
 * the first byte begins no valid character.
 */
size_t utf8_decode(const char *text, size_t length, uint32_t *character);

/* How many terminal columns the (escaped) text takes: 0 for combining marks, 2 for wide ones. */
size_t text_columns(const char *text);

/* How many bytes of the text fit into so many columns. */
size_t text_prefix(const char *text, size_t columns);

enum fit {
	FIT_BEGIN, /* keep the beginning: "postgres: wri…" */
	FIT_END,   /* keep the end, for paths: "…/libc.so.6" */
};

/*
 * The (escaped) text in at most `columns` columns, what is left out replaced by `ellipsis`. To be
 * freed by the caller. Aborts without memory.
 */
char *text_fit(const char *text, size_t columns, enum fit keep, const char *ellipsis);

#endif
