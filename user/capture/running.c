/* SPDX-License-Identifier: BSD-2-Clause */
/* Containers, pods and units that have a process: without one there is nothing to watch. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/cgroups.h"
#include "capture/containers.h"

#define RUNNING_MAX 20000  /* a container can make as many cgroups as it likes */
#define PATHS_MAX   200000 /* likewise */

/* What makes a place the same in two paths. Nested ones are told by where they are. */
struct key {
	const struct container_place *place;
	const char *path;
	size_t length;
};

static bool key_equal(const void *context, uint32_t position, const void *wanted)
{
	const struct running *running = &((const struct running_list *)context)->at.at[position];
	const struct key *key = wanted;

	if (running->place.part.kind != key->place->part.kind ||
	    running->place.nested != key->place->nested ||
	    running->place.owner != key->place->owner ||
	    strcmp(running->place.part.id, key->place->part.id) != 0)
		return false;
	if (!key->place->nested && key->place->part.kind != CGROUP_UNIT)
		return true;
	return strlen(running->path) == key->length &&
	       !strncmp(running->path, key->path, key->length);
}

/*
 * A place that has been met is in another hierarchy here, or in another path of the same one: the
 * hierarchy that the programs look at first counts, and in it the path that is nearest to the root.
 */
static void running_meet(struct running *running, const struct key *key, unsigned hierarchy,
			 int rank)
{
	if (rank < running->rank || (rank == running->rank && key->length >= strlen(running->path)))
		return;
	free(running->path);
	running->path = strndup(key->path, key->length);
	if (!running->path)
		abort();
	running->hierarchy = hierarchy;
	running->rank = rank;
}

static struct running *running_add(struct running_list *list, const struct key *key,
				   unsigned hierarchy, int rank)
{
	const struct cgroup_part *part = &key->place->part;
	uint64_t hash = hash_bytes(part->id, strlen(part->id));
	uint32_t at = index_find(&list->by_key, hash, key_equal, list, key);
	struct running *running;

	if (at != INDEX_NONE) {
		running = &list->at.at[at];
		running_meet(running, key, hierarchy, rank);
		return running;
	}
	if (list->at.len >= RUNNING_MAX) {
		list->full = true;
		return NULL;
	}
	index_add(&list->by_key, hash, (uint32_t)list->at.len);
	running = vec_push(
		&list->at,
		(struct running){.place = *key->place, .hierarchy = hierarchy, .rank = rank});
	running->path = strndup(key->path, key->length);
	if (!running->path)
		abort();
	container_place_label(&running->place, running->label);
	return running;
}

/* All places in one path. A pod has its name from the containers in it. */
static void path_read(struct running_list *list, const char *root, const char *path,
		      unsigned hierarchy, int rank)
{
	struct container_walk walk = {.root = root, .path = path};
	struct container_place place;
	uint32_t pod = UINT32_MAX;

	/* Other roots' cgroups are not there to be looked at. */
	if (!*root)
		walk.owner = cgroup_owner_find(hierarchy, path);
	while (container_walk_next(&walk, &place)) {
		struct key key = {&place, path, place.part.end};
		struct running *running = running_add(list, &key, hierarchy, rank);

		if (!running)
			continue;
		if (place.part.kind == CGROUP_POD)
			pod = (uint32_t)(running - list->at.at);
		if (place.part.kind != CGROUP_CONTAINER || !place.names.pod[0] || pod == UINT32_MAX)
			continue;
		running = &list->at.at[pod];
		memcpy(running->place.names.space, place.names.space, sizeof(place.names.space));
		memcpy(running->place.names.pod, place.names.pod, sizeof(place.names.pod));
		container_place_label(&running->place, running->label);
	}
}

static bool path_equal(const void *context, uint32_t position, const void *key)
{
	return !strcmp(((const struct running_list *)context)->paths.at[position], key);
}

/* A line of /proc/PID/cgroup, "4:memory:/path"; most are those of other processes again. */
static void line_read(struct running_list *list, const char *root, const char *line)
{
	char *end;
	unsigned long hierarchy = strtoul(line, &end, 10);
	const char *controllers = end + 1, *path = *end == ':' ? strchr(end + 1, ':') : NULL;
	uint64_t hash = hash_bytes(line, strlen(line));
	char *copy;

	if (!path || path[1] != '/' || hierarchy > 255 ||
	    index_find(&list->seen, hash, path_equal, list, line) != INDEX_NONE)
		return;
	if (list->paths.len >= PATHS_MAX) {
		list->full = true;
		return;
	}
	copy = strdup(line);
	if (!copy)
		abort();
	index_add(&list->seen, hash, (uint32_t)list->paths.len);
	vec_push(&list->paths, copy);
	path_read(list, root, path + 1, (unsigned)hierarchy,
		  hierarchy_rank(controllers, (size_t)(path - controllers)));
}

/* The same list for the same host, however /proc is sorted. */
static int by_label(const void *a, const void *b)
{
	const struct running *left = a, *right = b;
	int order = strcmp(left->label, right->label);

	return order ? order : strcmp(left->path, right->path);
}

int running_read(const char *root, struct running_list *out, struct error *error)
{
	char name[PATH_MAX], line[PATH_MAX + 64];
	struct dirent *entry;
	DIR *proc;

	snprintf(name, sizeof(name), "%s/proc", root);
	proc = opendir(name);
	if (!proc)
		return error_set(error, -errno, "cannot read /proc: %s", strerror(errno));
	while ((entry = readdir(proc))) {
		FILE *file;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(name, sizeof(name), "%s/proc/%.20s/cgroup", root, entry->d_name);
		file = fopen(name, "re");
		while (file && fgets(line, sizeof(line), file)) {
			line[strcspn(line, "\n")] = 0;
			line_read(out, root, line);
		}
		if (file)
			fclose(file);
	}
	closedir(proc);
	index_free(&out->by_key);
	vec_sort(&out->at, by_label);
	return 0;
}

void running_free(struct running_list *list)
{
	vec_each(&list->at, running)
		free(running->path);
	vec_each(&list->paths, path)
		free(*path);
	vec_free(&list->at);
	vec_free(&list->paths);
	index_free(&list->by_key);
	index_free(&list->seen);
}
