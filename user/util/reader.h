/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of traced programs are a stranger's. What is read of them is read by processes that have no
 * rights, ask the kernel for little but memory, and have limits of time and memory: a file that is
 * made to break what reads it, or breaks it by accident, ends that process. Another one goes on.
 *
 * strait opens files and hands over descriptors; what comes back is as hostile as the file.
 */
#ifndef STRAIT_READER_H
#define STRAIT_READER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "util/message.h"

/* What such a process does. */
struct reader_job {
	/*
	 * There: answers a request. The descriptors of both are closed afterwards. The answer is
	 * empty, `result` 0.
	 */
	void (*serve)(const struct message *request, struct message *answer);
	uint32_t cpu_ms, wall_ms; /* for one request that says no other */
	size_t memory;            /* bytes of address space; 0 = no limit */
	/*
	 * Each request has a process of its own: what it says of one file was not said by another
	 * one.
	 */
	bool once;
};

/* strait's side of one. */
struct reader {
	struct reader_job job;
	int fd;          /* -1 = there is none */
	bool lost;       /* there was one */
	uint32_t pid;    /* of the first, as the kernel knows it; 0 = not known */
	uint32_t keeper; /* likewise: starts it, and others in its place */
	uint64_t asked;
	uint32_t answered;           /* `once`: the process that did last */
	atomic_uint_fast64_t cpu_ns; /* that such processes took, of those that answered */
	pthread_mutex_t lock;
};

#define READER_NONE                                                                                \
	{                                                                                          \
		.fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER                                        \
	}

#define READERS_MOST 3

/*
 * Starts them, behind one keeper; nothing for one that runs. To be called before there are threads.
 * Where they cannot be had, reader_is_there() is false. `own_pid`: the caller's pid as the kernel
 * knows it, asked by the keeper while it has rights; NULL = getpid().
 */
void readers_open(struct reader *const readers[], size_t count, uint32_t (*own_pid)(void));
void reader_close(struct reader *reader);
/* Is there one, or was there one: is nothing to be read in this process? */
bool reader_is_there(const struct reader *reader);

/*
 * Answers a question that the process has while it serves: `reply` is empty, the descriptors in it
 * are closed when they were sent.
 */
typedef void reader_reply(void *context, const struct message *question, struct message *reply);

/*
 * Sends the request, whose descriptors stay the caller's, and waits for the answer, to be closed by
 * message_close(). `reply` NULL: no questions are expected. Threads wait for each other.
 * -EIO: the request ended the process, or there is none any more, and `error` says how.
 */
int reader_request(struct reader *reader, struct message *request, reader_reply *reply,
		   void *context, struct message *answer, struct error *error);

/*
 * In the process, while it serves: asks strait. Its clocks stand still meanwhile. `message` has the
 * question, and then the reply, to be closed. Negative errno: there is none.
 */
int reader_question(struct message *message);

#endif
