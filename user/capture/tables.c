/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/tables.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "unwind/cache.h"
#include "unwind/table.h"
#include "util/clock.h"
#include "util/index.h"
#include "util/vec.h"

#define QUEUE_MOST 1024 /* descriptors that are open because their files wait */
#define NAME_TEXT  65   /* of an entry of the cache: unwind/cache.h */

struct entry {
	uint64_t file;
	uint32_t table; /* index in the map of maps */
	size_t bytes;   /* 0 = none: thrown out, or not there yet */
	bool waiting;
};

struct job {
	uint64_t file, asked_ns;
	int fd;
	char cache_name[NAME_TEXT]; /* empty = not to be cached */
};

/* Tables that are made, but not yet where the programs find them. The thread's own. */
#define READY_MOST 32
struct ready {
	uint32_t count;
	uint32_t index[READY_MOST];
	int fd[READY_MOST];
	uint64_t asked_ns; /* when the first of them was */
};

struct tables {
	struct tables_options options;
	pthread_t thread;
	struct ready ready;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t wanted, settled;
	bool stop, busy;
	VEC(struct job) queue;
	size_t queue_at;
	VEC(struct entry) entries;
	struct index by_file;
	VEC(uint32_t) free; /* indices given back */
	uint32_t next_index;
	VEC(uint64_t) evicted;
	struct tables_stats stats;
};

static bool entry_is(const void *context, uint32_t position, const void *key)
{
	return ((const struct tables *)context)->entries.at[position].file ==
	       *(const uint64_t *)key;
}

static struct entry *entry_find(struct tables *tables, uint64_t file)
{
	uint32_t at = index_find(&tables->by_file, hash_u64(file), entry_is, tables, &file);

	return at == INDEX_NONE ? NULL : &tables->entries.at[at];
}

/* ---- the maps ---- */

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

/* Throws out the table that was used longest ago; false: there is none. */
static bool table_evict(struct tables *tables)
{
	struct entry *oldest = NULL;
	uint32_t oldest_used = 0;

	vec_each(&tables->entries, entry) {
		struct unwind_file value = {};

		if (!entry->bytes ||
		    bpf_map_lookup_elem(tables->options.files_fd, &entry->file, &value))
			continue;
		if (!oldest || value.used < oldest_used) {
			oldest = entry;
			oldest_used = value.used;
		}
	}
	if (!oldest)
		return false;
	bpf_map_delete_elem(tables->options.files_fd, &oldest->file);
	/* The kernel waits here until no walk is in it: its number is free after that. */
	bpf_map_delete_elem(tables->options.tables_fd, &oldest->table);
	vec_push(&tables->free, oldest->table);
	vec_push(&tables->evicted, oldest->file);
	tables->stats.bytes -= oldest->bytes;
	tables->stats.evicted++;
	oldest->bytes = 0;
	return true;
}

/* An index in the map of maps for a table of that size; UINT32_MAX: it finds no room. */
static uint32_t index_take(struct tables *tables, size_t bytes)
{
	if (bytes > tables->options.limit)
		return UINT32_MAX;
	while (tables->stats.bytes + bytes > tables->options.limit)
		if (!table_evict(tables))
			return UINT32_MAX;
	if (!tables->free.len && tables->next_index >= tables->options.capacity &&
	    !table_evict(tables))
		return UINT32_MAX;
	if (tables->free.len)
		return tables->free.at[--tables->free.len];
	return tables->next_index++;
}

/*
 * Puts the finished tables where the programs find them: all at once, for the kernel waits after
 * each change of a map of maps until no program runs that could have seen the old one (10 to 20
 * ms). The change itself can be seen before that wait. Returns how long the first of them had been
 * waited for, ns.
 */
