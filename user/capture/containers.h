/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of containers. The paths of cgroups hold their ids; their names are only in the state files
 * of the runtimes, which are root's own. `root` stands before the paths of these files: "" on a
 * host.
 */
#ifndef STRAIT_CONTAINERS_H
#define STRAIT_CONTAINERS_H

#include <stdbool.h>
#include <stddef.h>

#define CONTAINER_ID 65 /* 64 hexadecimal digits and the end */

/*
 * The full id of the container with this name, or "docker:NAME", "podman:NAME". False, and `id`
 * untouched, if the state files know none.
 */
bool containers_find(const char *root, const char *name, char id[CONTAINER_ID]);

/*
 * What to call the container or unit that a cgroup path belongs to: cgroup_container(), with the
 * container's name instead of its id where the name is known: "podman:web". Writes an empty string
 * if the path belongs to none.
 */
void containers_label(const char *root, const char *path, char *out, size_t size);

#endif
