/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of podman's containers. containers/storage lists all containers of a store in one file for
 * each storage driver, an array of {"id": …, "names": […], …}, and those of `podman run --rm` in a
 * second one beside it. Their pods are in podman's own database.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "capture/podman_pods.h"
#include "capture/state_file.h"

/* The second is of stores that are made anew at each boot. */
static const char *const stores[] = {"/var/lib/containers/storage", "/run/containers/storage"};
static const char *const drivers[] = {"overlay", "vfs", "btrfs", "zfs"};
static const char *const lists[] = {"containers.json", "volatile-containers.json"};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/*
 * Lists as they were when last read: a host with hundreds of containers asks for each of them, and
 * a list holds all.
 */
static struct list {
	char path[PATH_MAX];
	struct stat seen;
	json_t *state;
} kept[8];

static struct list *list_kept(const char *path)
{
	static size_t next;

	for (size_t i = 0; i < COUNT(kept); i++)
		if (!strcmp(kept[i].path, path))
			return &kept[i];
	next = (next + 1) % COUNT(kept);
	return &kept[next];
}

/* A list, read anew if it has changed; NULL if it is not there. Not to be freed. */
static const json_t *list_read(const char *path)
{
	struct list *list;
	struct stat now;

	if (stat(path, &now))
		return NULL;
	list = list_kept(path);
	if (list->state && !strcmp(list->path, path) && now.st_ino == list->seen.st_ino &&
	    now.st_size == list->seen.st_size && now.st_mtim.tv_sec == list->seen.st_mtim.tv_sec &&
	    now.st_mtim.tv_nsec == list->seen.st_mtim.tv_nsec)
		return list->state;
	json_decref(list->state);
	list->state = state_file_read(path, &list->seen);
	snprintf(list->path, sizeof(list->path), "%s", path);
	return list->state;
}

static bool list_find(const json_t *list, const char *id, struct container_names *out)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const json_t *names = json_object_get(one, "names");
		const char *its = json_string_value(json_object_get(one, "id"));
		const char *name = json_string_value(json_array_get(names, 0));
		const char *alias = json_string_value(json_array_get(names, 1));

		if (!its || strcmp(its, id) != 0 || !name || !*name)
			continue;
		*out = (struct container_names){.runtime = out->runtime};
		snprintf(out->name, sizeof(out->name), "%s", name);
		snprintf(out->alias, sizeof(out->alias), "%s", alias ? alias : "");
		return true;
	}
	return false;
}

static bool store_find(const char *store, const char *id, struct container_names *out)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < COUNT(drivers) * COUNT(lists); i++) {
		int length = snprintf(path, sizeof(path), "%s/%s-containers/%s", store,
				      drivers[i / COUNT(lists)], lists[i % COUNT(lists)]);

		if (length < (int)sizeof(path) && list_find(list_read(path), id, out))
			return true;
	}
	return false;
}

bool podman_names(const char *root, const char *id, struct container_names *out)
{
	char store[PATH_MAX];

	for (size_t i = 0; i < COUNT(stores); i++) {
		snprintf(store, sizeof(store), "%s%s", root, stores[i]);
		if (!store_find(store, id, out))
			continue;
		podman_pod_find(store, id, out);
		return true;
	}
	return false;
}
