/* SPDX-License-Identifier: BSD-2-Clause */
/* unwind: files whose code runs get their unwind tables, as soon as the kernel tells of them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/families.h"
#include "capture/iterate.h"
#include "capture/tables.h"
#include "strait.skel.h"
#include "symbols/symbols.h"
#include "unwind_table.h"
#include "util/disk_cache.h"

/* Of all tables: the programs of a busy host have about 10 MB, a large browser 4 MB. */
#define TABLES_LIMIT (48u << 20)
/*
 * How long the begin waits for the tables of what runs already: 100 files take 10 ms from the
 * cache, and about 300 ms the first time.
 */
#define SETTLE_NS 1000000000ULL

struct unwind_data {
	struct tables *tables;
	VEC(uint64_t) again; /* files that could not be had: to be told of again */
	struct tables_stats told;
	bool walked; /* the iterator has counted, and all that it told of is dealt with */
};

static struct unwind_data *unwind_data(struct session *session)
{
	return session->family_data[family_index(&family_unwind)];
}

static int unwind_prepare(struct session *session, struct error *error)
{
	(void)error;
	session->skeleton->rodata->unwind_mmap = SYS_mmap;
#if defined(__aarch64__)
	session->skeleton->rodata->page_shift = (uint32_t)__builtin_ctzl(sysconf(_SC_PAGESIZE));
#endif
	return 0;
}

/* ---- files ---- */

/* What is told of later is told because it is about to run. */
static struct tables_use use_of(struct session *session, uint64_t file)
{
	int fd = bpf_map__fd(session->skeleton->maps.files_mapped);
	uint32_t slot = unwind_seen_slot(file);
	struct unwind_mapped mapped;

	if (unwind_data(session)->walked || bpf_map_lookup_elem(fd, &slot, &mapped))
		return (struct tables_use){.running = 1, .mappings = 1};
	return (struct tables_use){.running = mapped.running, .mappings = mapped.mappings};
}

static void table_want(struct session *session, uint64_t file, const char *build_id)
{
	int fd = symbols_file_open(session->symbols, file);

	if (fd >= 0)
		tables_want(unwind_data(session)->tables, file, fd, build_id,
			    use_of(session, file));
	else
		vec_push(&unwind_data(session)->again, file);
}

/* The names come leaf first, each with its NUL: "libc.so.6", "lib", "usr" → "/usr/lib/libc.so.6".
 */
static void path_join(const struct wire_file *record, char path[WIRE_PATH_BYTES + 1])
{
	const char *end = record->path + sizeof(record->path), *name = record->path;
	size_t at = WIRE_PATH_BYTES;

	path[at] = 0;
	for (uint32_t i = 0; i < record->names && i < WIRE_NAMES && name < end; i++) {
		size_t length = strnlen(name, (size_t)(end - name));

		if (length + 1 > at)
			break;
		at -= length;
		memcpy(path + at, name, length);
		path[--at] = '/';
		name += length + 1;
	}
	memmove(path, path + at, WIRE_PATH_BYTES + 1 - at);
}

static void file_seen(struct session *session, const void *data, size_t size)
{
	const struct wire_file *record = data;
	struct file_sighting seen;
	char path[WIRE_PATH_BYTES + 1];
	struct location where;

	if (size < sizeof(*record) || !unwind_data(session))
		return;
	path_join(record, path);
	seen = (struct file_sighting){
		.id = record->file,
		.pid = record->header.tgid,
		.start = record->start,
		.end = record->end,
		.offset = record->offset,
		.inode = record->inode,
		.size = record->size,
		.generation = record->generation,
		.dev = makedev(record->device >> 20, record->device & 0xfffff),
		.path = path,
	};
	symbols_file_seen(session->symbols, &seen);
	if (!symbols_locate(session->symbols, record->file, 0, &where))
		table_want(session, record->file, where.build_id);
}

/* The programs tell of these files again when they meet them. */
static void files_unsee(struct session *session, const uint64_t *files, size_t count)
{
	int fd = bpf_map__fd(session->skeleton->maps.files_seen);
	uint64_t none = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t slot = unwind_seen_slot(files[i]);

		bpf_map_update_elem(fd, &slot, &none, BPF_ANY);
	}
}

/* ---- the window ---- */

