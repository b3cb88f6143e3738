/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/message.h"
#include "util/packet.h"

#define SENT offsetof(struct message, fds)

int message_send(int to, const struct message *message)
{
	unsigned int count = 0;

	while (count < MESSAGE_FDS && message->fds[count] >= 0)
		count++;
	return packet_send(to, message, SENT, message->fds, count);
}

void message_close(struct message *message)
{
	for (size_t i = 0; i < MESSAGE_FDS; i++) {
		if (message->fds[i] >= 0)
			close(message->fds[i]);
		message->fds[i] = -1;
	}
}

int message_receive(int from, struct message *message)
{
	int count;

	*message = (struct message)MESSAGE_EMPTY;
	count = packet_receive(from, message, SENT, message->fds, MESSAGE_FDS, &message->sender);
	if (count >= 0 && message->size <= MESSAGE_BYTES)
		return 0;
	if (count < 0)
		*message = (struct message)MESSAGE_EMPTY;
	message_close(message);
	return count < 0 ? count : -EBADMSG;
}

int memory_put(const char *name, const void *bytes, size_t size)
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

void *memory_copy(int fd, size_t most, size_t *size)
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
