/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's functions, from /proc/kallsyms: a sorted table of 16 bytes an entry and one block
 * of names, 2 to 3 MB on a distribution's kernel.
 */
#ifndef STRAIT_SYMBOLS_KERNEL_H
#define STRAIT_SYMBOLS_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "symbols/symbols.h"
#include "util/vec.h"

struct kernel_entry {
	uint64_t address;
	uint32_t name; /* offset in names */
	uint16_t module;
	uint8_t type; /* kallsyms' letter */
	uint8_t end;  /* marks the end of a text section: nothing is at or behind it */
};

struct kernel_table {
	VEC(struct kernel_entry) entries;
	VEC(char) names;
	VEC(uint32_t) modules; /* offsets in names; modules.at[0] is "[kernel]" */
	bool loaded;
	int failure; /* of the load, 0 = it worked */
	char why[ERROR_TEXT];
	uint64_t loaded_ns; /* CLOCK_MONOTONIC */
};

int kernel_load(struct kernel_table *table, struct error *error);
/* The same from any file in the format of kallsyms. */
int kernel_load_from(struct kernel_table *table, const char *path, struct error *error);
int kernel_find(struct kernel_table *table, uint64_t address, struct kernel_symbol *out);
void kernel_free(struct kernel_table *table);

#endif
