/* SPDX-License-Identifier: BSD-2-Clause */
#include <elf.h>
#include <string.h>

#include "unwind/cfi.h"
#include "unwind/cfi_program.h"

/* Programs of at most so many times the section's bytes are run: a file that makes all its entries
 * use one huge CIE would otherwise take for ever. Files as linked stay below twice. */
#define MAX_WORK    8
#define LEAST_WORK  (1u << 20)
#define COMMON_KEPT 16 /* CIEs; entries of the same ones lie together */
#define NO_OFFSET   UINT64_MAX

/* Another architecture is one more line here, and its bpf/core/frame_*.bpf.h. */
static const struct cfi_machine machines[] = {
	{.elf = EM_X86_64,
	 .registers = 16,
	 .fp = 6,
	 .sp = 7,
	 .ra = 16,
	 .ra_offset = -8,
	 .call_offset = 8},
	{.elf = EM_AARCH64, .registers = 31, .fp = 29, .sp = 31, .ra = 30, .link = true},
};

const struct cfi_machine *cfi_machine(uint16_t elf)
{
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		if (machines[i].elf == elf)
			return &machines[i];
	return NULL;
}

struct reader {
	const struct cfi_section *section;
	const struct cfi_machine *machine;
	const struct cfi_sink *sink;
	struct cfi_counts *counts;
	uint64_t work; /* bytes of programs that may still be run */
	struct cfi_common common[COMMON_KEPT];
};

/* One entry of the section, of either kind. */
struct entry {
	uint64_t offset; /* of its length */
	struct cursor body;
	const uint8_t *id_at;
	uint64_t id;
	uint8_t id_size;
};

uint64_t cfi_address(struct cursor *c, const struct cfi_section *section, uint8_t encoding)
{
	return eh_address(c, section->address + (uint64_t)(c->at - section->bytes), encoding);
}

/* ---- entries ---- */

/* Reads the head of the entry at `c` and moves behind the entry; false: nothing can follow. */
static bool entry_read(const struct cfi_section *section, struct cursor *c, struct entry *entry)
{
	uint64_t length;

	entry->offset = (uint64_t)(c->at - section->bytes);
	entry->id_size = 4;
	length = cursor_fixed(c, 4);
	if (length == UINT32_MAX) {
		length = cursor_fixed(c, 8);
		/* .eh_frame has identifiers of four bytes also in entries of 64 bits. */
		entry->id_size = section->debug ? 8 : 4;
	}
	entry->body = (struct cursor){c->at, c->at};
	cursor_skip(c, length);
	if (c->bad)
		return false;
	entry->body.end = c->at;
	entry->id_at = entry->body.at;
	entry->id = cursor_fixed(&entry->body, entry->id_size);
	return true;
}

static bool entry_is_common(const struct cfi_section *section, const struct entry *entry)
{
	if (!section->debug)
		return !entry->id;
	return entry->id == (entry->id_size == 8 ? UINT64_MAX : UINT32_MAX);
}

static bool common_parse(struct reader *reader, struct entry *entry, struct cfi_common *common)
{
	struct cursor *c = &entry->body;
	uint8_t version = (uint8_t)cursor_fixed(c, 1);
	const char *letters = cursor_text(c);
	uint64_t ra;

	if (version != 1 && version != 3 && version != 4)
		return false;
	/* Size of addresses, and of segment selectors. */
	if (version == 4 && (cursor_fixed(c, 1) != 8 || cursor_fixed(c, 1) != 0))
		return false;
	common->code_unit = cursor_uleb(c);
	common->data_unit = cursor_sleb(c);
	ra = version == 1 ? cursor_fixed(c, 1) : cursor_uleb(c);
	if (c->bad || ra != reader->machine->ra ||
	    !eh_augmentation_read(letters, c, &common->augmentation))
		return false;
	return cfi_run_common(common, reader->machine, reader->section, *c);
}

/* The CIE at an offset of the section. */
static const struct cfi_common *common_get(struct reader *reader, uint64_t offset)
{
	const struct cfi_section *section = reader->section;
	struct cfi_common *common = &reader->common[offset / 4 % COMMON_KEPT];
	struct cursor c = {.end = section->bytes + section->size};
	struct entry entry;

	if (common->offset == offset)
		return common;
	if (offset >= section->size)
		return NULL;
	*common = (struct cfi_common){.offset = offset};
	c.at = section->bytes + offset;
	if (!entry_read(section, &c, &entry) || entry.body.bad ||
	    !entry_is_common(section, &entry) ||
	    (uint64_t)(entry.body.end - entry.body.at) > reader->work)
		return common;
	reader->work -= (uint64_t)(entry.body.end - entry.body.at);
	common->good = common_parse(reader, &entry, common);
	return common;
}

/* Reads one range of code; false: it is broken. */
static bool range_read(struct reader *reader, struct entry *entry)
{
	const struct cfi_section *section = reader->section;
	uint64_t where =
		section->debug ? entry->id : (uint64_t)(entry->id_at - section->bytes) - entry->id;
	const struct cfi_common *common = common_get(reader, where);
	struct cursor *c = &entry->body;
	uint64_t begin, length;
	bool good;

	if (!common || !common->good || (uint64_t)(c->end - c->at) > reader->work)
		return false;
	begin = cfi_address(c, section, common->augmentation.encoding);
	length = eh_value(c, common->augmentation.encoding & EH_FORMAT);
	if (common->augmentation.present)
		cursor_skip(c, cursor_uleb(c));
	if (c->bad || begin + length < begin)
		return false;
	if (!length || !reader->sink->begin(reader->sink->context, begin, begin + length))
		return true;
	reader->work -= (uint64_t)(c->end - c->at);
	good = cfi_run(common, reader->machine, section, *c, begin, begin + length, reader->sink);
	reader->sink->end(reader->sink->context, good);
	return good;
}

void cfi_read(const struct cfi_section *section, const struct cfi_machine *machine,
	      const struct cfi_sink *sink, struct cfi_counts *counts)
{
	struct cursor c = {section->bytes, section->bytes + section->size};
	struct reader reader = {
		.section = section,
		.machine = machine,
		.sink = sink,
		.counts = counts,
		.work = (uint64_t)section->size * MAX_WORK + LEAST_WORK,
	};
	struct entry entry;

	for (size_t i = 0; i < COMMON_KEPT; i++)
		reader.common[i].offset = NO_OFFSET;
	while (c.at < c.end && entry_read(section, &c, &entry)) {
		/* A length of 0 ends the section for some; linkers leave it between entries too. */
		if (entry.id_at == entry.body.end || entry_is_common(section, &entry))
			continue;
		counts->entries++;
		if (entry.body.bad || !range_read(&reader, &entry))
			counts->skipped++;
	}
}
