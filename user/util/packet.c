/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/packet.h"

#define HEAD offsetof(struct packet, bytes)

union descriptors {
	char space[CMSG_SPACE(PACKET_FDS * sizeof(int))];
	struct cmsghdr align;
};

int packet_send(int to, const struct packet *packet)
{
	union descriptors control = {};
	struct iovec part = {(void *)packet, HEAD + packet->size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	size_t count = 0;

	while (count < PACKET_FDS && packet->fds[count] >= 0)
		count++;
	if (count) {
		struct cmsghdr *header = &control.align;

		message.msg_control = control.space;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(header), packet->fds, count * sizeof(int));
	}
	return sendmsg(to, &message, MSG_NOSIGNAL) == (ssize_t)part.iov_len ? 0 : -errno;
}

void packet_close(struct packet *packet)
{
	for (size_t i = 0; i < PACKET_FDS; i++) {
		if (packet->fds[i] >= 0)
			close(packet->fds[i]);
		packet->fds[i] = -1;
	}
}

static void descriptors_take(struct packet *packet, struct msghdr *message)
{
	const struct cmsghdr *header = CMSG_FIRSTHDR(message);
	size_t bytes;

	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return;
	/* No more fit into the space that the kernel was given. */
	bytes = header->cmsg_len - CMSG_LEN(0);
	memcpy(packet->fds, CMSG_DATA(header),
	       bytes < sizeof(packet->fds) ? bytes : sizeof(packet->fds));
}

int packet_receive(int from, struct packet *packet)
{
	union descriptors control = {};
	struct iovec part = {packet, HEAD + PACKET_BYTES};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.space,
				 .msg_controllen = sizeof(control.space)};
	ssize_t got;

	*packet = (struct packet)PACKET_EMPTY;
	do
		got = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return got < 0 ? -errno : -EPIPE;
	descriptors_take(packet, &message);
	if (!(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && (size_t)got >= HEAD &&
	    packet->size == (size_t)got - HEAD)
		return 0;
	packet_close(packet);
	return -EBADMSG;
}

int packet_memory(const char *name, const void *bytes, size_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC);
	const char *at = bytes;

	while (fd >= 0 && size) {
		ssize_t put = write(fd, at, size);

		if (put <= 0) {
			close(fd);
			return -EIO;
		}
		at += put;
		size -= (size_t)put;
	}
	return fd < 0 ? -errno : fd;
}

void *packet_memory_read(int fd, size_t most, size_t *size)
{
	struct stat stat;
	char *bytes;

	if (fd < 0 || fstat(fd, &stat) || stat.st_size <= 0 || (uint64_t)stat.st_size > most)
		return NULL;
	bytes = malloc((size_t)stat.st_size + 1);
	if (!bytes || pread(fd, bytes, (size_t)stat.st_size, 0) != (ssize_t)stat.st_size) {
		free(bytes);
		return NULL;
	}
	*size = (size_t)stat.st_size;
	bytes[*size] = '\0';
	return bytes;
}
