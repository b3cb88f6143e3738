/* SPDX-License-Identifier: BSD-2-Clause */
/* State files of container runtimes, and who reads which. */
#ifndef STRAIT_STATE_FILE_H
#define STRAIT_STATE_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include <jansson.h>

#include "capture/container_names.h"

/* Whose files are read: root's, or those of a user who runs containers of his own. */
struct state_source {
	const char *root;    /* stands before all paths */
	uid_t uid;           /* 0 = root */
	char home[PATH_MAX]; /* a user's, with `root` before it: his paths begin there */
};

/* The source of a user; false where /etc/passwd does not know him. */
bool state_source_user(const char *root, uid_t uid, struct state_source *out);

/*
 * A state file, to be closed; -1 if there is none, or it is no regular file, a link, or too large.
 * A user's must be his own, and is not looked for behind a link. `st` is what it is.
 */
int state_file_open(const struct state_source *source, const char *path, struct stat *st);

/* The value in an open JSON file, NULL if there is none or a user's is long. Ends with json_decref.
 */
json_t *state_file_load(const struct state_source *source, int fd, const struct stat *st);

/* Both. */
json_t *state_file_read(const struct state_source *source, const char *path);

/* Copies a member that is a text and not empty; else leaves `out` as it is. True if it was. */
bool state_file_text(const json_t *object, const char *key, char out[CONTAINER_NAME]);

/*
 * Writes the path of the configuration of a container's OCI bundle, in whichever of containerd's
 * namespaces it is; false if containerd does not run it.
 */
bool containerd_bundle(const struct state_source *source, const char *id, char path[PATH_MAX]);

/* One for each runtime: the names of a container by its id. */
typedef bool container_names_reader(const struct state_source *source, const char *id,
				    struct container_names *out);
container_names_reader docker_names, podman_names, containerd_names, crio_names;

#endif
