/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Baselines kept under names in one SQLite file: who and when, every metric over the window, and
 * every metric slice by slice. Tables, for any SQLite client:
 *
 *   baseline (id, name, host, kernel, arch, target_kind, target_name, cpus, memory_bytes,
 *             start_unix_ns, seconds, slices, warmup_slices)
 *   summary  (baseline, position, metric, label, avg, min, max, p50, p95, p99, count)
 *   series   (id, baseline, position, metric, label, statistic)
 *   value    (series, slice, value)
 *   loss     (baseline, position, reason, sample, count): what was lost; a row with the reason ''
 *            is the sum of the others, and there is none where it is not known
 *
 * What is read back is not trusted: it may be a stranger's file.
 */
#ifndef STRAIT_BASELINES_H
#define STRAIT_BASELINES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "model/baseline.h"
#include "util/error.h"

struct baselines;

#define BASELINE_NAME_MAX 64

/* Is it a name: 1 to 64 of [A-Za-z0-9._-], not beginning with '.' or '-'? 0 or -EINVAL. */
int baseline_name_check(const char *name, struct error *error);

/*
 * Where baselines are kept unless told otherwise: /var/lib/strait/baselines.db for root, else
 * strait/baselines.db in $XDG_DATA_HOME or ~/.local/share. -ENOENT without a home directory.
 */
int baselines_path(char *out, size_t size, struct error *error);

enum baselines_mode {
	BASELINES_READ,  /* -ENOENT when there is no file */
	BASELINES_WRITE, /* made when it is not there, mode 0600, with its directory */
};

/*
 * Opens the file and looks at the 100 bytes of its header; what else it holds is read by the calls
 * below, which open nothing that only rights lead to: those may have been given up meanwhile.
 * Errors: -EINVAL (not a store of baselines), -ENOTSUP (of another version), -ELOOP (a symbolic
 * link), and what the file system says; of the calls below also -EBADMSG (damaged).
 */
int baselines_open(struct baselines **out, const char *path, enum baselines_mode mode,
		   struct error *error);
void baselines_close(struct baselines *store);

/*
 * Keeps a baseline under baseline->name, whole or not at all. -EEXIST when there is one of that
 * name and `replace` is false; -EINVAL for a name that is none.
 */
int baselines_save(struct baselines *store, const struct baseline *baseline, bool replace,
		   struct error *error);
/* -ENOENT when there is none of that name, -EBADMSG when the file is damaged. */
int baselines_load(struct baselines *store, const char *name, struct baseline **out,
		   struct error *error);
int baselines_remove(struct baselines *store, const char *name, struct error *error);

/*
 * Calls `each` for every baseline, oldest first, without its summaries and series. Stops when it
 * returns nonzero, which is returned.
 */
int baselines_each(struct baselines *store,
		   int (*each)(void *context, const struct baseline *baseline), void *context,
		   struct error *error);

#endif
