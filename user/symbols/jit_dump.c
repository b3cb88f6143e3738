/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols/cursor.h"
#include "symbols/jit_dump.h"
#include "symbols/perf_map.h"
#include "util/clock.h"

#define MAGIC       0x4a695444u /* "JiTD" */
#define VERSION     1
#define MAX_RECORDS (4u << 20)
#define MAX_NAME    1024
#define MAX_DEBUG   (256u << 10) /* of the lines of one function; some 30 bytes each */
/*
 * V8 moves the addresses of lines by the size of the ELF header that `perf inject` will put before
 * the code (src/diagnostics/perf-jit.cc).
 */
#define ELF_SHIFT 64

enum record_id {
	RECORD_LOAD,
	RECORD_MOVE,
	RECORD_DEBUG,
	RECORD_CLOSE,
};

struct file_header {
	uint32_t magic, version, size, machine, pad, pid;
	uint64_t timestamp, flags;
};

struct record_header {
	uint32_t id, size; /* of the record, with this header */
	uint64_t timestamp;
};

struct record_load {
	struct record_header header;
	uint32_t pid, tid;
	uint64_t vma, address, size, index;
	/* Then the name, NUL, and the code. */
};

struct record_move {
	struct record_header header;
	uint32_t pid, tid;
	uint64_t vma, old, address, size, index;
};

/* Comes before the function's RECORD_LOAD. */
struct record_debug {
	struct record_header header;
	uint64_t address, entries;
	/* Each entry: u64 address, s32 line, s32 discriminator, file name, NUL. */
};

/* Where the function of a lookup is described; what the file says last is true. */
struct hit {
	uint64_t record; /* offset of its RECORD_LOAD, 0 = none */
	uint64_t debug;  /* of its RECORD_DEBUG, 0 = none */
	uint64_t start, size;
	uint64_t written; /* the address at which its RECORD_LOAD has it */
	uint64_t index;   /* wanted, when it was moved there */
	bool moved;
};

struct scan {
	int fd;
	struct lookup *lookups;
	struct hit *hits; /* of each lookup */
	size_t count;
	uint64_t debug, debug_address; /* the last record of lines */
	bool any_moved;
};

static size_t read_some(int fd, uint64_t offset, void *to, size_t length)
{
	ssize_t got;

	do
		got = pread(fd, to, length, (off_t)offset);
	while (got < 0 && errno == EINTR);
	return got < 0 ? 0 : (size_t)got;
}

static bool header_read(int fd, struct file_header *header)
{
	return read_some(fd, 0, header, sizeof(*header)) == sizeof(*header) &&
	       header->magic == MAGIC && header->version == VERSION &&
	       header->size >= sizeof(*header);
}

bool jit_dump_is(int fd, uint32_t pid)
{
	struct file_header header;

	return header_read(fd, &header) && (!pid || header.pid == pid);
}

/* ---- which record describes which lookup ---- */

static void load_take(struct scan *scan, const struct record_load *load, uint64_t offset)
{
	uint64_t debug = scan->debug_address == load->address ? scan->debug : 0;
	size_t first = lookups_from(scan->lookups, scan->count, load->address);

	scan->debug = 0;
	if (load->address + load->size < load->address)
		return;
	for (size_t i = first;
	     i < scan->count && scan->lookups[i].address - load->address < load->size; i++)
		scan->hits[i] = (struct hit){
			.record = offset,
			.debug = debug,
			.start = load->address,
			.size = load->size,
			.written = load->address,
		};
}

static void move_take(struct scan *scan, const struct record_move *move)
{
	size_t first = lookups_from(scan->lookups, scan->count, move->address);

	if (move->address + move->size < move->address)
		return;
	for (size_t i = first;
	     i < scan->count && scan->lookups[i].address - move->address < move->size; i++) {
		scan->hits[i] = (struct hit){
			.start = move->address,
			.size = move->size,
			.index = move->index,
			.moved = true,
		};
		scan->any_moved = true;
	}
}

/* Second pass: the name of what was moved is in the record of its first place. */
static void origin_take(struct scan *scan, const struct record_load *load, uint64_t offset)
{
	uint64_t debug = scan->debug_address == load->address ? scan->debug : 0;

	scan->debug = 0;
	for (size_t i = 0; i < scan->count; i++) {
		struct hit *hit = &scan->hits[i];

		if (!hit->moved || hit->index != load->index)
			continue;
		hit->record = offset;
		hit->debug = debug;
		hit->written = load->address;
	}
}

static void record_take(struct scan *scan, const void *bytes, size_t have, uint64_t offset,
			bool second)
{
	const struct record_header *header = bytes;
	struct record_debug debug;
	struct record_load load;
	struct record_move move;

	if (header->size < have)
		have = header->size;
	if (header->id == RECORD_LOAD && have >= sizeof(load)) {
		memcpy(&load, bytes, sizeof(load));
		if (second)
			origin_take(scan, &load, offset);
		else
			load_take(scan, &load, offset);
	} else if (header->id == RECORD_MOVE && have >= sizeof(move) && !second) {
		memcpy(&move, bytes, sizeof(move));
		move_take(scan, &move);
	} else if (header->id == RECORD_DEBUG && have >= sizeof(debug)) {
		memcpy(&debug, bytes, sizeof(debug));
		scan->debug = offset;
		scan->debug_address = debug.address;
	}
}

