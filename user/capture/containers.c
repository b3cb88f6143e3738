/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/containers.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "capture/cgroups.h"

#define FOLDERS_MAX 1000       /* containers looked at in a state folder */
#define STATE_MAX   (16 << 20) /* bytes of a state file */
#define HEX         "0123456789abcdef"

#define DOCKER_STATE "/var/lib/docker/containers"

/*
 * containers/storage keeps all containers in one file for each storage driver, and those of `podman
 * run --rm` in a second one beside it (in /run if the whole store is a transient one).
 */
static const char *const podman_files[] = {
	"/var/lib/containers/storage/overlay-containers/containers.json",
	"/var/lib/containers/storage/overlay-containers/volatile-containers.json",
	"/run/containers/storage/overlay-containers/volatile-containers.json",
	"/var/lib/containers/storage/vfs-containers/containers.json",
	"/var/lib/containers/storage/vfs-containers/volatile-containers.json",
	"/var/lib/containers/storage/btrfs-containers/containers.json",
	"/var/lib/containers/storage/btrfs-containers/volatile-containers.json",
	"/var/lib/containers/storage/zfs-containers/containers.json",
	"/var/lib/containers/storage/zfs-containers/volatile-containers.json",
};
#define PODMAN_FILES (sizeof(podman_files) / sizeof(podman_files[0]))

/*
 * Podman's files as they were when last read: a host with hundreds of containers asks for each of
 * them, and the file holds all.
 */
static struct state_file {
	char path[PATH_MAX];
	struct stat seen;
	json_t *state;
} podman_seen[PODMAN_FILES];

static bool is_id(const char *text)
{
	size_t length = strspn(text, HEX);

	return length == CONTAINER_ID - 1 && !text[length];
}

/* The value in a file, NULL if there is none; `st` is what the file was. Ends with json_decref. */
static json_t *state_read(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	json_t *state = NULL;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, st) && S_ISREG(st->st_mode) && st->st_size <= STATE_MAX)
		state = json_loadfd(fd, 0, NULL);
	close(fd);
	return state;
}

/* ---- docker: a folder for each container, named by its id ---- */

/* Writes what stands behind the slash that docker's names begin with. */
static bool docker_name(const char *root, const char *id, char *out, size_t size)
{
	char path[PATH_MAX];
	const char *name;
	bool found;
	struct stat st;
	json_t *state;

	snprintf(path, sizeof(path), "%s" DOCKER_STATE "/%.64s/config.v2.json", root, id);
	state = state_read(path, &st);
	name = json_string_value(json_object_get(state, "Name"));
	name = name && *name == '/' ? name + 1 : name;
	found = name && *name;
	if (found)
		snprintf(out, size, "%s", name);
	json_decref(state);
	return found;
}

static bool docker_id(const char *root, const char *name, char id[CONTAINER_ID])
{
	char path[PATH_MAX], own[256];
	struct dirent *entry;
	bool found = false;
	DIR *folder;

	snprintf(path, sizeof(path), "%s" DOCKER_STATE, root);
	folder = opendir(path);
	for (int i = 0; folder && !found && i < FOLDERS_MAX && (entry = readdir(folder)); i++) {
		found = is_id(entry->d_name) &&
			docker_name(root, entry->d_name, own, sizeof(own)) && !strcmp(own, name);
		if (found)
			snprintf(id, CONTAINER_ID, "%.64s", entry->d_name);
	}
	if (folder)
		closedir(folder);
	return found;
}

/* ---- podman: an array of all containers, each {"id": …, "names": […], …} ---- */

/* One of podman's files, read anew if it has changed; NULL if it is not there. Not to be freed. */
static const json_t *podman_state(const char *root, size_t which)
{
	struct state_file *file = &podman_seen[which];
	char path[PATH_MAX];
	struct stat now;

	snprintf(path, sizeof(path), "%s%s", root, podman_files[which]);
	if (stat(path, &now))
		return NULL;
	if (file->state && !strcmp(file->path, path) && now.st_ino == file->seen.st_ino &&
	    now.st_size == file->seen.st_size && now.st_mtim.tv_sec == file->seen.st_mtim.tv_sec &&
	    now.st_mtim.tv_nsec == file->seen.st_mtim.tv_nsec)
		return file->state;
	json_decref(file->state);
	file->state = state_read(path, &file->seen);
	snprintf(file->path, sizeof(file->path), "%s", path);
	return file->state;
}

static bool podman_name(const char *root, const char *id, char *out, size_t size)
{
	for (size_t which = 0; which < PODMAN_FILES; which++) {
		const json_t *all = podman_state(root, which);

		for (size_t i = 0; i < json_array_size(all); i++) {
			const json_t *one = json_array_get(all, i);
			const char *its = json_string_value(json_object_get(one, "id"));
			const char *name =
				json_string_value(json_array_get(json_object_get(one, "names"), 0));

			if (!its || strcmp(its, id) != 0 || !name || !*name)
				continue;
			snprintf(out, size, "%s", name);
			return true;
		}
	}
	return false;
}

static bool podman_id(const char *root, const char *name, char id[CONTAINER_ID])
{
	for (size_t which = 0; which < PODMAN_FILES; which++) {
		const json_t *all = podman_state(root, which);

		for (size_t i = 0; i < json_array_size(all); i++) {
			const json_t *one = json_array_get(all, i);
			const json_t *names = json_object_get(one, "names");
			const char *its = json_string_value(json_object_get(one, "id"));

			for (size_t j = 0; its && is_id(its) && j < json_array_size(names); j++) {
				const char *own = json_string_value(json_array_get(names, j));

				if (!own || strcmp(own, name) != 0)
					continue;
				snprintf(id, CONTAINER_ID, "%s", its);
				return true;
			}
		}
	}
	return false;
}

/* ---- either ---- */

static const struct {
	const char *prefix; /* as cgroup_container() writes it */
	bool (*name)(const char *root, const char *id, char *out, size_t size);
	bool (*id)(const char *root, const char *name, char id[CONTAINER_ID]);
} runtimes[] = {
	{"docker:", docker_name, docker_id},
	{"podman:", podman_name, podman_id},
};

bool containers_find(const char *root, const char *name, char id[CONTAINER_ID])
{
	for (size_t i = 0; i < sizeof(runtimes) / sizeof(runtimes[0]); i++) {
		size_t length = strlen(runtimes[i].prefix);
		bool its_own = !strncmp(name, runtimes[i].prefix, length);

		if (its_own || !strchr(name, ':'))
			if (runtimes[i].id(root, its_own ? name + length : name, id))
				return true;
	}
	return false;
}

/* The full id in a path, of which `digits` are the first digits: that which is furthest in. */
static bool path_id(const char *path, const char *digits, char id[CONTAINER_ID])
{
	const char *found = NULL;

	for (const char *at = path; (at = strstr(at, digits)); at++)
		if (strspn(at, HEX) == CONTAINER_ID - 1)
			found = at;
	if (found)
		snprintf(id, CONTAINER_ID, "%.64s", found);
	return found;
}

void containers_label(const char *root, const char *path, char *out, size_t size)
{
	char id[CONTAINER_ID], name[150];

	cgroup_container(path, out, size);
	for (size_t i = 0; i < sizeof(runtimes) / sizeof(runtimes[0]); i++) {
		size_t length = strlen(runtimes[i].prefix);

		if (strncmp(out, runtimes[i].prefix, length) != 0 ||
		    !path_id(path, out + length, id) ||
		    !runtimes[i].name(root, id, name, sizeof(name)))
			continue;
		snprintf(out, size, "%s%s", runtimes[i].prefix, name);
		return;
	}
}
