/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has which id now: processes and threads, known by their id and when they began, and where
 * each is in the recording. An id that is used again is somebody else's from then on.
 */
#ifndef STRAIT_CENSUS_H
#define STRAIT_CENSUS_H

#include "capture/deltas.h"
#include "capture/modes.h"
#include "model/recording.h"
#include "wire.h"

/* What is known of the thread that has a tid now. */
struct task {
	uint32_t tid, thread; /* thread: position in the recording */
	uint32_t process;     /* slot in census.group */
	uint64_t start_ns;

	/* What tasks.c has accounted of it. */
	bool dead;
	uint32_t ledger_tid;   /* that its ledger was made for */
	struct reading seen;   /* what is accounted of its ledger so far */
	uint32_t parties_done; /* parties[].slice up to which edges were recorded */
	struct modes modes;
	/* As last told, UINT64_MAX = never. */
	uint64_t minor_faults, major_faults, user_ns, kernel_ns;
};

/* What is known of the process that has a tgid now. */
struct group {
	uint32_t tgid, process; /* process: position in the recording */
	uint64_t start_ns, exe_inode;
	uint32_t exe_device;

	/* What tasks.c counts of it in the open slice. */
	uint64_t switches, preemptions, wakeups, migrations, minor_faults, major_faults;
	uint64_t lock_waits, lock_owners;
	uint64_t crowd, futile, futile_ns;
	uint64_t rss_pages, rss_told;
	struct modes modes;
};

struct census {
	struct recording *rec;
	bool before; /* the window has not begun: who has no begin yet may be told it */
	VEC(struct task) task;
	VEC(struct group) group;
	struct index by_tid, by_tgid;
};

void census_free(struct census *census);

/*
 * The thread that tells of itself, with its process, and what they are called and run now. `exe`:
 * path of its executable, NULL = to be found out. Pointers hold until somebody new is met.
 */
struct task *census_identify(struct census *census, const struct wire_identity *who,
			     const char *exe);
/* The process of a thread. */
struct group *census_group(struct census *census, const struct task *task);

/* The thread that has this id now, NULL = nobody was met. */
struct task *census_task(struct census *census, uint32_t tid);

/* Positions in the recording of those who have these ids now; NONE for id 0. */
uint32_t census_process(struct census *census, uint32_t tgid);
uint32_t census_thread(struct census *census, uint32_t tid, uint32_t tgid);

#endif
