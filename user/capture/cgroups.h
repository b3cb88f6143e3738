/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of cgroups, and of the containers and units that their paths tell. */
#ifndef STRAIT_CGROUPS_H
#define STRAIT_CGROUPS_H

#include <stdint.h>
#include <sys/types.h>

#include "model/recording.h"
#include "util/error.h"

/*
 * The position of a cgroup (id as in struct wire_identity); its path is read from /proc/PID/cgroup
 * of `pid`, a process in it, while that lives.
 */
uint32_t cgroup_resolve(struct recording *rec, uint64_t id, pid_t pid);

/*
 * The container or unit that a cgroup path belongs to: "docker:4fa6…", "podman:…", "pod:<uid>",
 * "lxc:name", "unit:nginx.service". Writes an empty string if there is none.
 */
void cgroup_container(const char *path, char *out, size_t size);

/*
 * The id of the cgroup named on the command line: an absolute path of a cgroup folder, or a path
 * below the mount point of one of the hierarchies. -ENOENT with a text if there is none.
 */
int cgroup_find(const char *name, uint64_t *id, struct error *error);

#endif
