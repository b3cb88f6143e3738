/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/publisher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "capture/priority.h"
#include "util/packet.h"
#include "util/rights.h"

/* Comes with the descriptors of the map of maps and of `count` maps for it. */
struct request {
	uint32_t count;
	uint32_t index[PUBLISH_MOST];
};
_Static_assert(PUBLISH_MOST + 1 <= PACKET_FDS, "all fit in a packet");

static struct {
	int fd;             /* of the threads that serve, -1 = there are none */
	uint64_t under_way; /* requests without an answer */
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
	const char done = 1;

	/* This thread's alone, and before the right to it goes: samples wait for the table. */
	priority_raise();
	rights_enter(RIGHTS_TABLES, 0);
	while ((count = packet_receive(fd, &request, sizeof(request), fds, PUBLISH_MOST + 1,
				       NULL)) >= 0) {
		if ((uint32_t)count == request.count + 1)
			publisher_put(fds[0], request.index, fds + 1, request.count);
		while (count)
			close(fds[--count]);
		if (packet_send(fd, &done, sizeof(done), NULL, 0))
			break;
	}
	close(fd);
	return NULL;
}

/* Each with a descriptor of its own, to be closed at its end. */
static void publisher_start(int fd)
{
	pthread_t thread;

	if (fd < 0)
		return;
	if (pthread_create(&thread, NULL, publisher_work, (void *)(intptr_t)fd))
		close(fd);
	else
		pthread_detach(thread);
}

void publisher_serve(int fd)
{
	for (int i = 1; i < PUBLISHERS; i++)
		publisher_start(fcntl(fd, F_DUPFD_CLOEXEC, 0));
	publisher_start(fd);
}

/* ---- here ---- */

int publisher_open(void)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	publisher.fd = ends[0];
	publisher.under_way = 0;
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
	struct request request = {.count = count};
	int fds[PUBLISH_MOST + 1] = {map};

	if (publisher.fd < 0 || count > PUBLISH_MOST)
		return false;
	memcpy(request.index, index, count * sizeof(*index));
	memcpy(fds + 1, maps, count * sizeof(*maps));
	if (packet_send(publisher.fd, &request, sizeof(request), fds, count + 1)) {
		publisher_close();
		return false;
	}
	publisher.under_way++;
	return true;
}

bool publisher_done(uint64_t left, int ms)
{
	struct pollfd ready = {.fd = publisher.fd, .events = POLLIN};
	char done;

	while (publisher.fd >= 0 && publisher.under_way > left) {
		if (poll(&ready, 1, ms) <= 0)
			return false;
		if (packet_receive(publisher.fd, &done, sizeof(done), NULL, 0, NULL) < 0)
			publisher_close();
		else
			publisher.under_way--;
	}
	return true;
}

bool publisher_is_free(void)
{
	return publisher_done(PUBLISHERS - 1, 0) && publisher.fd >= 0;
}
