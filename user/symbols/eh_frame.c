/* SPDX-License-Identifier: BSD-2-Clause */
#include "symbols/eh_frame.h"

uint64_t eh_value(struct cursor *c, uint8_t format)
{
	switch (format) {
	case EH_ABSPTR:
	case EH_UDATA8:
	case EH_SDATA8:
		return cursor_fixed(c, 8);
	case EH_UDATA2:
		return cursor_fixed(c, 2);
	case EH_UDATA4:
		return cursor_fixed(c, 4);
	case EH_SDATA2:
		return (uint64_t)(int16_t)cursor_fixed(c, 2);
	case EH_SDATA4:
		return (uint64_t)(int32_t)cursor_fixed(c, 4);
	case EH_ULEB128:
		return cursor_uleb(c);
	case EH_SLEB128:
		return (uint64_t)cursor_sleb(c);
	default:
		c->bad = true;
		return 0;
	}
}

uint64_t eh_address(struct cursor *c, uint64_t here, uint8_t encoding)
{
	uint64_t base = 0;

	if ((encoding & ~EH_FORMAT) == EH_PCREL)
		base = here;
	else if (encoding & ~EH_FORMAT)
		c->bad = true;
	return base + eh_value(c, encoding & EH_FORMAT);
}

static void personality_skip(struct cursor *c)
{
	uint8_t encoding = (uint8_t)cursor_fixed(c, 1);

	if (encoding == EH_OMIT)
		return;
	if (encoding == EH_ALIGNED)
		c->bad = true;
	else
		eh_value(c, encoding & EH_FORMAT);
}

bool eh_augmentation_read(const char *letters, struct cursor *c, struct eh_augmentation *out)
{
	struct cursor data;
	uint64_t length;

	*out = (struct eh_augmentation){};
	if (!*letters)
		return true;
	if (*letters++ != 'z')
		return false;
	out->present = true;
	length = cursor_uleb(c);
	data = *c;
	cursor_skip(c, length);
	if (c->bad)
		return false;
	data.end = c->at;
	for (; *letters && !data.bad; letters++) {
		if (*letters == 'R')
			out->encoding = (uint8_t)cursor_fixed(&data, 1);
		else if (*letters == 'L')
			cursor_skip(&data, 1);
		else if (*letters == 'P')
			personality_skip(&data);
		else if (*letters == 'S')
			out->signal = true;
		else if (*letters != 'B')
			return false;
	}
	return !data.bad;
}
