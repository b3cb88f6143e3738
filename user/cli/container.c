/* SPDX-License-Identifier: BSD-2-Clause */
/* Containers by name or id, of those that have a process. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/cgroups.h"
#include "capture/containers.h"
#include "cli/target.h"

static bool is_id(const char *text)
{
	size_t length = strspn(text, "0123456789abcdef");

	return length > 0 && length < CONTAINER_ID && !text[length];
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

int container_find(const char *name, uint64_t *cgroup, char *shown, size_t size,
		   struct error *error)
{
	char id[CONTAINER_ID];
	struct search search = {.asked = name};
	int err;

	if (containers_find("", name, id))
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
	if (err)
		return err;
	if (search.asked == id)
		snprintf(shown, size, "%s", name);
	else
		containers_label("", search.path, shown, size);
	return 0;
}
