/* SPDX-License-Identifier: BSD-2-Clause */
/* What strait and the processes that read files for it tell each other. */
#ifndef STRAIT_MESSAGE_H
#define STRAIT_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#define MESSAGE_BYTES 4096
#define MESSAGE_FDS   3

struct message {
	uint64_t number;          /* of the request that it belongs to */
	uint64_t cpu_ns;          /* in an answer: what it took */
	uint32_t cpu_ms, wall_ms; /* in a request: what it may take */
	uint32_t kind;            /* of a request or a question; 0 = an answer */
	int32_t result;           /* in an answer: 0, more, or a negative errno */
	int32_t signal;           /* that ended the process, from its keeper; 0 = its own answer */
	uint32_t size;            /* of what follows, in use */
	char bytes[MESSAGE_BYTES];

	/* Not among the bytes. */
	int fds[MESSAGE_FDS]; /* the first ones; -1 = none */
	uint32_t sender;      /* its process, as the kernel says; 0 = not known, see packet.h */
};

#define MESSAGE_EMPTY                                                                              \
	{                                                                                          \
		.fds = { -1, -1, -1 }                                                              \
	}

/* The descriptors stay the sender's. Returns 0 or a negative errno. */
int message_send(int to, const struct message *message);
/*
 * The receiver has to close the descriptors: message_close(). -EPIPE: the other side is gone;
 * -EBADMSG: it was none, and nothing is left of it. What is in it is the sender's word.
 */
int message_receive(int from, struct message *message);
void message_close(struct message *message);

/* An anonymous file with these bytes, or a negative errno. */
int memory_put(const char *name, const void *bytes, size_t size);
/*
 * A copy, to be freed, of what is in such a file of 1 to `most` bytes: whose file it is can still
 * write to it. A NUL follows it. NULL: it is none, or out of memory.
 */
void *memory_copy(int fd, size_t most, size_t *size);

#endif
