/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/container_names.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "capture/state_file.h"

#define STATE_MAX (16 << 20) /* bytes of a state file */

json_t *state_file_read(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	json_t *state = NULL;
	struct stat was = {};

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &was) && S_ISREG(was.st_mode) && was.st_size <= STATE_MAX)
		state = json_loadfd(fd, 0, NULL);
	close(fd);
	if (st)
		*st = was;
	return state;
}

bool state_file_text(const json_t *object, const char *key, char out[CONTAINER_NAME])
{
	const char *text = json_string_value(json_object_get(object, key));

	if (!text || !*text)
		return false;
	snprintf(out, CONTAINER_NAME, "%s", text);
	return true;
}

/* ---- docker: a folder for each container, named by its id ---- */

/* Labels that Kubernetes gives to a container whose runtime is docker. */
static void docker_pod(const json_t *state, struct container_names *names)
{
	const json_t *labels = json_object_get(json_object_get(state, "Config"), "Labels");
	const char *type = json_string_value(json_object_get(labels, "io.kubernetes.docker.type"));

	if (!state_file_text(labels, "io.kubernetes.pod.name", names->pod))
		return;
	state_file_text(labels, "io.kubernetes.pod.namespace", names->space);
	snprintf(names->alias, sizeof(names->alias), "%s", names->name);
	if (type && !strcmp(type, "podsandbox"))
		names->name[0] = 0;
	else
		state_file_text(labels, "io.kubernetes.container.name", names->name);
}

/* What docker keeps of a container in its folder of data: the first bytes of `data`. */
static json_t *docker_state(const char *root, const char *data, size_t length, const char *id)
{
	char path[PATH_MAX];
	int written = snprintf(path, sizeof(path), "%s%.*s/containers/%s/config.v2.json", root,
			       (int)length, data, id);

	return written < (int)sizeof(path) ? state_file_read(path, NULL) : NULL;
}

/*
 * Where dockerd has its data elsewhere (--data-root, --userns-remap), a container's root folder is
 * below that, too, and its bundle knows it.
 */
static json_t *docker_state_find(const char *root, const char *id)
{
	static const char usual[] = "/var/lib/docker";
	json_t *state = docker_state(root, usual, strlen(usual), id), *bundle;
	char path[PATH_MAX];
	const char *below;

	if (state || !containerd_bundle(root, id, path))
		return state;
	bundle = state_file_read(path, NULL);
	below = json_string_value(json_object_get(json_object_get(bundle, "root"), "path"));
	for (size_t length = below && *below == '/' ? strnlen(below, PATH_MAX) : 0; length;) {
		while (below[--length] != '/')
			;
		state = docker_state(root, below, length, id);
		if (state)
			break;
	}
	json_decref(bundle);
	return state;
}

bool docker_names(const char *root, const char *id, struct container_names *out)
{
	struct container_names names = {.runtime = out->runtime};
	json_t *state = docker_state_find(root, id);
	const char *name;

	name = json_string_value(json_object_get(state, "Name"));
	name = name && *name == '/' ? name + 1 : name;
	if (name && *name) {
		snprintf(names.name, sizeof(names.name), "%s", name);
		docker_pod(state, &names);
		*out = names;
	}
	json_decref(state);
	return names.name[0] || names.pod[0];
}

/* ---- podman: an array of all containers, each {"id": …, "names": […], …} ---- */

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
	file->state = state_file_read(path, &file->seen);
	snprintf(file->path, sizeof(file->path), "%s", path);
	return file->state;
}

bool podman_names(const char *root, const char *id, struct container_names *out)
{
	for (size_t which = 0; which < PODMAN_FILES; which++) {
		const json_t *all = podman_state(root, which);

		for (size_t i = 0; i < json_array_size(all); i++) {
			const json_t *one = json_array_get(all, i);
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
	}
	return false;
}

/* ---- any ---- */

static const struct {
	const char *runtime;
	container_names_reader *read;
} readers[] = {
	{"containerd", containerd_names},
	{"crio", crio_names},
	{"docker", docker_names},
	{"podman", podman_names},
};

bool container_names_read(const char *root, const char *runtime, const char *id,
			  struct container_names *out)
{
	bool any = !strcmp(runtime, "container");

	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		struct container_names names = {.runtime = readers[i].runtime};

		if (!any && strcmp(readers[i].runtime, runtime) != 0)
			continue;
		if (!readers[i].read(root, id, &names))
			continue;
		*out = names;
		return true;
	}
	return false;
}
