/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols/kernel.h"
#include "util/clock.h"

#define KALLSYMS "/proc/kallsyms"

/* Far above any kernel; they only bound a file that is not what it should be. */
#define MAX_ENTRIES (2u << 20)
#define MAX_NAMES   (128u << 20)
#define MAX_MODULES 4096

/*
 * kallsyms has no sizes: a function ends where the next begins, or, where there is a gap, nowhere.
 * No function of the kernel is as long as this. Generated code (BPF) is shorter, and comes and
 * goes.
 */
#define MAX_FUNCTION      (1u << 20)
#define MAX_GENERATED     (64u << 10)
#define RELOAD_BACKOFF_NS 2000000000ull

static uint32_t name_add(struct kernel_table *table, const char *name, size_t length)
{
	uint32_t offset = (uint32_t)table->names.len;
	char *copy = vec_extend(&table->names, length + 1);

	memcpy(copy, name, length);
	return offset;
}

/* Symbols of one module follow each other, so looking at the last one is nearly always enough. */
static uint16_t module_find(struct kernel_table *table, const char *name, size_t length)
{
	for (size_t i = table->modules.len; i-- > 0;) {
		const char *have = table->names.at + table->modules.at[i];

		if (!strncmp(have, name, length) && !have[length])
			return (uint16_t)i;
	}
	if (table->modules.len >= MAX_MODULES)
		return 0;
	vec_push(&table->modules, name_add(table, name, length));
	return (uint16_t)(table->modules.len - 1);
}

static bool is_end(const char *name, size_t length)
{
	static const char *const ends[] = {"_etext", "_einittext", "__entry_text_end",
					   "__irqentry_text_end", "__softirqentry_text_end"};

	if (*name != '_' || length < 6)
		return false;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (strlen(ends[i]) == length && !memcmp(ends[i], name, length))
			return true;
	return false;
}

/* "ffffffff81000000 T name\t[module]", without the line's end. Lines of another form are skipped.
 */
static void line_add(struct kernel_table *table, const char *line, const char *end)
{
	struct kernel_entry entry = {};
	const char *name, *module;
	size_t length;
	char *rest;

	entry.address = strtoull(line, &rest, 16);
	if (rest + 3 >= end || rest[0] != ' ' || rest[2] != ' ' || !strchr("tTwW", rest[1]))
		return;
	if (table->entries.len >= MAX_ENTRIES || table->names.len >= MAX_NAMES)
		return;
	entry.type = (uint8_t)rest[1];
	name = rest + 3;
	module = memchr(name, '\t', (size_t)(end - name));
	length = (size_t)((module ? module : end) - name);
	entry.end = is_end(name, length);
	if (module)
		entry.module = module_find(table, module + 1, (size_t)(end - module - 1));
	entry.name = name_add(table, name, length);
	vec_push(&table->entries, entry);
}

/* Reads the file in pieces: the whole text would be some 6 MB. */
static int lines_read(struct kernel_table *table, int fd)
{
	char buffer[64 << 10];
	size_t have = 0;

	for (;;) {
		ssize_t got = read(fd, buffer + have, sizeof(buffer) - 1 - have);
		char *at = buffer, *end;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			return 0;
		have += (size_t)got;
		buffer[have] = '\0';
		for (; (end = memchr(at, '\n', have - (size_t)(at - buffer))); at = end + 1) {
			*end = '\0';
			line_add(table, at, end);
		}
		have -= (size_t)(at - buffer);
		if (have >= sizeof(buffer) - 1)
			return -EBADMSG;
		memmove(buffer, at, have);
	}
}

static unsigned int underscores(const char *name)
{
	return (unsigned int)strspn(name, "_");
}

static int entry_compare(const void *left, const void *right, void *context)
{
	const struct kernel_entry *a = left, *b = right;
	const struct kernel_table *table = context;
	const char *name_a = table->names.at + a->name, *name_b = table->names.at + b->name;
	bool global_a = a->type == 'T', global_b = b->type == 'T';

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	/* Of several names for one place the plainest comes first: section marks last. */
	if (a->end != b->end)
		return a->end ? 1 : -1;
	if (underscores(name_a) != underscores(name_b))
		return underscores(name_a) < underscores(name_b) ? -1 : 1;
	if (global_a != global_b)
		return global_a ? -1 : 1;
	return strcmp(name_a, name_b);
}

