/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/publisher.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "util/packet.h"
#include "util/rights.h"

/* Comes with the descriptors of the map of maps and of `count` maps for it. */
struct request {
	uint64_t number;
	uint32_t count;
	uint32_t index[PUBLISH_MOST];
};
_Static_assert(PUBLISH_MOST + 1 <= PACKET_FDS, "all fit in a packet");

static struct {
	int fd; /* of the thread that serves, -1 = there is none */
	uint64_t asked, told;
} publisher = {.fd = -1};

/* All at once where the kernel can (array_of_maps: 5.13), for it waits after each change. */
void publisher_put(int map, const uint32_t *index, const int *maps, uint32_t count)
{
	uint32_t done = count;

	if (count < 2 || bpf_map_update_batch(map, index, maps, &done, NULL))
		done = 0;
	for (uint32_t i = done; i < count; i++)
		bpf_map_update_elem(map, &index[i], &maps[i], BPF_ANY);
}

/* ---- in the other process ---- */

static void *publisher_work(void *context)
{
	int fd = (int)(intptr_t)context, fds[PUBLISH_MOST + 1], count;
	struct request request = {};

	rights_enter(RIGHTS_TABLES, 0);
	while ((count = packet_receive(fd, &request, sizeof(request), fds, PUBLISH_MOST + 1,
				       NULL)) >= 0) {
		if ((uint32_t)count == request.count + 1)
			publisher_put(fds[0], request.index, fds + 1, request.count);
		while (count)
			close(fds[--count]);
		if (packet_send(fd, &request.number, sizeof(request.number), NULL, 0))
			break;
	}
	close(fd);
	return NULL;
}

void publisher_serve(int fd)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, publisher_work, (void *)(intptr_t)fd))
		close(fd);
	else
		pthread_detach(thread);
}

/* ---- here ---- */

int publisher_open(void)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	publisher.fd = ends[0];
	publisher.asked = publisher.told = 0;
	return ends[1];
}

void publisher_close(void)
{
	if (publisher.fd >= 0)
		close(publisher.fd);
	publisher.fd = -1;
}

bool publisher_ask(int map, const uint32_t *index, const int *maps, uint32_t count)
{
	struct request request = {.number = publisher.asked + 1, .count = count};
	int fds[PUBLISH_MOST + 1] = {map};

	if (publisher.fd < 0 || count > PUBLISH_MOST)
		return false;
	memcpy(request.index, index, count * sizeof(*index));
	memcpy(fds + 1, maps, count * sizeof(*maps));
	if (packet_send(publisher.fd, &request, sizeof(request), fds, count + 1)) {
		publisher_close();
		return false;
	}
	publisher.asked++;
	return true;
}

bool publisher_done(int ms)
{
	struct pollfd ready = {.fd = publisher.fd, .events = POLLIN};

	while (publisher.fd >= 0 && publisher.told < publisher.asked) {
		if (poll(&ready, 1, ms) <= 0)
			return false;
		if (packet_receive(publisher.fd, &publisher.told, sizeof(publisher.told), NULL, 0,
				   NULL) < 0)
			publisher_close();
	}
	return true;
}
