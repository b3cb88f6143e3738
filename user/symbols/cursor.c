/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "symbols/cursor.h"

uint64_t cursor_fixed(struct cursor *c, size_t size)
{
	uint64_t value = 0;

	if (c->bad || (size_t)(c->end - c->at) < size || size > sizeof(value)) {
		c->bad = true;
		return 0;
	}
	/* Files of the other byte order are not read at all. */
	if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
		memcpy(&value, c->at, size);
	else
		memcpy((uint8_t *)&value + sizeof(value) - size, c->at, size);
	c->at += size;
	return value;
}

void cursor_skip(struct cursor *c, uint64_t size)
{
	if (c->bad || (uint64_t)(c->end - c->at) < size)
		c->bad = true;
	else
		c->at += size;
}

uint64_t cursor_uleb(struct cursor *c)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; c->at < c->end; shift += 7) {
		uint8_t byte = *c->at++;

		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	c->bad = true;
	return 0;
}

int64_t cursor_sleb(struct cursor *c)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; c->at < c->end;) {
		uint8_t byte = *c->at++;

		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
		if (byte & 0x80)
			continue;
		if (byte & 0x40 && shift < 64)
			value |= ~0ull << shift;
		return (int64_t)value;
	}
	c->bad = true;
	return 0;
}

const char *cursor_text(struct cursor *c)
{
	const uint8_t *start = c->at, *end;

	if (c->bad || !(end = memchr(start, '\0', (size_t)(c->end - start)))) {
		c->bad = true;
		return "";
	}
	c->at = end + 1;
	return (const char *)start;
}