/* Each file that code is mapped from is told of. */
static void mappings_walk(struct session *session)
{
	struct bpf_program *program = session->skeleton->progs.unwind__mappings;

	if (bpf_program__fd(program) >= 0)
		iterate_mappings(session, program);
}

/* A directory of our own, that nobody else may write to; NULL where it cannot be had. */
static const char *cache_directory(void)
{
	if (mkdir(DISK_CACHE_HOME, 0700) && errno != EEXIST)
		return NULL;
	return DISK_CACHE_HOME;
}

/* What other families read of a file, on the thread that has made its table. */
static int file_read(void *context, uint64_t file, int fd, struct error *why)
{
	struct session *session = context;
	int err = 0;

	for (size_t i = 0; families[i] && err != -EIO; i++)
		if (families[i]->file && session->family_data[i])
			err = families[i]->file(session, file, fd, why);
	return err;
}

static int unwind_loaded(struct session *session, struct error *error)
{
	struct tables_options options = {
		.files_fd = bpf_map__fd(session->skeleton->maps.unwind_files),
		.tables_fd = bpf_map__fd(session->skeleton->maps.unwind_tables),
		.capacity = bpf_map__max_entries(session->skeleton->maps.unwind_tables),
		.limit = TABLES_LIMIT,
		.cache = cache_directory(),
		.file_read = file_read,
		.context = session,
	};
	struct unwind_data *data = calloc(1, sizeof(*data));

	if (data)
		data->tables = tables_new(&options);
	if (!data || !data->tables) {
		free(data);
		return error_set(error, -ENOMEM, "cannot start the thread that loads tables");
	}
	session->family_data[family_index(&family_unwind)] = data;
	table_want(session, WIRE_FILE_VDSO, "");
	mappings_walk(session);
	ring_buffer__consume(session->ring);
	data->walked = true;
	tables_settle(data->tables, SETTLE_NS);
	return 0;
}

/* What the analysis sums up: coverage.c. */
static void tables_tell(struct recording *rec, const struct tables_stats *now,
			const struct tables_stats *told)
{
	const struct {
		const char *metric;
		uint64_t count;
	} points[] = {
		{"unwind.tables_loaded", now->loaded - told->loaded},
		{"unwind.tables_cached", now->cached - told->cached},
		{"unwind.tables_shared", now->shared - told->shared},
		{"unwind.tables_evicted", now->evicted - told->evicted},
		{"unwind.files_failed", now->failed - told->failed},
		{"unwind.files_refused", now->refused - told->refused},
	};

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		recording_point(rec, points[i].metric, "", (double)points[i].count);
	recording_point(rec, "unwind.table_bytes", "", (double)now->bytes);
	recording_point(rec, "unwind.load_longest_ms", "", (double)now->longest_ns / 1e6);
}

/* A row beside those of the families, renewed when there are more. */
static void ended_tell(struct session *session, const struct tables_stats *now)
{
	struct location where = {};
	char text[600];

	symbols_locate(session->symbols, now->ended_file, 0, &where);
	snprintf(text, sizeof(text),
		 "%" PRIu64 " files were given up, and stacks through them may end there; the last "
		 "one, %.200s: %.160s",
		 now->ended, where.path ? where.path : "?", now->ended_why);
	recording_family(session->recording, FAMILY_FILES, FAMILY_PARTIAL, text);
}

static int unwind_drain(struct session *session, struct error *error)
{
	struct unwind_data *data = unwind_data(session);
	struct tables_stats now = tables_stats(data->tables);
	uint64_t evicted[256];
	size_t count;

	(void)error;
	while ((count = tables_take_evicted(data->tables, evicted, 256)) > 0)
		files_unsee(session, evicted, count);
	files_unsee(session, data->again.at, data->again.len);
	data->again.len = 0;
	tables_tell(session->recording, &now, &data->told);
	if (now.ended > data->told.ended)
		ended_tell(session, &now);
	data->told = now;
	return 0;
}

static void unwind_close(struct session *session)
{
	struct unwind_data *data = unwind_data(session);

	if (!data)
		return;
	tables_free(data->tables);
	vec_free(&data->again);
	free(data);
}

const struct family family_unwind = {
	.name = "unwind",
	.what = "unwind tables for the code that runs: whole user stacks",
	.handlers = {{WIRE_FILE, file_seen}},
	.prepare = unwind_prepare,
	.loaded = unwind_loaded,
	.drain = unwind_drain,
	.close = unwind_close,
};
