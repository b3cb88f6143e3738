/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rights of this process: the capabilities(7) that tracing needs, those that it is poorer
 * without, and giving up what a phase no longer needs.
 */
#ifndef STRAIT_RIGHTS_H
#define STRAIT_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What a user has to give who does not want to give all, as setcap(8) writes it: what tracing
 * needs, and what it is poorer without that is not as good as root.
 */
#define RIGHTS_WANTED                                                                              \
	"cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search,cap_syslog,"                       \
	"cap_checkpoint_restore,cap_sys_nice"

/*
 * What is missing where the kernel refuses CPU samples. Debian's know levels above 2, for which
 * CAP_PERFMON is not enough; to others these are as good as 2.
 */
#define RIGHTS_SAMPLES                                                                             \
	"it takes CAP_SYS_ADMIN where the sysctl kernel.perf_event_paranoid is above 2, or "       \
	"sysctl -w kernel.perf_event_paranoid=2"

/* Has this thread that capability, effective? One of CAP_* of linux/capability.h. */
bool rights_have(unsigned int capability);

/*
 * In a user namespace of its own a process has all capabilities, and none of them counts for the
 * host: the kernel refuses tracing all the same.
 */
bool rights_are_own(void);

/* The capabilities that nothing replaces, "CAP_BPF, CAP_PERFMON"; false: none is missing. */
bool rights_missing(char *out, size_t size);

/* What strait does in turn. */
enum rights_phase {
	RIGHTS_OPEN,   /* loads and attaches: all that it has */
	RIGHTS_WATCH,  /* reads the maps, the files of new processes, /proc; attaches again */
	RIGHTS_TABLES, /* a thread that makes maps of what others found */
	RIGHTS_NONE,   /* reads what is open, analyses, prints */
};

/* What a phase may need besides, where root does it for others. */
enum {
	RIGHTS_FILES = 1, /* writes files in directories of other users */
	RIGHTS_CHILD = 2, /* ends a command that may have become another user's */
};

/*
 * Gives up for good what neither this phase nor one after it needs; RIGHTS_TABLES and RIGHTS_NONE
 * are last ones. From RIGHTS_WATCH on no program that it could run would bring new rights either.
 * All this is the calling thread's, and of threads and processes that it starts later.
 * Returns a negative errno where the kernel refuses, which leaves the rights as they were.
 */
int rights_enter(enum rights_phase phase, unsigned int also);

/* Could this thread make and remove files in that folder without any of its capabilities? */
bool rights_spared(const char *folder);

/*
 * For the one call that takes a capability which RIGHTS_WATCH keeps aside: CAP_SYS_ADMIN. True
 * where that changed anything, and rights_lower() is due.
 */
bool rights_raise(unsigned int capability);
void rights_lower(unsigned int capability);

/* Room for all that may be missing. */
#define RIGHTS_LOST_TEXT 1000

/* What other missing capabilities cost here, in a line; false: nothing. */
bool rights_lost(char *out, size_t size);

#endif
