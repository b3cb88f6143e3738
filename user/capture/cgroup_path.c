/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/cgroup_path.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "capture/container_names.h"

#define HEX       "0123456789abcdef"
#define ID_DIGITS 64
#define ID_LEAST  12 /* digits of an id that is cut short */
#define UID_LEAST 32 /* of a pod: 36, 32 where it is the hash of a static pod's file */

bool cgroup_is_id(const char *text)
{
	return strspn(text, HEX) == ID_DIGITS && !text[ID_DIGITS];
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool ends(const char *text, const char *with)
{
	size_t length = strlen(text), tail = strlen(with);

	return length > tail && !strcmp(text + length - tail, with);
}

static bool part_set(struct cgroup_part *part, enum cgroup_part_kind kind, const char *runtime,
		     const char *id, size_t length)
{
	part->kind = kind;
	part->runtime = runtime;
	snprintf(part->id, sizeof(part->id), "%.*s", (int)length, id);
	return true;
}

/* ---- pods ---- */

/* Writes the uid that the text begins with, as Kubernetes shows it, if it is one; how long it is.
 */
static size_t uid_read(const char *text, char out[CGROUP_NAME])
{
	size_t length = strspn(text, HEX "-_");

	if (length < UID_LEAST || length >= CGROUP_NAME)
		return 0;
	for (size_t i = 0; i < length; i++)
		out[i] = text[i] == '_' ? '-' : text[i];
	out[length] = 0;
	return length;
}

/*
 * "kubepods-burstable-pod<uid>.slice" by systemd, with a prefix where kubelet has a root of its
 * own; "pod<uid>" by cgroupfs. `rest` is what follows the uid.
 */
static bool pod_uid(const char *name, char uid[CGROUP_NAME], const char **rest)
{
	const char *at = strstr(name, "kubepods");
	size_t length;

	at = at ? strstr(at, "-pod") : NULL;
	at = at ? at + strlen("-pod") : begins(name, "pod") ? name + strlen("pod") : NULL;
	length = at ? uid_read(at, uid) : 0;
	if (length)
		*rest = at + length;
	return length;
}

static bool pod_part(const char *parent, const char *name, struct cgroup_part *out)
{
	static const char podman[] = "-libpod_pod_"; /* behind "machine", or a user's "user" */
	const char *at = strstr(name, podman);
	char uid[CGROUP_NAME];
	const char *rest;

	if (pod_uid(name, uid, &rest) && (!*rest || !strcmp(rest, ".slice")))
		return part_set(out, CGROUP_POD, NULL, uid, strlen(uid));
	if (!strcmp(parent, "libpod_parent") && cgroup_is_id(name))
		return part_set(out, CGROUP_POD, NULL, name, ID_DIGITS);
	at = at ? at + strlen(podman) : name;
	if (at > name && strspn(at, HEX) == ID_DIGITS && !strcmp(at + ID_DIGITS, ".slice"))
		return part_set(out, CGROUP_POD, NULL, at, ID_DIGITS);
	return false;
}

/* ---- containers ---- */

/* A container's folder or scope is named after it, behind a word of its runtime. */
static const struct {
	const char *prefix, *runtime;
} prefixes[] = {
	{"docker-", "docker"}, {"libpod-payload-", "podman"}, /* podman run --cgroups=split, in a
								 unit */
	{"libpod-", "podman"}, {"cri-containerd-", "containerd"}, {"nerdctl-", "containerd"},
	{"crio-", "crio"},
};
#define PREFIXES (sizeof(prefixes) / sizeof(prefixes[0]))

static bool prefixed_part(const char *name, struct cgroup_part *out)
{
	for (size_t i = 0; i < PREFIXES; i++) {
		const char *id = name + strlen(prefixes[i].prefix);
		size_t digits;

		if (!begins(name, prefixes[i].prefix))
			continue;
		digits = strspn(id, HEX);
		if (digits >= ID_LEAST && (!id[digits] || !strcmp(id + digits, ".scope")))
			return part_set(out, CGROUP_CONTAINER, prefixes[i].runtime, id, digits);
	}
	return false;
}

/*
 * "kubepods-…-pod<uid>.slice:cri-containerd:<id>": what is meant for systemd is taken for a
 * folder's name where the runtime and kubelet do not agree on who makes cgroups.
 */
static bool joined_part(const char *name, struct cgroup_part *out)
{
	for (size_t i = 0; i < PREFIXES; i++) {
		size_t length = strlen(prefixes[i].prefix) - 1;
		const char *at = strchr(name, ':'), *rest;

		if (!at || strncmp(at + 1, prefixes[i].prefix, length) != 0 ||
		    at[1 + length] != ':' || strspn(at + length + 2, HEX) < ID_LEAST)
			continue;
		if (!pod_uid(name, out->pod, &rest))
			out->pod[0] = 0;
		return part_set(out, CGROUP_CONTAINER, prefixes[i].runtime, at + length + 2,
				strspn(at + length + 2, HEX));
	}
	return false;
}

static bool lxc_part(const char *parent, const char *name, struct cgroup_part *out)
{
	static const char payload[] = "lxc.payload.";

	if (begins(name, payload) && name[strlen(payload)])
		name += strlen(payload);
	else if (strcmp(parent, "lxc") != 0 && strcmp(parent, "lxc.payload") != 0)
		return false;
	return part_set(out, CGROUP_CONTAINER, "lxc", name, strlen(name));
}

static bool container_part(const char *root, const char *parent, const char *name,
			   struct cgroup_part *out)
{
	if (prefixed_part(name, out) || joined_part(name, out) || lxc_part(parent, name, out))
		return true;
	if (containerd_has(root, parent, name))
		return part_set(out, CGROUP_CONTAINER, "containerd", name, strlen(name));
	if (cgroup_is_id(name))
		return part_set(out, CGROUP_CONTAINER,
				strcmp(parent, "docker") != 0 ? "container" : "docker", name,
				ID_DIGITS);
	return false;
}

/* ---- any ---- */

static bool unit_part(const char *name, struct cgroup_part *out)
{
	if (ends(name, ".service") || ends(name, ".scope") || ends(name, ".slice"))
		return part_set(out, CGROUP_UNIT, NULL, name, strlen(name));
	return false;
}

bool cgroup_part_next(const char *root, const char *path, size_t *at, struct cgroup_part *out)
{
	char parent[CGROUP_NAME] = "", name[CGROUP_NAME] = "";

	for (size_t from = 0; path[from];) {
		size_t length;

		from += strspn(path + from, "/");
		length = strcspn(path + from, "/");
		snprintf(parent, sizeof(parent), "%s", name);
		snprintf(name, sizeof(name), "%.*s", (int)length, path + from);
		from += length;
		if (from <= *at || !length || length >= CGROUP_NAME)
			continue;
		*at = from;
		out->end = from;
		out->pod[0] = 0;
		/* A pod's folder in podman's is an id, too. */
		if (pod_part(parent, name, out) || container_part(root, parent, name, out) ||
		    unit_part(name, out))
			return true;
	}
	return false;
}
