/* SPDX-License-Identifier: BSD-2-Clause */
/* Cgroups by id and by name. */
#ifndef STRAIT_CGROUPS_H
#define STRAIT_CGROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture/cgroup_path.h"
#include "model/recording.h"
#include "util/error.h"

/*
 * The position of a cgroup (id as in struct wire_identity); its path is read from /proc/PID/cgroup
 * of `pid`, a process in it, while that lives.
 */
uint32_t cgroup_resolve(struct recording *rec, uint64_t id, pid_t pid);

/*
 * The cgroup named on the command line: an absolute path of a cgroup folder, a path below the mount
 * point of one of the hierarchies, or an id: the inode number of the folder, or the one in a
 * recording, which holds the hierarchy, too. `shown` is the name as given, for an id the path.
 * -ENOENT with a text if there is none, -ENOTUNIQ where an id is one of several hierarchies.
 */
int cgroup_find(const char *name, uint64_t *id, char *shown, size_t size, struct error *error);

/* The id of the cgroup with this path in one hierarchy; false if it is not there, or not to be
 * seen. */
bool cgroup_find_at(unsigned hierarchy, const char *path, uint64_t *id);

/* In whose hands a cgroup is: the owner of the first folder on its path that is not root's. */
struct cgroup_owner cgroup_owner_find(unsigned hierarchy, const char *path);

/*
 * How the programs choose where a task is in several hierarchies: the highest first. By the
 * controllers as in the second field of /proc/PID/cgroup; 0 = they do not look there.
 */
int hierarchy_rank(const char *controllers, size_t length);

#endif
