/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Maps in two generations: the programs write the one, user space empties the other. flip, wait
 * until no program still writes the old one, drain.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/family.h"
#include "capture/generation.h"
#include "strait.skel.h"

/* A program runs for microseconds; it is waited for so long at most. */
#define READERS_NS 50000000L

/* Grace periods that were asked for and are not over: the kernel's state, not a session's. */
static atomic_int readers_waited;

/*
 * BPF programs run in RCU read-side sections, and this command is synchronize_rcu(). Kernels with
 * nohz_full CPUs refuse it.
 */
static void *readers_wait(void *unused)
{
	(void)unused;
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		usleep(READERS_NS / 1000);
	atomic_fetch_sub(&readers_waited, 1);
	return NULL;
}

/* All signals are for the main thread. 0, or a positive errno. */
static int readers_wait_begin(pthread_t *thread)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	atomic_fetch_add(&readers_waited, 1);
	err = pthread_create(thread, NULL, readers_wait, NULL);
	if (err)
		atomic_fetch_sub(&readers_waited, 1);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

void generation_probe(void)
{
	pthread_t thread;

	if (!generation_stuck() && !readers_wait_begin(&thread))
		pthread_detach(thread);
}

bool generation_stuck(void)
{
	return atomic_load(&readers_waited) > 0;
}

static struct timespec readers_deadline(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_nsec += READERS_NS;
	if (at.tv_nsec >= 1000000000L) {
		at.tv_nsec -= 1000000000L;
		at.tv_sec++;
	}
	return at;
}

/*
 * By a thread of its own: where all CPUs are busy, the kernel's threads that end an RCU grace
 * period wait for their turn among thousands, seconds at times, and nothing would be read
 * meanwhile.
 */
void generation_flip(struct session *session)
{
	struct timespec deadline = readers_deadline();
	pthread_t thread;

	__atomic_store_n(&session->skeleton->bss->generation,
			 session->skeleton->bss->generation + 1, __ATOMIC_SEQ_CST);
	if (readers_wait_begin(&thread))
		usleep(READERS_NS / 1000);
	else if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &deadline))
		pthread_detach(thread);
}

#define DRAIN_BATCH 256

int generation_drain(struct session *session, struct bpf_map *map_0, struct bpf_map *map_1,
		     void (*each)(struct session *session, const void *key, const void *value),
		     struct error *error)
{
	struct bpf_map *idle = session->skeleton->bss->generation & 1 ? map_0 : map_1;
	size_t key_size = bpf_map__key_size(idle), value_size = bpf_map__value_size(idle);
	int fd = bpf_map__fd(idle), drained = 0, failed = 0;
	/* Batch look-ups may return a whole hash bucket at once: room for more than asked. */
	uint32_t room = DRAIN_BATCH, count;
	char *keys = malloc(room * key_size), *values = malloc(room * value_size);
	uint64_t position = 0;
	bool first = true;

	if (!keys || !values)
		failed = -ENOMEM;
	while (!failed) {
		count = room;
		failed = bpf_map_lookup_and_delete_batch(fd, first ? NULL : &position, &position,
							 keys, values, &count, NULL);
		if (failed == -ENOSPC && room < 65536) {
			/* One bucket is larger than the buffer: nothing was taken. */
			room *= 4;
			free(keys);
			free(values);
			keys = malloc(room * key_size);
			values = malloc(room * value_size);
			failed = keys && values ? 0 : -ENOMEM;
			continue;
		}
		if (failed && failed != -ENOENT)
			break;
		first = false;
		for (uint32_t i = 0; i < count; i++)
			each(session, keys + i * key_size, values + i * value_size);
		drained += (int)count;
	}
	free(keys);
	free(values);
	if (failed && failed != -ENOENT)
		return error_set(error, failed, "cannot read the map %s: %s", bpf_map__name(idle),
				 strerror(-failed));
	return drained;
}
