/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packets sink SECONDS: holds a UDP socket on port 9 and never reads it, so packets end in the
 * kernel. packets send SECONDS ADDRESS: sends 32-byte packets there as fast as it can.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "life.h"

enum { BATCH = 64, PACKET = 32, PORT = 9 };

static void packets_send(int fd)
{
	static char data[PACKET];
	struct iovec iov = {data, PACKET};
	struct mmsghdr batch[BATCH];

	memset(batch, 0, sizeof(batch));
	for (int i = 0; i < BATCH; i++) {
		batch[i].msg_hdr.msg_iov = &iov;
		batch[i].msg_hdr.msg_iovlen = 1;
	}
	for (;;)
		if (sendmmsg(fd, batch, BATCH, 0) < 0)
			sleep_us(1000);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	long seconds;
	int fd;

	if (argc < 3)
		return 2;
	seconds = number_parse(argv[2], 1, 3600);
	life_bound((int)seconds);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0)
		return 1;
	if (argv[1][1] == 'i') {
		if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
			return 1;
		sleep_us((double)seconds * 1e6);
		return 0;
	}
	if (argc < 4 || inet_pton(AF_INET, argv[3], &address.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return 1;
	packets_send(fd);
}
