/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "capture/table_maps.h"
#include "util/clock.h"

/* ---- files ---- */

static bool file_is(const void *context, uint32_t position, const void *key)
{
	return ((const struct table_maps *)context)->files.at[position].file ==
	       *(const uint64_t *)key;
}

struct table_file *table_maps_file(struct table_maps *maps, uint64_t file)
{
	uint32_t at = index_find(&maps->by_file, hash_u64(file), file_is, maps, &file);

	if (at != INDEX_NONE)
		return &maps->files.at[at];
	index_add(&maps->by_file, hash_u64(file), (uint32_t)maps->files.len);
	return vec_push(&maps->files, (struct table_file){.file = file});
}

/* ---- tables ---- */

/* A map with the words of one table: its descriptor, or -errno. */
static int table_map_make(const struct unwind_table *table)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_INNER_MAP);
	uint32_t chunks = (uint32_t)(table->word_count / UNWIND_CHUNK);
	size_t size = UNWIND_CHUNK * sizeof(uint32_t);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "unwind_table", sizeof(uint32_t), size, chunks,
				&options);

	for (uint32_t i = 0; fd >= 0 && i < chunks; i++)
		if (bpf_map_update_elem(fd, &i, table->words + (size_t)i * UNWIND_CHUNK, BPF_ANY)) {
			int err = -errno;

			close(fd);
			return err;
		}
	return fd < 0 ? -errno : fd;
}

struct table_content table_content_of(const struct unwind_table *table)
{
	size_t bytes = table->word_count * sizeof(*table->words);
	uint64_t hash = hash_bytes(table->words, bytes);

	/*
	 * A file is a stranger's, and so is the build-id in it: only what the tables hold may say
	 * that they are one. The second hash is over the halves, so that it is not the first again.
	 */
	return (struct table_content){
		.hash = {hash, hash_mix(hash_bytes(table->words, bytes / 2),
					hash_bytes(table->words + table->word_count / 2,
						   bytes - bytes / 2))},
		.words = table->word_count,
	};
}

static struct table_shared *shared_find(const struct table_maps *maps,
					const struct table_content *content)
{
	vec_each(&maps->tables, table)
		if (table->files && table->content.words == content->words &&
		    table->content.hash[0] == content->hash[0] &&
		    table->content.hash[1] == content->hash[1])
			return table;
	return NULL;
}

static size_t shared_bytes(const struct table_shared *table)
{
	return table->content.words * sizeof(uint32_t);
}

/* It was to be published, and is thrown out before that. */
static void ready_drop(struct table_ready *ready, uint32_t index)
{
	for (uint32_t i = 0; i < ready->count; i++) {
		if (ready->index[i] != index)
			continue;
		close(ready->fd[i]);
		ready->count--;
		ready->index[i] = ready->index[ready->count];
		ready->fd[i] = ready->fd[ready->count];
		return;
	}
}

/* A file is without its table; whose last file that was goes. */
static void file_part(struct table_maps *maps, struct table_file *file)
{
	struct table_shared *table = &maps->tables.at[file->table - 1];

	bpf_map_delete_elem(maps->options.files_fd, &file->file);
	file->table = 0;
	if (--table->files)
		return;
	ready_drop(&maps->ready, table->index);
	/* The kernel waits here until no walk is in it: its number is free after that. */
	bpf_map_delete_elem(maps->options.tables_fd, &table->index);
	vec_push(&maps->free, table->index);
	maps->stats.bytes -= shared_bytes(table);
}

/*
 * Takes the table from the file that used it longest ago; false: there is none. One that others
 * have stays for them, until it is their turn.
 */
static bool table_evict(struct table_maps *maps)
{
	struct table_file *oldest = NULL;
	uint32_t oldest_used = 0;

	vec_each(&maps->files, file) {
		struct unwind_file value = {};

		if (!file->table ||
		    bpf_map_lookup_elem(maps->options.files_fd, &file->file, &value))
			continue;
		if (value.used > maps->newest)
			maps->newest = value.used;
		if (!oldest || value.used < oldest_used) {
			oldest = file;
			oldest_used = value.used;
		}
	}
	if (!oldest)
		return false;
	vec_push(&maps->evicted, oldest->file);
	maps->stats.evicted++;
	file_part(maps, oldest);
	return true;
}

