/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Containers, pods and units: what those are called that the path of a cgroup names, and which of
 * them have a process now. `root` stands before all paths that are read: "" on a host.
 */
#ifndef STRAIT_CONTAINERS_H
#define STRAIT_CONTAINERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/cgroup_path.h"
#include "capture/container_names.h"
#include "util/error.h"
#include "util/index.h"
#include "util/vec.h"

#define CONTAINER_LABEL 640 /* bytes of a label, with the longest names that Kubernetes allows */

/* A container, pod or unit in a path. */
struct container_place {
	struct cgroup_part part;
	/* Inside a container: it is another's, made there by whoever has a cgroup of his own, and
	 * no state file of this host tells of it. */
	bool nested;
	uid_t owner;           /* who made its cgroup */
	char pod[CGROUP_NAME]; /* uid of the pod it is in, or is; empty = none */
	/* What is known of its names; of a pod's, its own. All empty = nothing. */
	struct container_names names;
};

struct container_walk {
	const char *root, *path;
	struct cgroup_owner owner;
	size_t at;             /* 0 at first */
	bool nested;           /* false at first */
	char pod[CGROUP_NAME]; /* empty at first */
};

/* The next one in a path, outermost first; false behind the last. */
bool container_walk_next(struct container_walk *walk, struct container_place *out);

/*
 * "podman:web"; "containerd:shop/cart-0/redis" in a pod of Kubernetes, "containerd:shop/cart-0" for
 * its sandbox; "docker:4fa6…" (12 digits) without a name; "pod:shop/cart-0", "pod:<uid>";
 * "unit:nginx.service".
 */
void container_place_label(const struct container_place *place, char out[CONTAINER_LABEL]);

/*
 * What a process in this cgroup is in, as a label: the innermost container, or else pod, or else
 * service or scope, or else slice. Writes an empty string if the path names none.
 */
void containers_label(const char *root, const char *path, struct cgroup_owner owner,
		      char out[CONTAINER_LABEL]);

/* One that has a process, and where its cgroup is. */
struct running {
	struct container_place place;
	char label[CONTAINER_LABEL];
	char *path;         /* below the mount point of the hierarchy; the place's own folder */
	unsigned hierarchy; /* its number, as in /proc/PID/cgroup */
	int rank;           /* of the hierarchy: 0 = one that the programs do not look at */
};

struct running_list {
	VEC(struct running) at;
	struct index by_key, seen;
	bool full; /* there are more than are listed */
	VEC(char *) paths;
};

/* Those of all processes. Ends with running_free, also where it fails. */
int running_read(const char *root, struct running_list *out, struct error *error);
void running_free(struct running_list *list);

#endif