static uint64_t ready_publish(struct tables *tables)
{
	struct ready *ready = &tables->ready;
	uint64_t waited = time_now() - ready->asked_ns;
	uint32_t count = ready->count;

	/* array_of_maps has batches since 5.13. */
	if (count > 1 &&
	    !bpf_map_update_batch(tables->options.tables_fd, ready->index, ready->fd, &count, NULL))
		count = ready->count;
	else
		count = 0;
	for (uint32_t i = count; i < ready->count; i++)
		bpf_map_update_elem(tables->options.tables_fd, &ready->index[i], &ready->fd[i],
				    BPF_ANY);
	for (uint32_t i = 0; i < ready->count; i++)
		close(ready->fd[i]);
	ready->count = 0;
	return waited;
}

/* A finished table gets its map and its number; it is ready to be published. */
static int table_ready(struct tables *tables, struct entry *entry, const struct job *job,
		       const struct unwind_table *table)
{
	size_t bytes = table->word_count * sizeof(uint32_t);
	struct unwind_file value = {};
	int fd = table_map_make(table);

	if (fd < 0)
		return fd;
	value.table = index_take(tables, bytes);
	if (value.table == UINT32_MAX) {
		close(fd);
		return -ENOSPC;
	}
	/* Until the table is published its number leads nowhere, and the programs do without. */
	if (bpf_map_update_elem(tables->options.files_fd, &entry->file, &value, BPF_ANY)) {
		int err = -errno;

		vec_push(&tables->free, value.table);
		close(fd);
		return err;
	}
	/* They come in the order in which they were asked for. */
	if (!tables->ready.count)
		tables->ready.asked_ns = job->asked_ns;
	tables->ready.index[tables->ready.count] = value.table;
	tables->ready.fd[tables->ready.count++] = fd;
	entry->table = value.table;
	entry->bytes = bytes;
	tables->stats.bytes += bytes;
	tables->stats.loaded++;
	return 0;
}

/* ---- the thread ---- */

/* The slow part, without the lock. */
static int job_build(const struct tables *tables, const struct job *job, struct unwind_table *table,
		     bool *cached)
{
	const char *cache = *job->cache_name ? tables->options.cache : NULL;
	struct error why;
	int err;

	*cached = cache && !unwind_cache_load(cache, job->cache_name, table);
	if (*cached)
		return 0;
	err = unwind_table_build(job->fd, table, &why);
	if (!err && cache)
		unwind_cache_store(cache, job->cache_name, table);
	return err;
}

static void job_finish(struct tables *tables, const struct job *job, int err,
		       const struct unwind_table *table, bool cached)
{
	struct entry *entry = entry_find(tables, job->file);

	if (!err)
		err = table_ready(tables, entry, job, table);
	entry->waiting = false;
	if (err)
		tables->stats.failed++;
	else if (cached)
		tables->stats.cached++;
}

/* The next file; false: stop. What is ready is published before the thread sleeps. */
static bool job_take(struct tables *tables, struct job *job)
{
	if (tables->ready.count &&
	    (tables->queue_at == tables->queue.len || tables->ready.count == READY_MOST)) {
		uint64_t waited;

		pthread_mutex_unlock(&tables->lock);
		waited = ready_publish(tables);
		pthread_mutex_lock(&tables->lock);
		if (waited > tables->stats.longest_ns)
			tables->stats.longest_ns = waited;
	}
	tables->busy = false;
	while (!tables->stop && tables->queue_at == tables->queue.len) {
		pthread_cond_signal(&tables->settled);
		pthread_cond_wait(&tables->wanted, &tables->lock);
	}
	if (tables->stop)
		return false;
	tables->busy = true;
	*job = tables->queue.at[tables->queue_at++];
	if (tables->queue_at == tables->queue.len)
		tables->queue.len = tables->queue_at = 0;
	return true;
}

static void *tables_work(void *context)
{
	struct tables *tables = context;
	struct job job;

	pthread_mutex_lock(&tables->lock);
	while (job_take(tables, &job)) {
		struct unwind_table table = {};
		bool cached = false;
		int err;

		pthread_mutex_unlock(&tables->lock);
		err = job_build(tables, &job, &table, &cached);
		close(job.fd);
		pthread_mutex_lock(&tables->lock);
		job_finish(tables, &job, err, &table, cached);
		unwind_table_free(&table);
	}
	pthread_mutex_unlock(&tables->lock);
	return NULL;
}