static bool room_is_there(const struct table_maps *maps, size_t bytes)
{
	return maps->stats.bytes + bytes <= maps->options.limit &&
	       (maps->free.len || maps->next_index < maps->options.capacity);
}

bool table_maps_have_room(const struct table_maps *maps, const struct table_content *content)
{
	return shared_find(maps, content) || room_is_there(maps, content->words * sizeof(uint32_t));
}

/* An index in the map of maps for a table of that size; UINT32_MAX: it finds no room. */
static uint32_t index_take(struct table_maps *maps, size_t bytes)
{
	if (bytes > maps->options.limit)
		return UINT32_MAX;
	while (!room_is_there(maps, bytes))
		if (!table_evict(maps))
			return UINT32_MAX;
	if (maps->free.len)
		return maps->free.at[--maps->free.len];
	return maps->next_index++;
}

/* The place of a new table, which no file has yet; -errno. */
static int shared_make(struct table_maps *maps, const struct table_content *content,
		       const struct unwind_table *table, uint64_t asked_ns,
		       struct table_shared **out)
{
	struct table_ready *ready = &maps->ready;
	struct table_shared shared = {.content = *content};
	int fd = table_map_make(table);

	if (fd < 0)
		return fd;
	shared.index = index_take(maps, shared_bytes(&shared));
	if (shared.index == UINT32_MAX) {
		close(fd);
		return -ENOSPC;
	}
	if (!ready->count || asked_ns < ready->asked_ns)
		ready->asked_ns = asked_ns;
	ready->index[ready->count] = shared.index;
	ready->fd[ready->count++] = fd;
	maps->stats.bytes += shared_bytes(&shared);
	*out = NULL;
	vec_each(&maps->tables, place)
		if (!place->files)
			*out = place;
	if (!*out)
		*out = vec_extend(&maps->tables, 1);
	**out = shared;
	return 0;
}

int table_maps_add(struct table_maps *maps, uint64_t file, uint64_t asked_ns,
		   const struct unwind_table *table, const struct table_content *content)
{
	struct table_shared *shared = shared_find(maps, content);
	struct unwind_file value;
	struct table_file *entry;
	bool had = shared;
	int err = had ? 0 : shared_make(maps, content, table, asked_ns, &shared);

	if (err)
		return err;
	/* Until the table is published its number leads nowhere, and the programs do without. */
	value = (struct unwind_file){.table = shared->index, .used = maps->newest};
	if (bpf_map_update_elem(maps->options.files_fd, &file, &value, BPF_ANY)) {
		err = -errno;
		if (!had) {
			ready_drop(&maps->ready, shared->index);
			vec_push(&maps->free, shared->index);
			maps->stats.bytes -= shared_bytes(shared);
		}
		return err;
	}
	entry = table_maps_file(maps, file);
	entry->table = (uint32_t)(shared - maps->tables.at) + 1;
	shared->files++;
	maps->stats.shared += had;
	maps->stats.loaded++;
	return 0;
}

uint64_t table_maps_publish(const struct table_maps *maps, struct table_ready *ready)
{
	uint64_t waited = time_now() - ready->asked_ns;

	if (!publisher_ask(maps->options.tables_fd, ready->index, ready->fd, ready->count))
		publisher_put(maps->options.tables_fd, ready->index, ready->fd, ready->count);
	for (uint32_t i = 0; i < ready->count; i++)
		close(ready->fd[i]);
	ready->count = 0;
	return waited;
}

void table_maps_free(struct table_maps *maps)
{
	for (uint32_t i = 0; i < maps->ready.count; i++)
		close(maps->ready.fd[i]);
	vec_free(&maps->files);
	vec_free(&maps->tables);
	vec_free(&maps->free);
	vec_free(&maps->evicted);
	index_free(&maps->by_file);
}
