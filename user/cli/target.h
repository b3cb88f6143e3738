/* SPDX-License-Identifier: BSD-2-Clause */
/* What to watch: the host, processes, a cgroup, a container, or a command that is started. */
#ifndef STRAIT_TARGET_H
#define STRAIT_TARGET_H

#include <stdint.h>

#include "cli/options.h"
#include "model/recording.h"
#include "util/error.h"

/* As written on the command line; all zero = the whole host. */
struct target_options {
	struct option_pids pids, tids;
	const char *cgroup, *container;
	char **command; /* ends with NULL */
};

/* Adds the rows that say what to watch. */
void target_rows(struct option_table *table, struct target_options *target);

/* What those mean on this host now. */
struct target_found {
	enum target_kind kind;
	uint64_t cgroup; /* id, 0 = none */
	char name[256];  /* for people: "12,34", the path, the command line; raw */
};

/* One kind of target at most. -ESRCH, -ENOENT: what is named does not exist. */
int target_find(const struct target_options *options, struct target_found *out,
		struct error *error);

/*
 * The one of what is running that is meant by a name, a label, or the beginning of an id; for
 * "namespace/pod" its pod. -ENOENT: none, with those near it in the text; -ENOTUNIQ: several.
 */
struct running_list;
struct running;
int container_choose(const struct running_list *list, const char *asked,
		     const struct running **chosen, struct error *error);

/*
 * The cgroup of that one on this host; `shown` is the name as it was asked for, for an id the
 * label, "docker:web", or "docker:4fa6…" where no name is known. -ENOTSUP: no hierarchy that can be
 * watched has it.
 */
int container_find(const char *name, uint64_t *cgroup, char *shown, size_t size,
		   struct error *error);

#endif
