/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/limits.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

/* Those that say when they are full. The others are arrays, and their sizes are in the programs. */
static const struct {
	const char *name;
	bool pair; /* of generations */
} limitable[] = {
	{"events", false},       {"ledger_hash", false}, {"block_flights", false},
	{"block_buckets", true}, {"net_flows", true},    {"net_listeners", false},
	{"memory_counts", true}, {"irq_times", true},    {"syscalls", true},
	{"alloc_counts", true},
};

/* True where the map is there and had more. */
static bool map_limit(struct bpf_object *object, const char *name, const char *suffix,
		      uint32_t entries)
{
	char full[64];
	struct bpf_map *map;

	snprintf(full, sizeof(full), "%s%s", name, suffix);
	map = bpf_object__find_map_by_name(object, full);
	return map && entries <= bpf_map__max_entries(map) &&
	       !bpf_map__set_max_entries(map, entries);
}

static bool limit_apply(struct bpf_object *object, const char *name, size_t length,
			uint32_t entries)
{
	/* A power of two of pages. */
	bool ring = length == strlen("events") && !strncmp(name, "events", length);

	if (ring && (entries & (entries - 1) || entries < (uint32_t)sysconf(_SC_PAGESIZE)))
		return false;
	for (size_t i = 0; i < sizeof(limitable) / sizeof(limitable[0]); i++) {
		const char *known = limitable[i].name;

		if (strlen(known) != length || strncmp(known, name, length) != 0)
			continue;
		if (!limitable[i].pair)
			return map_limit(object, known, "", entries);
		return map_limit(object, known, "_0", entries) &&
		       map_limit(object, known, "_1", entries);
	}
	return false;
}

int limits_apply(struct bpf_object *object, const char *text, bool *storage, struct error *error)
{
	while (text && *text) {
		size_t length = strcspn(text, "="), whole = strcspn(text, ",");
		char *end = NULL;
		unsigned long entries = 0;

		if (length < whole)
			entries = strtoul(text + length + 1, &end, 10);
		if (!entries || end != text + whole || entries > UINT32_MAX ||
		    !limit_apply(object, text, length, (uint32_t)entries))
			return error_set(error, -EINVAL,
					 "STRAIT_LIMITS: '%.*s': no map with a limit, or not a "
					 "smaller one (strait(8) has their names)",
					 whole < 60 ? (int)whole : 60, text);
		if (length == strlen("ledger_hash") && !strncmp(text, "ledger_hash", length))
			*storage = false;
		text += whole + (text[whole] == ',');
	}
	return 0;
}