static void records_scan(struct scan *scan, uint64_t offset, uint64_t deadline_ns, bool second)
{
	union {
		struct record_header header;
		struct record_load load;
		struct record_move move;
	} record;

	scan->debug = 0;
	for (size_t i = 0; i < MAX_RECORDS; i++) {
		size_t have = read_some(scan->fd, offset, &record, sizeof(record));

		/* The last record may be half written. */
		if (have < sizeof(record.header) || record.header.size < sizeof(record.header) ||
		    record.header.id == RECORD_CLOSE)
			return;
		record_take(scan, &record, have, offset, second);
		offset += record.header.size;
		if (i % 256 == 0 && time_now() > deadline_ns)
			return;
	}
}

/* ---- what the records say ---- */

static const char *name_read(int fd, uint64_t offset, struct text_arena *arena)
{
	char text[sizeof(struct record_load) + MAX_NAME];
	size_t have = read_some(fd, offset, text, sizeof(text));
	struct record_header header;
	size_t length;

	if (have <= sizeof(struct record_load))
		return NULL;
	memcpy(&header, text, sizeof(header));
	if (header.size < have)
		have = header.size;
	if (have <= sizeof(struct record_load))
		return NULL;
	length = strnlen(text + sizeof(struct record_load), have - sizeof(struct record_load));
	return length ? text_copy(arena, text + sizeof(struct record_load), length) : NULL;
}

struct line {
	uint64_t address;
	uint32_t line;
	const char *source;
};

static bool line_next(struct cursor *c, struct line *line)
{
	const char *name;

	line->address = cursor_fixed(c, 8);
	line->line = (uint32_t)cursor_fixed(c, 4);
	cursor_skip(c, 4);
	name = cursor_text(c);
	if (c->bad)
		return false;
	/* "\xff" stands for the name of the entry before. */
	if (strcmp(name, "\xff") != 0)
		line->source = name;
	return true;
}

/*
 * V8 of node 20 writes some file names from the wrong place, so that nothing fits from there on:
 * the lines of such a function are not believed.
 */
static bool line_is_sane(const struct line *line, const struct hit *hit, uint64_t shift)
{
	for (const char *at = line->source; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			return false;
	return line->address - shift - hit->written <= hit->size;
}

/* The last line at or before the address in the function as it was written. */
static void line_find(int fd, const struct hit *hit, struct lookup *lookup,
		      struct text_arena *arena)
{
	uint64_t address = hit->written + (lookup->address - hit->start), shift = 0;
	uint8_t *bytes = malloc(MAX_DEBUG);
	size_t have = bytes ? read_some(fd, hit->debug, bytes, MAX_DEBUG) : 0;
	struct line line = {.source = ""}, best = {};
	struct record_debug debug;
	struct cursor c;
	uint64_t left;

	if (have < sizeof(debug)) {
		free(bytes);
		return;
	}
	memcpy(&debug, bytes, sizeof(debug));
	if (debug.header.size < have)
		have = debug.header.size;
	left = debug.entries;
	c = (struct cursor){.at = bytes + sizeof(debug), .end = bytes + have};
	for (; left && line_next(&c, &line); left--) {
		/* A function's first line is at its begin. */
		if (left == debug.entries && line.address >= hit->written + ELF_SHIFT)
			shift = ELF_SHIFT;
		if (!line_is_sane(&line, hit, shift))
			break;
		if (line.address - shift <= address &&
		    (!best.source || line.address >= best.address))
			best = line;
	}
	if (!left && best.source && *best.source) {
		lookup->source = text_copy(arena, best.source, strlen(best.source));
		lookup->line = lookup->source ? best.line : 0;
	}
	free(bytes);
}

static void hits_answer(const struct scan *scan, struct text_arena *arena, uint64_t deadline_ns)
{
	const char *name = NULL;
	uint64_t record = 0;

	for (size_t i = 0; i < scan->count; i++) {
		const struct hit *hit = &scan->hits[i];
		struct lookup *lookup = &scan->lookups[i];

		if (!hit->record)
			continue;
		if (record != hit->record)
			name = name_read(scan->fd, hit->record, arena);
		record = hit->record;
		if (!name)
			continue;
		lookup->function = name;
		lookup->start = hit->start;
		lookup->end = hit->start + hit->size;
		if (hit->debug && time_now() < deadline_ns)
			line_find(scan->fd, hit, lookup, arena);
	}
}

void jit_dump_name(int fd, struct lookup *lookups, size_t count, struct text_arena *arena,
		   uint64_t deadline_ns)
{
	struct scan scan = {.fd = fd, .lookups = lookups, .count = count};
	struct file_header header;

	if (!header_read(fd, &header))
		return;
	scan.hits = calloc(count, sizeof(*scan.hits));
	if (!scan.hits)
		return;
	records_scan(&scan, header.size, deadline_ns, false);
	if (scan.any_moved)
		records_scan(&scan, header.size, deadline_ns, true);
	hits_answer(&scan, arena, deadline_ns);
	free(scan.hits);
}
