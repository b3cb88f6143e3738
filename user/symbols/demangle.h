/* SPDX-License-Identifier: BSD-2-Clause */
/* Readable names for the symbols of C++ and Rust compilers. */
#ifndef STRAIT_SYMBOLS_DEMANGLE_H
#define STRAIT_SYMBOLS_DEMANGLE_H

#include <stdbool.h>
#include <stddef.h>

#define DEMANGLE_TEXT 1024

/*
 * Writes the readable form of a symbol's name, or the name itself where it has none. Longer text is
 * cut and ends in "...".
 */
void symbol_demangle(const char *symbol, char out[DEMANGLE_TEXT]);

/* Ends a full buffer in "...". */
void demangle_cut(char out[DEMANGLE_TEXT]);

/* Rust's mangling of 2018 ("v0", names begin with _R); false if it is none, or is too deep. */
bool rust_demangle(const char *symbol, char out[DEMANGLE_TEXT]);

#endif
