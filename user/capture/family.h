/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A probe family: one question asked of the kernel. Its BPF programs are in bpf/<name>.bpf.c and
 * are named <name>__<hook>; its user side is one file in families/ that defines a struct family;
 * its line in families.h is the one that makes it known. See docs/add-a-family.md.
 */
#ifndef STRAIT_FAMILY_H
#define STRAIT_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/session.h"
#include "util/error.h"

#define FAMILY_HANDLERS 8

struct family {
	const char *name;
	const char *what; /* one line for `strait doctor` */

	/* Records of the ring buffer that belong to this family. */
	struct {
		uint32_t kind; /* enum wire_kind */
		void (*handle)(struct session *session, const void *record, size_t size);
	} handlers[FAMILY_HANDLERS];

	/*
	 * Each may be NULL.
	 * wanted:  whether it is asked for; else it is as if there were no such family. NULL =
	 * always. prepare: before loading: sets .rodata and map sizes in session->skeleton. loaded:
	 * programs and maps are in the kernel, nothing is attached yet: what must be there before
	 * the first event. file: on the thread that makes unwind tables, what else is to be read of
	 * a file that code runs from: `file_read` of tables.h. attach:  attaches what libbpf cannot
	 * attach by itself (perf events). Tracepoints through BTF are attached by the session. A
	 * failure makes the family skipped, with its text. begin:   everything is attached and the
	 * window begins: what was there before is read now. began:   the window began at
	 * session->begin_ns: what is read as of that moment, later. tick:    inside the window,
	 * about every 50 ms; monotonic time. drain: at the end of each slice, after the generations
	 * were flipped and no program writes the idle one any more: its counters →
	 * session->recording. Reads maps with generation_drain(). close:   frees what attach made.
	 */
	bool (*wanted)(const struct session_options *options);
	int (*prepare)(struct session *session, struct error *error);
	int (*loaded)(struct session *session, struct error *error);
	int (*file)(struct session *session, uint64_t file, int fd, struct error *why);
	int (*attach)(struct session *session, struct error *error);
	int (*begin)(struct session *session, struct error *error);
	int (*began)(struct session *session, struct error *error);
	void (*tick)(struct session *session, uint64_t now_ns);
	int (*drain)(struct session *session, struct error *error);
	void (*close)(struct session *session);
};

/* NULL-terminated. */
extern const struct family *const families[];

bool family_wanted(const struct family *family, const struct session_options *options);

/*
 * Empties the idle one of a pair of generation maps (maps name_0 and name_1 of the skeleton) and
 * calls `each` for every entry. Entries are removed. Returns the number of entries or a negative
 * errno.
 */
int generation_drain(struct session *session, struct bpf_map *map_0, struct bpf_map *map_1,
		     void (*each)(struct session *session, const void *key, const void *value),
		     struct error *error);

#endif
