/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/grace.h"
#include "capture/namespace.h"
#include "capture/publisher.h"
#include "util/clock.h"
#include "util/helper.h"
#include "util/packet.h"
#include "util/rights.h"

/* A program runs for microseconds; it is waited for so long at most. */
#define READERS_NS 50000000ULL
/*
 * By the kernel's own count one may be missing: one that overlaps with an expedited one is counted
 * as that (rcu_poll_gp_seq_end()).
 */
#define BEGUN_PERIODS 2

struct request {
	uint64_t number;
	uint32_t periods;
};

/* Grace periods are the kernel's, not a session's. */
static struct {
	int fd; /* of the process that waits for them, -1 = there is none */
	uint32_t pid;
	uint64_t asked, told;
} grace = {.fd = -1};

/* ---- the process that waits ---- */

/* synchronize_rcu(), which kernels with nohz_full CPUs refuse. */
static void readers_wait(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		usleep(READERS_NS / 1000);
}

/* Says its pid first, then the number of each request when its periods are over. Never returns. */
static void waiter_run(int fd)
{
	struct request request, next;
	uint64_t pid = namespace_own_pid();
	int publish;

	if (send(fd, &pid, sizeof(pid), MSG_NOSIGNAL) < 0)
		_exit(1);
	if (packet_receive(fd, &pid, sizeof(pid), &publish, 1, NULL) == 1)
		publisher_serve(publish);
	rights_enter(RIGHTS_NONE, 0);
	while (recv(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request)) {
		while (recv(fd, &next, sizeof(next), MSG_DONTWAIT) == (ssize_t)sizeof(next)) {
			request.number = next.number;
			if (next.periods > request.periods)
				request.periods = next.periods;
		}
		for (uint32_t i = 0; i < request.periods; i++)
			readers_wait();
		if (send(fd, &request.number, sizeof(request.number), MSG_NOSIGNAL | MSG_DONTWAIT) <
		    0)
			break;
	}
	_exit(0);
}

/* Has the process publish tables, too. */
static bool publisher_hand_over(int to, uint64_t pid)
{
	int publish = publisher_open(), err;

	err = packet_send(to, &pid, sizeof(pid), &publish, publish >= 0);
	if (publish >= 0)
		close(publish);
	return !err;
}

void grace_open(void)
{
	uint64_t pid;
	int fd;

	if (grace.fd >= 0)
		return;
	fd = helper_start(waiter_run);
	if (fd < 0)
		return;
	if (recv(fd, &pid, sizeof(pid), 0) != (ssize_t)sizeof(pid) ||
	    !publisher_hand_over(fd, pid)) {
		publisher_close();
		close(fd);
		return;
	}
	grace.fd = fd;
	grace.pid = (uint32_t)pid;
	grace.asked = grace.told = 0;
}

uint32_t grace_pid(void)
{
	return grace.fd >= 0 ? grace.pid : 0;
}

void grace_close(void)
{
	if (grace.fd >= 0)
		close(grace.fd);
	grace.fd = -1;
}

/* ---- asking it ---- */

static void grace_ask(uint32_t periods)
{
	struct request request = {grace.asked + 1, periods};

	if (grace.fd >= 0 && send(grace.fd, &request, sizeof(request),
				  MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof(request))
		grace.asked++;
}

/* Takes what it has answered. */
static void grace_hear(void)
{
	uint64_t number;
	ssize_t got;

	if (grace.fd < 0)
		return;
	while ((got = recv(grace.fd, &number, sizeof(number), MSG_DONTWAIT)) ==
	       (ssize_t)sizeof(number))
		grace.told = number;
	if (got == 0)
		grace_close();
}

void grace_wait(int fd, void (*ready)(void *context), void *context)
{
	uint64_t end = time_now() + READERS_NS, now, number;

	grace_ask(1);
	number = grace.asked;
	while ((now = time_now()) < end) {
		/* Where nobody tells of its end there is no first one, and the time is over. */
		struct pollfd fds[] = {{grace.fd, POLLIN, 0}, {fd, POLLIN, 0}};

		if (grace.fd >= 0 && grace.told >= number)
			return;
		poll(fds, 2, (int)((end - now + 999999) / 1000000));
		if (fds[0].revents)
			grace_hear();
		if (!fds[1].revents)
			continue;
		ready(context);
		/* Not once for each of very many. */
		if (poll(fds, 1, 1) > 0)
			grace_hear();
	}
}

void grace_begin(void)
{
	grace_ask(BEGUN_PERIODS);
}

bool grace_late(void)
{
	grace_hear();
	return grace.fd >= 0 && grace.told < grace.asked;
}
