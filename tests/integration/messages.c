/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends and receives messages over a Unix socket and over a TCP connection to itself for so many
 * seconds, with some computing in between, and connects anew now and then. Prints: its process id,
 * Unix messages and their bytes, TCP messages and their bytes (as many and as much received as
 * sent), and how often it connected.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define UNIX_BYTES 100
#define TCP_BYTES  1000
#define BURST      10
#define CONNECT_NS 50000000

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Both ends of a new connection. */
static bool connection_make(int listener, int ends[2])
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);
	int one = 1;

	if (getsockname(listener, (struct sockaddr *)&address, &size))
		return false;
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (ends[0] < 0 || connect(ends[0], (struct sockaddr *)&address, size))
		return false;
	ends[1] = accept(listener, NULL, NULL);
	return ends[1] >= 0 && !setsockopt(ends[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static bool message_pass(const int ends[2], size_t bytes)
{
	static char buffer[TCP_BYTES];

	return send(ends[0], buffer, bytes, 0) == (ssize_t)bytes &&
	       recv(ends[1], buffer, bytes, MSG_WAITALL) == (ssize_t)bytes;
}

int main(int argc, char **argv)
{
	uint64_t begin = now_ns(), end = begin + (uint64_t)(atof(argc > 1 ? argv[1] : "1") * 1e9);
	uint64_t bursts = 0, connected = 1, connect_next = begin + CONNECT_NS;
	struct sockaddr_in any = {.sin_family = AF_INET,
				  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
	int listener = socket(AF_INET, SOCK_STREAM, 0), local[2], remote[2];
	volatile uint64_t sum = 0;

	if (bind(listener, (struct sockaddr *)&any, sizeof(any)) || listen(listener, 8) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, local) || !connection_make(listener, remote))
		return 1;
	for (; now_ns() < end; bursts++) {
		for (int i = 0; i < BURST; i++)
			if (!message_pass(local, UNIX_BYTES) || !message_pass(remote, TCP_BYTES))
				return 1;
		for (uint64_t i = 0; i < 400000; i++)
			sum += i * sum + 1;
		if (now_ns() < connect_next)
			continue;
		connect_next += CONNECT_NS;
		close(remote[0]);
		close(remote[1]);
		if (!connection_make(listener, remote))
			return 1;
		connected++;
	}
	bursts *= BURST;
	printf("%d %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", getpid(), bursts,
	       bursts * UNIX_BYTES, bursts, bursts * TCP_BYTES, connected);
	return 0;
}
