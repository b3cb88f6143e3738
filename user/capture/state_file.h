/* SPDX-License-Identifier: BSD-2-Clause */
/* State files of container runtimes, and who reads which. */
#ifndef STRAIT_STATE_FILE_H
#define STRAIT_STATE_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include <jansson.h>

#include "capture/container_names.h"

/*
 * A state file, to be closed; -1 if there is none, or it is no regular file, a link, or too large.
 * `st` is what it is.
 */
int state_file_open(const char *path, struct stat *st);

/*
 * The value in a JSON file, NULL if there is none: no regular file, too large, or no JSON. `st`, if
 * not NULL, is what the file was. Ends with json_decref.
 */
json_t *state_file_read(const char *path, struct stat *st);

/* Copies a member that is a text and not empty; else leaves `out` as it is. True if it was. */
bool state_file_text(const json_t *object, const char *key, char out[CONTAINER_NAME]);

/*
 * Writes the path of the configuration of a container's OCI bundle, in whichever of containerd's
 * namespaces it is; false if containerd does not run it.
 */
bool containerd_bundle(const char *root, const char *id, char path[PATH_MAX]);

/* One for each runtime: the names of a container by its id. */
typedef bool container_names_reader(const char *root, const char *id, struct container_names *out);
container_names_reader docker_names, podman_names, containerd_names, crio_names;

#endif
