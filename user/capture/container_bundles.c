/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * containerd and CRI-O keep an OCI bundle for each running container; its config.json has the names
 * as annotations. Sources of the keys: pkg/cri/annotations of containerd, pkg/labels of nerdctl,
 * pkg/annotations of CRI-O, and the labels that kubelet gives to containers.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "capture/cgroup_path.h"
#include "capture/state_file.h"

#define SPACES_MAX 256 /* namespaces of containerd that are looked at */

static const char *const containerd_states[] = {
	"/run/containerd/io.containerd.runtime.v2.task",
	"/run/k3s/containerd/io.containerd.runtime.v2.task",
	/* The one that dockerd starts where the host has none. */
	"/run/docker/containerd/daemon/io.containerd.runtime.v2.task",
};
#define CONTAINERD_STATES (sizeof(containerd_states) / sizeof(containerd_states[0]))

static const char *const crio_states[] = {
	"/run/containers/storage/overlay-containers",
	"/var/lib/containers/storage/overlay-containers",
};
#define CRIO_STATES (sizeof(crio_states) / sizeof(crio_states[0]))

/*
 * Keys in the order in which they are asked for. The runtime's own come first: what the maker of a
 * pod wrote may stand beside them.
 */
struct keys {
	const char *name[2], *space[2], *pod[2];
	const char *type; /* of which the value "sandbox" is the pod's own container */
};

static const struct keys containerd_keys = {
	.name = {"io.kubernetes.cri.container-name", "nerdctl/name"},
	.space = {"io.kubernetes.cri.sandbox-namespace"},
	.pod = {"io.kubernetes.cri.sandbox-name"},
	.type = "io.kubernetes.cri.container-type",
};

static const struct keys crio_keys = {
	.name = {"io.kubernetes.container.name"},
	.space = {"io.kubernetes.cri-o.Namespace", "io.kubernetes.pod.namespace"},
	.pod = {"io.kubernetes.cri-o.KubeName", "io.kubernetes.pod.name"},
	.type = "io.kubernetes.cri-o.ContainerType",
};

static void text_find(const json_t *object, const char *const keys[2], char out[CONTAINER_NAME])
{
	for (int i = 0; i < 2; i++)
		if (keys[i] && state_file_text(object, keys[i], out))
			return;
}

/* False where the annotations name neither it nor its pod. */
static bool bundle_read(const struct state_source *source, const char *path,
			const struct keys *keys, struct container_names *out)
{
	json_t *state = state_file_read(source, path);
	const json_t *annotations = json_object_get(state, "annotations");
	const char *type = json_string_value(json_object_get(annotations, keys->type));
	struct container_names names = {.runtime = out->runtime};

	text_find(annotations, keys->space, names.space);
	text_find(annotations, keys->pod, names.pod);
	if (!names.pod[0] || !type || strcmp(type, "sandbox") != 0)
		text_find(annotations, keys->name, names.name);
	json_decref(state);
	if (!names.pod[0])
		names.space[0] = 0;
	if (!names.name[0] && !names.pod[0])
		return false;
	*out = names;
	return true;
}

static bool is_name(const char *text)
{
	return *text && *text != '.' && !strchr(text, '/');
}

/* Writes the bundle's file of a container in one namespace; false if it is not there. */
static bool containerd_config(const char *root, const char *state, const char *space,
			      const char *id, char path[PATH_MAX])
{
	char full[PATH_MAX];

	return snprintf(path, PATH_MAX, "%s/%s/%s/config.json", state, space, id) < PATH_MAX &&
	       snprintf(full, sizeof(full), "%s%s", root, path) < (int)sizeof(full) &&
	       !access(full, F_OK);
}

bool containerd_has(const char *root, const char *space, const char *id)
{
	char path[PATH_MAX];

	if (!is_name(space) || !is_name(id))
		return false;
	for (size_t i = 0; i < CONTAINERD_STATES; i++)
		if (containerd_config(root, containerd_states[i], space, id, path))
			return true;
	return false;
}

bool containerd_bundle(const struct state_source *source, const char *id, char path[PATH_MAX])
{
	bool found = false;

	for (size_t i = 0; i < CONTAINERD_STATES && !found; i++) {
		struct dirent *space;
		DIR *state;

		snprintf(path, PATH_MAX, "%s%s", source->root, containerd_states[i]);
		state = opendir(path);
		for (int n = 0; state && !found && n < SPACES_MAX && (space = readdir(state)); n++)
			found = is_name(space->d_name) &&
				containerd_config(source->root, containerd_states[i], space->d_name,
						  id, path);
		if (state)
			closedir(state);
	}
	return found;
}

bool containerd_names(const struct state_source *source, const char *id,
		      struct container_names *out)
{
	char path[PATH_MAX];

	if (!containerd_bundle(source, id, path))
		return false;
	/* What ctr starts has no other name than its id. */
	if (!bundle_read(source, path, &containerd_keys, out)) {
		*out = (struct container_names){.runtime = out->runtime};
		if (!cgroup_is_id(id))
			snprintf(out->name, sizeof(out->name), "%.*s", CONTAINER_NAME - 1, id);
	}
	return out->name[0] || out->pod[0];
}

bool crio_names(const struct state_source *source, const char *id, struct container_names *out)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < CRIO_STATES; i++) {
		snprintf(path, sizeof(path), "%s/%s/userdata/config.json", crio_states[i], id);
		if (bundle_read(source, path, &crio_keys, out))
			return true;
	}
	return false;
}
