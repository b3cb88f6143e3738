/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors are negative errno values plus one line of text that says what, why and what to do. The
 * text is built where the fault is known, prefixed on the way up, and printed by cli alone.
 */
#ifndef STRAIT_ERROR_H
#define STRAIT_ERROR_H

#define ERROR_TEXT 512

struct error {
	char text[ERROR_TEXT];
};

/* Sets the text and returns `code` (a negative errno). `error` may be NULL. */
int error_set(struct error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the text already there and returns `code`. */
int error_wrap(struct error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
