/* SPDX-License-Identifier: BSD-2-Clause */
/* The other side of reader.h: the keeper, and the processes that it starts. */
#ifndef STRAIT_KEEPER_H
#define STRAIT_KEEPER_H

#include "util/reader.h"

struct keeper_work {
	struct reader_job jobs[READERS_MOST];
	size_t count;
	uint32_t (*own_pid)(void);
};

/* For each job comes one, in their order, with strait's end of its socket. */
struct keeper_hello {
	uint32_t keeper, reader; /* pids, 0 = not known */
};

/* Starts a keeper: the socket on which it says hello, or a negative errno. */
int keeper_start(const struct keeper_work *work);

#endif
