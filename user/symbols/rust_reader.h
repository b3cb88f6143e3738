/* SPDX-License-Identifier: BSD-2-Clause */
/* The lower half of Rust's demangler: characters, numbers, identifiers; and the text written. */
#ifndef STRAIT_SYMBOLS_RUST_READER_H
#define STRAIT_SYMBOLS_RUST_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rust_reader {
	const char *text; /* behind "_R" */
	size_t at, length;
	char *out;
	size_t out_length;
	unsigned int depth, steps;
	uint64_t bound;           /* lifetimes bound by the binders around this place */
	bool failed, cut, silent; /* silent: read, but write nothing */
};

struct rust_name {
	const char *text;
	size_t length;
	bool punycode;
	uint64_t disambiguator;
};

void rust_put_n(struct rust_reader *r, const char *text, size_t length);
void rust_put(struct rust_reader *r, const char *text);
void rust_put_number(struct rust_reader *r, uint64_t number);
void rust_put_identifier(struct rust_reader *r, const struct rust_name *id);

char rust_peek(const struct rust_reader *r);
/* Steps over the character if it is the next one. */
bool rust_take(struct rust_reader *r, char c);
char rust_next(struct rust_reader *r);
/* Counts a level of recursion; false when there are too many, or too many steps in all. */
bool rust_enter(struct rust_reader *r);

/* "_" is 0, "0_" is 1, ... */
uint64_t rust_base62(struct rust_reader *r);
uint64_t rust_disambiguator(struct rust_reader *r);
struct rust_name rust_name(struct rust_reader *r);
struct rust_name rust_identifier(struct rust_reader *r); /* with its disambiguator */
/* Goes back to an earlier place; the caller reads there and then sets r->at to the result. */
size_t rust_reference(struct rust_reader *r);

#endif
