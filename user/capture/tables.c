/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/tables.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capture/parser.h"
#include "capture/publisher.h"
#include "capture/table_maps.h"
#include "unwind/cache.h"
#include "unwind/table.h"
#include "util/clock.h"
#include "util/rights.h"
#include "util/vec.h"

#define QUEUE_MOST    1024 /* descriptors that are open because their files wait */
#define NAME_TEXT     65   /* of an entry of the cache: unwind/cache.h */
#define OLDEST_ONE_IN 4
#define STOP_MS       20 /* so late it is seen that the thread is to stop, */
#define NEWS_MS       1  /* or that there is a new file */

struct job {
	uint64_t file, asked_ns;
	struct tables_use use;
	int fd;
	char cache_name[NAME_TEXT]; /* empty = not to be cached */
};

/* What became of one. */
struct result {
	struct unwind_table table;
	struct table_content content;
	int err;     /* there is no table */
	bool cached; /* it was on disk */
	bool ended;  /* the file ended the process that read it, as `why` says */
	struct error why;
};

struct tables {
	pthread_t thread;
	const char *cache;    /* NULL = none */
	pthread_mutex_t lock; /* of all below, but for maps.ready: that is the thread's own */
	pthread_cond_t wanted, settled;
	bool stop, busy;
	VEC(struct job) queue; /* in the order in which they were asked for */
	unsigned int taken;
	struct table_maps maps;
};

/* ---- the thread ---- */

static void table_build(const struct tables *tables, const struct job *job, struct result *result)
{
	const char *cache = *job->cache_name ? tables->cache : NULL;

	result->cached = cache && !unwind_cache_load(cache, job->cache_name, &result->table);
	if (result->cached)
		return;
	result->err = parser_table(job->fd, &result->table, &result->why);
	result->ended = result->err == -EIO;
	if (!result->err && cache)
		unwind_cache_store(cache, job->cache_name, &result->table);
}

/* The slow part, without the lock. A file that ended its reader has no other one. */
static void job_do(const struct tables *tables, const struct job *job, struct result *result)
{
	const struct tables_options *options = &tables->maps.options;

	table_build(tables, job, result);
	result->content = table_content_of(&result->table);
	if (options->file_read && !result->ended)
		result->ended = options->file_read(options->context, job->file, job->fd,
						   &result->why) == -EIO;
}

static void job_finish(struct tables *tables, const struct job *job, const struct result *result)
{
	struct tables_stats *stats = &tables->maps.stats;
	int err = result->err;

	if (result->ended) {
		stats->ended++;
		stats->ended_file = job->file;
		snprintf(stats->ended_why, sizeof(stats->ended_why), "%.*s",
			 (int)sizeof(stats->ended_why) - 1, result->why.text);
	}
	if (!err)
		err = table_maps_add(&tables->maps, job->file, job->asked_ns, &result->table,
				     &result->content);
	table_maps_file(&tables->maps, job->file)->waiting = false;
	if (err)
		stats->failed++;
	else if (result->cached)
		stats->cached++;
}

/* Is the file of `a` more likely to be met soon than that of `b`? */
static bool job_is_before(const struct job *a, const struct job *b)
{
	if (a->use.running != b->use.running)
		return a->use.running > b->use.running;
	return a->use.mappings > b->use.mappings;
}

/*
 * The position of the job whose file most processes would miss; of several the oldest. One in
 * OLDEST_ONE_IN is the oldest of all: whoever runs ever new files does not put the others off for
 * good.
 */
static size_t job_choose(struct tables *tables)
{
	size_t best = 0;

	if (++tables->taken % OLDEST_ONE_IN == 0)
		return 0;
	for (size_t i = 1; i < tables->queue.len; i++)
		if (job_is_before(&tables->queue.at[i], &tables->queue.at[best]))
			best = i;
	return best;
}

/*
 * Until no more than `left` changes are under way. Without the lock: the end of strait need not
 * wait for that of a grace period, and where `eager`, a new file need not either.
 */
static void publishers_wait(struct tables *tables, uint64_t left, bool eager)
{
	bool done = false;

	while (!done && !tables->stop && !(eager && tables->queue.len)) {
		pthread_mutex_unlock(&tables->lock);
		done = publisher_done(left, eager ? NEWS_MS : STOP_MS);
		pthread_mutex_lock(&tables->lock);
	}
}