/* ---- for the capture ---- */

struct tables *tables_new(const struct tables_options *options)
{
	struct tables *tables = calloc(1, sizeof(*tables));
	pthread_condattr_t clock;

	if (!tables)
		return NULL;
	tables->options = *options;
	pthread_mutex_init(&tables->lock, NULL);
	pthread_cond_init(&tables->wanted, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&tables->settled, &clock);
	pthread_condattr_destroy(&clock);
	if (!pthread_create(&tables->thread, NULL, tables_work, tables))
		return tables;
	free(tables);
	return NULL;
}

void tables_free(struct tables *tables)
{
	if (!tables)
		return;
	pthread_mutex_lock(&tables->lock);
	tables->stop = true;
	pthread_cond_signal(&tables->wanted);
	pthread_mutex_unlock(&tables->lock);
	pthread_join(tables->thread, NULL);
	for (size_t i = tables->queue_at; i < tables->queue.len; i++)
		close(tables->queue.at[i].fd);
	vec_free(&tables->queue);
	vec_free(&tables->entries);
	vec_free(&tables->free);
	vec_free(&tables->evicted);
	index_free(&tables->by_file);
	pthread_cond_destroy(&tables->settled);
	pthread_cond_destroy(&tables->wanted);
	pthread_mutex_destroy(&tables->lock);
	free(tables);
}

static struct entry *entry_make(struct tables *tables, uint64_t file)
{
	struct entry *entry = entry_find(tables, file);

	if (entry)
		return entry;
	index_add(&tables->by_file, hash_u64(file), (uint32_t)tables->entries.len);
	vec_push(&tables->entries, (struct entry){.file = file});
	return &tables->entries.at[tables->entries.len - 1];
}

void tables_want(struct tables *tables, uint64_t file, int fd, const char *build_id)
{
	struct job job = {.file = file, .fd = fd, .asked_ns = time_now()};
	struct entry *entry;

	/*
	 * A build-id is what a file claims: with the file's own id in its name, an entry of the
	 * cache can be wrong for the file that made it only.
	 */
	if (*build_id && strlen(build_id) + 16 < sizeof(job.cache_name))
		snprintf(job.cache_name, sizeof(job.cache_name), "%s%016llx", build_id,
			 (unsigned long long)file);
	pthread_mutex_lock(&tables->lock);
	entry = entry_make(tables, file);
	if (entry->waiting || entry->bytes) {
		close(fd);
	} else if (tables->queue.len - tables->queue_at >= QUEUE_MOST) {
		tables->stats.refused++;
		vec_push(&tables->evicted, file);
		close(fd);
	} else {
		entry->waiting = true;
		vec_push(&tables->queue, job);
		pthread_cond_signal(&tables->wanted);
	}
	pthread_mutex_unlock(&tables->lock);
}

void tables_settle(struct tables *tables, uint64_t ns)
{
	uint64_t until = time_now() + ns;
	struct timespec time = {(time_t)(until / 1000000000ULL), (long)(until % 1000000000ULL)};

	pthread_mutex_lock(&tables->lock);
	while (tables->busy || tables->queue_at < tables->queue.len)
		if (pthread_cond_timedwait(&tables->settled, &tables->lock, &time))
			break;
	pthread_mutex_unlock(&tables->lock);
}

size_t tables_take_evicted(struct tables *tables, uint64_t *files, size_t capacity)
{
	size_t count;

	pthread_mutex_lock(&tables->lock);
	count = tables->evicted.len < capacity ? tables->evicted.len : capacity;
	for (size_t i = 0; i < count; i++)
		files[i] = tables->evicted.at[--tables->evicted.len];
	pthread_mutex_unlock(&tables->lock);
	return count;
}

struct tables_stats tables_stats(struct tables *tables)
{
	struct tables_stats stats;

	pthread_mutex_lock(&tables->lock);
	stats = tables->stats;
	pthread_mutex_unlock(&tables->lock);
	return stats;
}
