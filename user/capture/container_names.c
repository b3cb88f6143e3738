/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/container_names.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "capture/state_file.h"

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