static void ready_publish(struct tables *tables)
{
	uint64_t waited;

	publishers_wait(tables, PUBLISHERS - 1, false);
	if (tables->stop)
		return;
	pthread_mutex_unlock(&tables->lock);
	waited = table_maps_publish(&tables->maps, &tables->maps.ready);
	pthread_mutex_lock(&tables->lock);
	if (waited > tables->maps.stats.longest_ns)
		tables->maps.stats.longest_ns = waited;
}

/* The next file; false: stop. What is ready is published before the thread sleeps. */
static bool job_take(struct tables *tables, struct job *job)
{
	size_t at;

	if (tables->maps.ready.count &&
	    (!tables->queue.len || tables->maps.ready.count == READY_MOST || publisher_is_free()))
		ready_publish(tables);
	/* Who waits for all to settle waits until all can be seen. */
	publishers_wait(tables, 0, true);
	tables->busy = false;
	while (!tables->stop && !tables->queue.len) {
		pthread_cond_signal(&tables->settled);
		pthread_cond_wait(&tables->wanted, &tables->lock);
	}
	if (tables->stop)
		return false;
	tables->busy = true;
	at = job_choose(tables);
	*job = tables->queue.at[at];
	tables->queue.len--;
	memmove(&tables->queue.at[at], &tables->queue.at[at + 1],
		(tables->queue.len - at) * sizeof(*tables->queue.at));
	return true;
}

static void *tables_work(void *context)
{
	struct tables *tables = context;
	struct job job;

	/* Where it fails, what this thread does is still what it did. */
	rights_enter(RIGHTS_TABLES, 0);
	pthread_mutex_lock(&tables->lock);
	while (job_take(tables, &job)) {
		struct result result = {};

		pthread_mutex_unlock(&tables->lock);
		job_do(tables, &job, &result);
		close(job.fd);
		pthread_mutex_lock(&tables->lock);
		if (!result.err && !table_maps_have_room(&tables->maps, &result.content))
			publishers_wait(tables, 0, false);
		job_finish(tables, &job, &result);
		unwind_table_free(&result.table);
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
	tables->cache = options->cache;
	tables->maps.options = *options;
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
	vec_each(&tables->queue, job)
		close(job->fd);
	vec_free(&tables->queue);
	table_maps_free(&tables->maps);
	pthread_cond_destroy(&tables->settled);
	pthread_cond_destroy(&tables->wanted);
	pthread_mutex_destroy(&tables->lock);
	free(tables);
}

void tables_want(struct tables *tables, uint64_t file, int fd, const char *build_id,
		 struct tables_use use)
{
	struct job job = {.file = file, .fd = fd, .asked_ns = time_now(), .use = use};
	struct table_file *entry;

	/*
	 * A build-id is what a file claims: with the file's own id in its name, an entry of the
	 * cache can be wrong for the file that made it only.
	 */
	if (*build_id && strlen(build_id) + 16 < sizeof(job.cache_name))
		snprintf(job.cache_name, sizeof(job.cache_name), "%s%016llx", build_id,
			 (unsigned long long)file);
	pthread_mutex_lock(&tables->lock);
	entry = table_maps_file(&tables->maps, file);
	if (entry->waiting || entry->table) {
		close(fd);
	} else if (tables->queue.len >= QUEUE_MOST) {
		tables->maps.stats.refused++;
		vec_push(&tables->maps.evicted, file);
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
	while (tables->busy || tables->queue.len)
		if (pthread_cond_timedwait(&tables->settled, &tables->lock, &time))
			break;
	pthread_mutex_unlock(&tables->lock);
}

size_t tables_take_evicted(struct tables *tables, uint64_t *files, size_t capacity)
{
	__typeof__(tables->maps.evicted) *evicted = &tables->maps.evicted;
	size_t count;

	pthread_mutex_lock(&tables->lock);
	count = evicted->len < capacity ? evicted->len : capacity;
	for (size_t i = 0; i < count; i++)
		files[i] = evicted->at[--evicted->len];
	pthread_mutex_unlock(&tables->lock);
	return count;
}

struct tables_stats tables_stats(struct tables *tables)
{
	struct tables_stats stats;

	pthread_mutex_lock(&tables->lock);
	stats = tables->maps.stats;
	pthread_mutex_unlock(&tables->lock);
	return stats;
}
