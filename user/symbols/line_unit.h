/* SPDX-License-Identifier: BSD-2-Clause */
/* The header of one unit of DWARF's line tables: how its program is read, and the source files. */
#ifndef STRAIT_SYMBOLS_LINE_UNIT_H
#define STRAIT_SYMBOLS_LINE_UNIT_H

#include "symbols/cursor.h"
#include "symbols/image.h"

#define LINE_SOURCE 1024

struct line_unit {
	struct cursor tables; /* directories and files */
	struct cursor program;
	uint16_t version;
	uint8_t offset_size; /* 4 or 8 */
	uint8_t min_instruction, line_range, opcode_base;
	int8_t line_base;
	uint8_t operands[256]; /* of standard opcodes */
};

/* .debug_line_str of a file, loaded when it is first wanted. */
struct line_names {
	const struct image *image;
	char *text; /* to be freed */
	size_t size;
	bool tried;
};

/* False: a version that is not known, or broken. `bytes` begin behind the unit's length. */
bool line_unit_read(struct line_unit *unit, const uint8_t *bytes, size_t size, uint8_t offset_size);
/* The path of a file by its number in the unit. */
bool line_file_find(struct line_names *names, const struct line_unit *unit, uint32_t file,
		    char path[LINE_SOURCE]);

#endif
