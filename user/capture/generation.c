/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Maps in two generations: the programs write the one, user space empties the other. flip, wait
 * until no program still writes the old one, drain.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/family.h"
#include "capture/generation.h"
#include "capture/grace.h"
#include "strait.skel.h"

/* New files do not wait for the grace period. */
static void ring_read(void *ring)
{
	ring_buffer__consume(ring);
}

void generation_flip(struct session *session)
{
	__atomic_store_n(&session->skeleton->bss->generation,
			 session->skeleton->bss->generation + 1, __ATOMIC_SEQ_CST);
	grace_wait(ring_buffer__epoll_fd(session->ring), ring_read, session->ring);
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
