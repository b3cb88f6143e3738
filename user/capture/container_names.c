/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/container_names.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "capture/state_file.h"
#include "util/clock.h"

#define USERS_PERIOD 1000000000 /* ns */
#define USERS_TIME   100000000  /* ns of each period that users' files may take */

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
static json_t *docker_state(const struct state_source *source, const char *data, size_t length,
			    const char *id)
{
	char path[PATH_MAX];
	int written = snprintf(path, sizeof(path), "%.*s/containers/%s/config.v2.json", (int)length,
			       data, id);

	return written < (int)sizeof(path) ? state_file_read(source, path) : NULL;
}

/*
 * Where dockerd has its data elsewhere (--data-root, --userns-remap), a container's root folder is
 * below that, too, and its bundle knows it.
 */
static json_t *docker_state_find(const struct state_source *source, const char *id)
{
	const char *usual = source->uid ? "/.local/share/docker" : "/var/lib/docker";
	json_t *state = docker_state(source, usual, strlen(usual), id), *bundle;
	char path[PATH_MAX];
	const char *below;

	if (state || source->uid || !containerd_bundle(source, id, path))
		return state;
	bundle = state_file_read(source, path);
	below = json_string_value(json_object_get(json_object_get(bundle, "root"), "path"));
	for (size_t length = below && *below == '/' ? strnlen(below, PATH_MAX) : 0; length;) {
		while (below[--length] != '/')
			;
		state = docker_state(source, below, length, id);
		if (state)
			break;
	}
	json_decref(bundle);
	return state;
}

bool docker_names(const struct state_source *source, const char *id, struct container_names *out)
{
	struct container_names names = {.runtime = out->runtime};
	json_t *state = docker_state_find(source, id);
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
	bool users; /* users run it, with state files in their homes */
} readers[] = {
	{"containerd", containerd_names, false},
	{"crio", crio_names, false},
	{"docker", docker_names, true},
	{"podman", podman_names, true},
};

static bool names_read(const struct state_source *source, const char *runtime, const char *id,
		       struct container_names *out)
{
	bool any = !strcmp(runtime, "container");

	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		struct container_names names = {.runtime = readers[i].runtime};

		if ((!any && strcmp(readers[i].runtime, runtime) != 0) ||
		    (source->uid && !readers[i].users) || !readers[i].read(source, id, &names))
			continue;
		*out = names;
		return true;
	}
	return false;
}

/* Users can make cgroups and large files as fast as they like: what that costs has a limit. */
static bool user_names_read(const struct state_source *source, const char *runtime, const char *id,
			    struct container_names *out)
{
	static uint64_t began, spent;
	uint64_t now = time_now();
	bool found;

	if (now - began > USERS_PERIOD) {
		began = now;
		spent = 0;
	}
	if (spent > USERS_TIME)
		return false;
	found = names_read(source, runtime, id, out);
	spent += time_now() - now;
	return found;
}

bool container_names_read(const char *root, uid_t owner, const char *runtime, const char *id,
			  struct container_names *out)
{
	struct state_source source = {.root = root};

	if (!owner)
		return names_read(&source, runtime, id, out);
	return state_source_user(root, owner, &source) &&
	       user_names_read(&source, runtime, id, out);
}
