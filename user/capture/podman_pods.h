/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef STRAIT_PODMAN_PODS_H
#define STRAIT_PODMAN_PODS_H

#include "capture/state_file.h"

/*
 * Adds the name of the pod that a container of this store is in, if it is in one. The pod's own
 * container (podman calls it "infra") then has that name alone, and its own one as a second.
 */
void podman_pod_find(const struct state_source *source, const char *store, const char *id,
		     struct container_names *names);

#endif
