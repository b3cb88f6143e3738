/* SPDX-License-Identifier: BSD-2-Clause */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/section.h"
#include "unwind/cfi.h"
#include "unwind/table.h"
#include "unwind/table_layout.h"

/* The biggest files in use, browsers and their debug builds, stay below a tenth of these. */
#define MAX_SECTION (256u << 20) /* bytes */
#define MAX_SPANS   (4u << 20)
#define MAX_ROWS    (16u << 20)
/* Functions begin at multiples of this; what lies between two is not run. */
#define ALIGNMENT 16

/* The code that one entry describes; all offsets are those of the file. */
struct span {
	uint32_t begin, end;
	uint32_t row, rows;
};

struct builder {
	const struct image *image;
	const struct cfi_machine *machine;
	struct rule_set rules;
	VEC(struct span) spans;
	struct row {
		uint32_t offset, rule;
	} *row; /* the last one, for those who read this: rows.at */
	VEC(struct row) rows;
	uint64_t delta; /* from addresses of the current entry to offsets */
	bool go;        /* the section at hand is Go's */
	struct unwind_stats stats;
};
