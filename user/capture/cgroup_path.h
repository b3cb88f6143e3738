/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the path of a cgroup tells of containers, pods and units. The names of folders are those
 * that runc, crun and systemd give them; sources: podman's and CRI-O's cgroup managers,
 * containerd's CRI plugin, kubelet's cm package, systemd.slice(5), lxc.container.conf(5).
 */
#ifndef STRAIT_CGROUP_PATH_H
#define STRAIT_CGROUP_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CGROUP_NAME 256 /* bytes of a folder's name, NAME_MAX and the end */

enum cgroup_part_kind {
	CGROUP_CONTAINER,
	CGROUP_POD,
	CGROUP_UNIT, /* a service, scope or slice of systemd */
};

/*
 * A path in the hands of a user: whoever has been given a cgroup calls the folders in it what he
 * likes. What ends behind byte `from` was made by him. A uid of 0: all of it is root's.
 */
struct cgroup_owner {
	uid_t uid;
	size_t from;
};

/* A folder in a path that is one of these, with all below it. */
struct cgroup_part {
	enum cgroup_part_kind kind;
	/* Of a container: "docker", "podman", "containerd", "crio", "lxc"; "container" where the
	 * path does not tell. Of the others NULL. */
	const char *runtime;
	/* A container's whole id, where lxc and ctr have a name; a pod's uid; a unit's name. */
	char id[CGROUP_NAME];
	char pod[CGROUP_NAME]; /* uid of the pod, if the container's own folder names it; else "" */
	size_t end;            /* the first bytes of the path that are this folder's path */
};

/*
 * The next part of a path behind byte *at, outermost first; false behind the last. *at is 0 at
 * first. `root` stands before the paths of containerd's state, which alone tells its folders.
 */
bool cgroup_part_next(const char *root, const char *path, size_t *at, struct cgroup_part *out);

/* Whether the text is a whole id: 64 hexadecimal digits. */
bool cgroup_is_id(const char *text);

#endif
