/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/probes.h"

#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "util/clock.h"
#include "util/rights.h"
#include "util/vec.h"

#define FILES_MOST 64

struct place {
	int fd; /* of its file */
	uint64_t offset;
	const struct bpf_program *program;
	struct bpf_link *link;
	bool failed; /* it is not tried again */
};

struct probes {
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t wanted, settled;
	bool stop, attached;
	VEC(struct place) places; /* their links and `failed` are the thread's */
	VEC(int) files;
	struct probes_stats stats;
};

/* ---- the thread ---- */

/* By its descriptor: the kernel follows that to the very file. */
static struct bpf_link *place_attach(const struct place *place)
{
	char path[32];
	/* The kernel wants it for uprobes, CAP_PERFMON is not enough. */
	bool raised = rights_raise(CAP_SYS_ADMIN);
	struct bpf_link *link;
	int err;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", place->fd);
	link = bpf_program__attach_uprobe(place->program, false, -1, path, place->offset);
	err = errno;
	if (raised)
		rights_lower(CAP_SYS_ADMIN);
	errno = err;
	return link;
}

/* Whether there is something to do at a place. */
static bool place_differs(const struct probes *probes, const struct place *place)
{
	return probes->attached ? !place->link && !place->failed : place->link != NULL;
}

/*
 * The position of one, -1 = all is as wanted. The first ones of a file are called most often: they
 * come last and go first, for what they cost before all are there, or until all are gone, is lost.
 */
static ssize_t place_next(const struct probes *probes)
{
	size_t count = probes->places.len;

	for (size_t i = 0; i < count; i++) {
		size_t at = probes->attached ? count - 1 - i : i;

		if (place_differs(probes, &probes->places.at[at]))
			return (ssize_t)at;
	}
	return -1;
}

/* Without the lock while the kernel is at it: the table may move meanwhile. */
static void place_change(struct probes *probes, size_t at)
{
	struct place place = probes->places.at[at];
	bool attach = probes->attached;
	int err = 0;

	pthread_mutex_unlock(&probes->lock);
	if (attach) {
		place.link = place_attach(&place);
		err = place.link ? 0 : -errno;
	} else {
		bpf_link__destroy(place.link);
		place.link = NULL;
	}
	pthread_mutex_lock(&probes->lock);
	probes->places.at[at].link = place.link;
	if (attach && !place.link) {
		probes->places.at[at].failed = true;
		probes->stats.failed++;
		probes->stats.err = err;
	}
}

static void *probes_work(void *context)
{
	struct probes *probes = context;

	/* Where it fails, what this thread does is still what it did. */
	rights_enter(RIGHTS_WATCH, 0);
	pthread_mutex_lock(&probes->lock);
	for (;;) {
		ssize_t at = place_next(probes);

		if (at >= 0) {
			place_change(probes, (size_t)at);
			continue;
		}
		pthread_cond_broadcast(&probes->settled);
		if (probes->stop)
			break;
		pthread_cond_wait(&probes->wanted, &probes->lock);
	}
	pthread_mutex_unlock(&probes->lock);
	return NULL;
}

/* ---- for the capture ---- */

struct probes *probes_new(void)
{
	struct probes *probes = calloc(1, sizeof(*probes));
	pthread_condattr_t clock;

	if (!probes)
		return NULL;
	pthread_mutex_init(&probes->lock, NULL);
	pthread_cond_init(&probes->wanted, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&probes->settled, &clock);
	pthread_condattr_destroy(&clock);
	if (!pthread_create(&probes->thread, NULL, probes_work, probes))
		return probes;
	free(probes);
	return NULL;
}

void probes_free(struct probes *probes)
{
	if (!probes)
		return;
	pthread_mutex_lock(&probes->lock);
	probes->stop = true;
	probes->attached = false;
	pthread_cond_signal(&probes->wanted);
	pthread_mutex_unlock(&probes->lock);
	pthread_join(probes->thread, NULL);
	vec_each(&probes->files, fd)
		close(*fd);
	vec_free(&probes->files);
	vec_free(&probes->places);
	pthread_cond_destroy(&probes->wanted);
	pthread_cond_destroy(&probes->settled);
	pthread_mutex_destroy(&probes->lock);
	free(probes);
}

int probes_add_file(struct probes *probes, int fd)
{
	int file = -ENOSPC;

	pthread_mutex_lock(&probes->lock);
	if (probes->files.len < FILES_MOST) {
		file = (int)probes->files.len;
		vec_push(&probes->files, fd);
		probes->stats.files++;
	} else {
		probes->stats.refused++;
	}
	pthread_mutex_unlock(&probes->lock);
	if (file < 0)
		close(fd);
	return file;
}

int probes_add(struct probes *probes, int file, uint64_t offset, const struct bpf_program *program)
{
	int err = -ENOSPC;

	pthread_mutex_lock(&probes->lock);
	if (probes->places.len < PROBES_MOST) {
		vec_push(&probes->places, (struct place){.fd = probes->files.at[file],
							 .offset = offset,
							 .program = program});
		probes->stats.places++;
		pthread_cond_signal(&probes->wanted);
		err = 0;
	}
	pthread_mutex_unlock(&probes->lock);
	return err;
}

void probes_want(struct probes *probes, bool attached)
{
	pthread_mutex_lock(&probes->lock);
	probes->attached = attached;
	pthread_cond_signal(&probes->wanted);
	pthread_mutex_unlock(&probes->lock);
}

bool probes_settled(struct probes *probes)
{
	bool settled;

	pthread_mutex_lock(&probes->lock);
	settled = place_next(probes) < 0;
	pthread_mutex_unlock(&probes->lock);
	return settled;
}

bool probes_settle(struct probes *probes, uint64_t ns)
{
	uint64_t until = time_now() + ns;
	struct timespec time = {(time_t)(until / 1000000000ULL), (long)(until % 1000000000ULL)};
	bool settled;

	pthread_mutex_lock(&probes->lock);
	while (place_next(probes) >= 0)
		if (pthread_cond_timedwait(&probes->settled, &probes->lock, &time))
			break;
	settled = place_next(probes) < 0;
	pthread_mutex_unlock(&probes->lock);
	return settled;
}

struct probes_stats probes_stats(struct probes *probes)
{
	struct probes_stats stats;

	pthread_mutex_lock(&probes->lock);
	stats = probes->stats;
	pthread_mutex_unlock(&probes->lock);
	return stats;
}
