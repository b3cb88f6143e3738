/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of containers and their pods. The paths of cgroups hold their ids; their names are only in
 * the state files of the runtimes: root's own, or those in the home of a user who runs it. `root`
 * stands before the paths of these files: "" on a host.
 */
#ifndef STRAIT_CONTAINER_NAMES_H
#define STRAIT_CONTAINER_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CONTAINER_NAME 254 /* bytes of a name: Kubernetes allows 253 for a pod's */

struct container_names {
	const char *runtime;        /* "docker", …; a literal */
	char name[CONTAINER_NAME];  /* empty: that of the pod alone, which its sandbox has */
	char alias[CONTAINER_NAME]; /* a second name that it goes by; empty = none */
	char space[CONTAINER_NAME], pod[CONTAINER_NAME]; /* namespace and name; empty = no pod */
};

/*
 * What the container with this id is called. `runtime` as in struct cgroup_part; for "container"
 * all are asked. `owner` is who made its cgroup: none but his files have a say, and those of users
 * are his to write. False, and `out` untouched, if no state file knows.
 */
bool container_names_read(const char *root, uid_t owner, const char *runtime, const char *id,
			  struct container_names *out);

/* Whether containerd runs a container of this id in this namespace of its. */
bool containerd_has(const char *root, const char *space, const char *id);

#endif
