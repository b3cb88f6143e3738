/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of podman's containers. containers/storage lists all containers of a store in one file for
 * each storage driver, an array of {"id": …, "names": […], …}, and those of `podman run --rm` in a
 * second one beside it. Their pods are in podman's own database.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "capture/podman_pods.h"
#include "capture/state_file.h"

/* The second is of stores that are made anew at each boot. */
static const char *const root_stores[] = {"/var/lib/containers/storage", "/run/containers/storage",
					  NULL};
static const char *const user_stores[] = {"/.local/share/containers/storage", NULL};
static const char *const drivers[] = {"overlay", "vfs", "btrfs", "zfs"};
static const char *const lists[] = {"containers.json", "volatile-containers.json"};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/*
 * Root's lists as they were when last read: a host with hundreds of containers asks for each of
 * them, and a list holds all. A list is never changed, but replaced.
 */
static struct list {
	struct stat seen;
	json_t *state;
} kept[8];

static bool time_equal(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool file_equal(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       time_equal(&a->st_mtim, &b->st_mtim) && time_equal(&a->st_ctim, &b->st_ctim);
}

static json_t *list_load(const struct state_source *source, int fd, const struct stat *st)
{
	static size_t next;
	struct list *list;

	for (size_t i = 0; i < COUNT(kept); i++)
		if (kept[i].state && file_equal(&kept[i].seen, st))
			return json_incref(kept[i].state);
	list = &kept[next++ % COUNT(kept)];
	json_decref(list->state);
	*list = (struct list){*st, state_file_load(source, fd, st)};
	return json_incref(list->state);
}

/* NULL if it is not there. A user's is not kept: in memory it is a hundred times as large. */
static json_t *list_read(const struct state_source *source, const char *path)
{
	struct stat st;
	int fd = state_file_open(source, path, &st);
	json_t *list;

	if (fd < 0)
		return NULL;
	list = (source->uid ? state_file_load : list_load)(source, fd, &st);
	close(fd);
	return list;
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

static bool store_find(const struct state_source *source, const char *store, const char *id,
		       struct container_names *out)
{
	char path[PATH_MAX];
	bool found = false;
	json_t *list;

	for (size_t i = 0; !found && i < COUNT(drivers) * COUNT(lists); i++) {
		snprintf(path, sizeof(path), "%s/%s-containers/%s", store,
			 drivers[i / COUNT(lists)], lists[i % COUNT(lists)]);
		list = list_read(source, path);
		found = list_find(list, id, out);
		json_decref(list);
	}
	return found;
}

bool podman_names(const struct state_source *source, const char *id, struct container_names *out)
{
	for (const char *const *store = source->uid ? user_stores : root_stores; *store; store++) {
		if (!store_find(source, *store, id, out))
			continue;
		podman_pod_find(source, *store, id, out);
		return true;
	}
	return false;
}