/* One entry for each address, ascending. */
static void entries_order(struct kernel_table *table)
{
	struct kernel_entry *at = table->entries.at;
	size_t count = table->entries.len, kept = 0;
	bool ordered = true;

	for (size_t i = 1; i < count && ordered; i++)
		ordered = at[i - 1].address <= at[i].address;
	/* Modules and BPF programs are listed as they came; a kernel without any is in order. */
	if (!ordered)
		qsort_r(at, count, sizeof(*at), entry_compare, table);
	for (size_t i = 1; i < count; i++) {
		if (at[i].address != at[kept].address)
			at[++kept] = at[i];
		else if (entry_compare(&at[i], &at[kept], table) < 0)
			at[kept] = at[i];
	}
	table->entries.len = count ? kept + 1 : 0;
}

void kernel_free(struct kernel_table *table)
{
	vec_free(&table->entries);
	vec_free(&table->names);
	vec_free(&table->modules);
	*table = (struct kernel_table){};
}

static int load_fail(struct kernel_table *table, int code, const char *format, const char *path)
{
	struct error error;

	kernel_free(table);
	error_set(&error, code, format, path, strerror(-code));
	memcpy(table->why, error.text, sizeof(table->why));
	table->failure = code;
	return code;
}

static int table_fill(struct kernel_table *table, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return load_fail(table, -errno, "kernel functions have no names: %s: %s", path);
	vec_push(&table->modules, name_add(table, "[kernel]", 8));
	err = lines_read(table, fd);
	close(fd);
	if (err)
		return load_fail(table, err, "kernel functions have no names: reading %s: %s",
				 path);
	entries_order(table);
	/* Hidden addresses are shown as zeroes, and have become one entry. */
	if (table->entries.len == 1 && !table->entries.at[0].address)
		return load_fail(table, -EPERM,
				 "kernel functions have no names: %s shows no addresses; run as "
				 "root, or set sysctl kernel.kptr_restrict=1 or 0",
				 path);
	if (!table->entries.len)
		return load_fail(table, -ENOENT,
				 "kernel functions have no names: %s lists no functions", path);
	return 0;
}

int kernel_load_from(struct kernel_table *table, const char *path, struct error *error)
{
	kernel_free(table);
	table->failure = table_fill(table, path);
	table->loaded = true;
	table->loaded_ns = time_now();
	return table->failure ? error_set(error, table->failure, "%s", table->why) : 0;
}

int kernel_load(struct kernel_table *table, struct error *error)
{
	if (!table->loaded)
		return kernel_load_from(table, KALLSYMS, error);
	return table->failure ? error_set(error, table->failure, "%s", table->why) : 0;
}

/* The last entry at or below the address, NULL if it cannot hold the address. */
static const struct kernel_entry *entry_find(const struct kernel_table *table, uint64_t address)
{
	size_t low = 0, high = table->entries.len;
	const struct kernel_entry *entry;
	const char *module;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->entries.at[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	entry = &table->entries.at[low - 1];
	module = table->names.at + table->modules.at[entry->module];
	if (entry->end || address - entry->address >= MAX_FUNCTION)
		return NULL;
	if (!strcmp(module, "[bpf]") && address - entry->address >= MAX_GENERATED)
		return NULL;
	return entry;
}

/* Keeps the table that there is where a new one cannot be had. */
static void kernel_reload(struct kernel_table *table)
{
	struct kernel_table fresh = {};

	if (kernel_load_from(&fresh, KALLSYMS, NULL)) {
		table->loaded_ns = fresh.loaded_ns;
		return;
	}
	kernel_free(table);
	*table = fresh;
}

int kernel_find(struct kernel_table *table, uint64_t address, struct kernel_symbol *out)
{
	const struct kernel_entry *entry;
	int err = kernel_load(table, NULL);

	if (err)
		return err;
	entry = entry_find(table, address);
	/* Modules and BPF programs come and go: look again, but not for every stray address. */
	if (!entry && address > table->entries.at[0].address &&
	    time_now() - table->loaded_ns > RELOAD_BACKOFF_NS) {
		kernel_reload(table);
		entry = entry_find(table, address);
	}
	if (!entry)
		return -ENOENT;
	*out = (struct kernel_symbol){
		.name = table->names.at + entry->name,
		.module = table->names.at + table->modules.at[entry->module],
		.offset = address - entry->address,
	};
	return 0;
}
