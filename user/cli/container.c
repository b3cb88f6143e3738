/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Containers by name. Their ids are in the paths of cgroups; their names only in the state files of
 * the runtimes, which are root's own.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "capture/cgroups.h"
#include "cli/target.h"

#define ID_SHOWN  12 /* digits that cgroup_container() gives */
#define ID_MAX    64
#define STATE_MAX 1000 /* containers looked at in a state folder */

#define DOCKER_STATE "/var/lib/docker/containers"
#define PODMAN_STATE "/var/lib/containers/storage/overlay-containers/containers.json"

static bool is_id(const char *text)
{
	size_t length = strspn(text, "0123456789abcdef");

	return length > 0 && length <= ID_MAX && !text[length];
}

/* Is the container of this cgroup, "docker:4fa6…", the one that is asked for? */
static bool container_matches(const char *container, const char *path, const char *asked)
{
	const char *id = strchr(container, ':');

	if (!id || !strncmp(container, "unit:", 5))
		return false;
	id++;
	if (!strcmp(container, asked) || !strcmp(id, asked))
		return true;
	if (!is_id(asked) || !is_id(id))
		return false;
	return strlen(asked) <= strlen(id) ? !strncmp(id, asked, strlen(asked))
					   : strstr(path, asked) != NULL;
}

struct search {
	const char *asked;
	char path[PATH_MAX], container[256]; /* found; empty = not yet */
	bool several;
};

/* Looks for the shortest beginning of the path that is a container's cgroup and matches. */
static void path_search(struct search *search, const char *path)
{
	char part[PATH_MAX], container[256];

	for (size_t i = 1; i <= strlen(path) && i < sizeof(part); i++) {
		if (path[i] && path[i] != '/')
			continue;
		snprintf(part, sizeof(part), "%.*s", (int)i, path);
		cgroup_container(part, container, sizeof(container));
		if (!container[0] || !container_matches(container, part, search->asked))
			continue;
		if (search->container[0] && strcmp(search->container, container) != 0)
			search->several = true;
		if (!search->container[0]) {
			snprintf(search->path, sizeof(search->path), "%s", part);
			snprintf(search->container, sizeof(search->container), "%s", container);
		}
		return;
	}
}

/* A container without a process cannot be watched, so those of all processes are all. */
static int processes_search(struct search *search, struct error *error)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (!proc)
		return error_set(error, -errno, "cannot read /proc: %s", strerror(errno));
	while ((entry = readdir(proc))) {
		char name[64], line[PATH_MAX + 64];
		FILE *file;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(name, sizeof(name), "/proc/%.20s/cgroup", entry->d_name);
		file = fopen(name, "re");
		while (file && fgets(line, sizeof(line), file)) {
			char *path = strchr(line, ':');

			path = path ? strchr(path + 1, ':') : NULL;
			line[strcspn(line, "\n")] = 0;
			if (path)
				path_search(search, path + 1);
		}
		if (file)
			fclose(file);
	}
	closedir(proc);
	return 0;
}

/* Docker: one folder a container, named by its id; the name in it begins with a slash. */
static bool docker_id(const char *name, char *id)
{
	DIR *folder = opendir(DOCKER_STATE);
	struct dirent *entry;
	bool found = false;

	for (int i = 0; folder && !found && i < STATE_MAX && (entry = readdir(folder)); i++) {
		char path[PATH_MAX];
		const char *own;
		json_t *state;

		if (!is_id(entry->d_name))
			continue;
		snprintf(path, sizeof(path), DOCKER_STATE "/%s/config.v2.json", entry->d_name);
		state = json_load_file(path, 0, NULL);
		own = json_string_value(json_object_get(state, "Name"));
		if (own && !strcmp(own + (*own == '/'), name)) {
			snprintf(id, ID_MAX + 1, "%.64s", entry->d_name);
			found = true;
		}
		json_decref(state);
	}
	if (folder)
		closedir(folder);
	return found;
}

/* Podman: one file with an array of all containers. */
static bool podman_id(const char *name, char *id)
{
	json_t *all = json_load_file(PODMAN_STATE, 0, NULL), *one, *own;
	size_t i, j;
	bool found = false;

	json_array_foreach(all, i, one)
	{
		const char *its = json_string_value(json_object_get(one, "id"));

		json_array_foreach(json_object_get(one, "names"), j, own)
		{
			if (!found && its && is_id(its) && json_is_string(own) &&
			    !strcmp(json_string_value(own), name)) {
				snprintf(id, ID_MAX + 1, "%.64s", its);
				found = true;
			}
		}
	}
	json_decref(all);
	return found;
}

int container_find(const char *name, uint64_t *cgroup, char *shown, size_t size,
		   struct error *error)
{
	char id[ID_MAX + 1];
	struct search search = {.asked = name};
	int err;

	if (docker_id(name, id) || podman_id(name, id))
		search.asked = id;
	err = processes_search(&search, error);
	if (err)
		return err;
	if (search.several)
		return error_set(
			error, -ENOTUNIQ,
			"more than one container begins with '%.100s': give more of its id", name);
	if (!search.container[0])
		return error_set(error, -ENOENT,
				 "no running container '%.100s': give its name, the beginning of "
				 "its id, or its cgroup with -c",
				 name);
	err = cgroup_find(search.path, cgroup, error);
	if (!err)
		snprintf(shown, size, "%s", search.asked == id ? name : search.container);
	return err;
}
