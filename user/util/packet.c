/* SPDX-License-Identifier: BSD-2-Clause */
#include "util/packet.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

union control {
	char space[CMSG_SPACE(PACKET_FDS * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
	struct cmsghdr align;
};

int packet_send(int to, const void *bytes, size_t size, const int *fds, unsigned int count)
{
	union control control = {};
	struct iovec part = {(void *)bytes, size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (count > PACKET_FDS)
		return -E2BIG;
	if (count) {
		struct cmsghdr *header = &control.align;

		message.msg_control = control.space;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(header), fds, count * sizeof(int));
	}
	return sendmsg(to, &message, MSG_NOSIGNAL) == (ssize_t)size ? 0 : -errno;
}

/* What came beside the bytes, of one type: NULL = nothing. */
static const struct cmsghdr *header_find(struct msghdr *message, int type)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);

	while (header && (header->cmsg_level != SOL_SOCKET || header->cmsg_type != type))
		header = CMSG_NXTHDR(message, header);
	return header;
}

/* The descriptors that came with a message: their number, those in fds[]; others are closed. */
static unsigned int fds_take(struct msghdr *message, int *fds, unsigned int most)
{
	const struct cmsghdr *header = header_find(message, SCM_RIGHTS);
	unsigned int count, taken = 0;

	if (!header)
		return 0;
	count = (unsigned int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	for (unsigned int i = 0; i < count; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
		if (taken < most)
			fds[taken++] = fd;
		else
			close(fd);
	}
	return taken;
}

static uint32_t sender_of(struct msghdr *message)
{
	const struct cmsghdr *header = header_find(message, SCM_CREDENTIALS);
	struct ucred sender;

	if (!header)
		return 0;
	memcpy(&sender, CMSG_DATA(header), sizeof(sender));
	return (uint32_t)sender.pid;
}

int packet_receive(int from, void *bytes, size_t size, int *fds, unsigned int most,
		   uint32_t *sender)
{
	union control control = {};
	struct iovec part = {bytes, size};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.space,
				 .msg_controllen = sizeof(control.space)};
	unsigned int count;
	ssize_t got;

	do
		got = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return got < 0 ? -errno : -EPIPE;
	count = fds_take(&message, fds, most);
	if (sender)
		*sender = sender_of(&message);
	if (got == (ssize_t)size)
		return (int)count;
	while (count)
		close(fds[--count]);
	return -EBADMSG;
}
