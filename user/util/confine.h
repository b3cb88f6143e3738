/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this process may still ask of the kernel (seccomp(2)): once there is nothing left to do but
 * reading what a stranger wrote, whoever takes it over by that should find nothing to do with it.
 */
#ifndef STRAIT_CONFINE_H
#define STRAIT_CONFINE_H

enum confine_job {
	CONFINE_WATCH,  /* watches window after window, and does what CONFINE_REPORT does */
	CONFINE_REPORT, /* opens, reads and writes files, and prints */
	CONFINE_PARSE,  /* reads descriptors that it is given, and answers with others */
};

/*
 * For good, for all threads, and for what they start. Calls that the job does not need fail with
 * ENOSYS, as on a kernel that does not have them. Returns a negative errno where it cannot be done:
 * -ENOSYS, -EINVAL: the kernel has no seccomp filters.
 */
int confine(enum confine_job job);

#endif
