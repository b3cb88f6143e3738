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

/* Has this thread that capability, effective? One of CAP_* of linux/capability.h. */
bool rights_have(unsigned int capability);

/*
 * In a user namespace of its own a process has all capabilities, and none of them counts for the
 * host: the kernel refuses tracing all the same.
 */
bool rights_are_own(void);

/* The capabilities that nothing replaces, "CAP_BPF, CAP_PERFMON"; false: none is missing. */
bool rights_missing(char *out, size_t size);

/* What other missing capabilities cost here, in a line; false: nothing. */
bool rights_lost(char *out, size_t size);

#endif
