/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/containers.h"

#include <stdio.h>
#include <string.h>

bool container_walk_next(struct container_walk *walk, struct container_place *out)
{
	struct cgroup_part *part = &out->part;

	if (!cgroup_part_next(walk->root, walk->path, &walk->at, part))
		return false;
	out->nested = walk->nested;
	out->owner = part->end > walk->owner.from ? walk->owner.uid : 0;
	out->names = (struct container_names){};
	if (part->kind == CGROUP_POD)
		snprintf(walk->pod, sizeof(walk->pod), "%s", part->id);
	else if (part->pod[0])
		snprintf(walk->pod, sizeof(walk->pod), "%s", part->pod);
	snprintf(out->pod, sizeof(out->pod), "%s", walk->pod);
	if (part->kind != CGROUP_CONTAINER)
		return true;
	if (!walk->nested &&
	    container_names_read(walk->root, out->owner, part->runtime, part->id, &out->names))
		part->runtime = out->names.runtime;
	walk->nested = true;
	/* What is in a container is in its pod, and in none of its own before another is named. */
	walk->pod[0] = 0;
	return true;
}

void container_place_label(const struct container_place *place, char out[CONTAINER_LABEL])
{
	const struct container_names *names = &place->names;
	const struct cgroup_part *part = &place->part;
	const char *kind = part->kind == CGROUP_CONTAINER ? part->runtime
			   : part->kind == CGROUP_POD     ? "pod"
							  : "unit";

	if (names->pod[0])
		snprintf(out, CONTAINER_LABEL, "%s:%.63s%s%s%s%s", kind, names->space,
			 names->space[0] ? "/" : "", names->pod, names->name[0] ? "/" : "",
			 names->name);
	else if (names->name[0])
		snprintf(out, CONTAINER_LABEL, "%s:%s", kind, names->name);
	else if (cgroup_is_id(part->id))
		/* Twelve digits are what the runtimes themselves show. */
		snprintf(out, CONTAINER_LABEL, "%s:%.12s", kind, part->id);
	else
		snprintf(out, CONTAINER_LABEL, "%s:%s", kind, part->id);
}

/* How well a kind tells where a process is; a slice is only a branch of the tree. */
static int place_weight(const struct container_place *place)
{
	const char *dot = strrchr(place->part.id, '.');

	if (place->part.kind != CGROUP_UNIT)
		return 3;
	return dot && !strcmp(dot, ".slice") ? 1 : 2;
}

void containers_label(const char *root, const char *path, struct cgroup_owner owner,
		      char out[CONTAINER_LABEL])
{
	struct container_walk walk = {.root = root, .path = path, .owner = owner};
	struct container_place place;
	int best = 0;

	out[0] = 0;
	while (container_walk_next(&walk, &place)) {
		if (place_weight(&place) < best)
			continue;
		best = place_weight(&place);
		container_place_label(&place, out);
	}
}
