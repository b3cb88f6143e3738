/* SPDX-License-Identifier: BSD-2-Clause */
/* What makes the file pleasant for people with an SQLite client. strait itself reads none of it. */
#include "histogram.h"
#include "store/schema.h"

const char schema_views[] =
	"CREATE TABLE words( -- Words for the numbers of columns that say \"(words: …)\".\n"
	" what TEXT NOT NULL, -- kind of number\n"
	" value INTEGER NOT NULL, -- number\n"
	" word TEXT NOT NULL, -- its word\n"
	" PRIMARY KEY(what, value)\n"
	") WITHOUT ROWID;\n"

	"CREATE VIEW v_processes AS SELECT p.id AS process, p.pid, c.text AS comm,\n"
	" e.text AS exe, g.text AS cgroup, k.text AS container, p.targeted\n"
	"FROM processes p JOIN strings c ON c.id = p.comm JOIN strings e ON e.id = p.exe\n"
	" LEFT JOIN cgroups cg ON cg.id = p.cgroup LEFT JOIN strings g ON g.id = cg.path\n"
	" LEFT JOIN strings k ON k.id = cg.container;\n"

	"CREATE VIEW v_threads AS SELECT t.id AS thread, t.tid, tc.text AS comm,\n"
	" t.process, p.pid, p.comm AS process_comm, p.exe, p.cgroup, p.container, p.targeted\n"
	"FROM threads t JOIN v_processes p ON p.process = t.process\n"
	" JOIN strings tc ON tc.id = t.comm;\n"

	"CREATE VIEW v_frames AS SELECT f.id AS frame, w.word AS kind,\n"
	" CASE WHEN fn.text <> '' THEN fn.text\n"
	"  ELSE printf('%s+0x%x', coalesce(p.text, ''),\n"
	"   CASE WHEN f.begin THEN f.begin ELSE f.offset END) END AS function,\n"
	" p.text AS module, b.text AS build_id, f.offset, s.text AS file, f.line, f.inlined\n"
	"FROM frames f JOIN strings fn ON fn.id = f.function JOIN strings s ON s.id = f.file\n"
	" JOIN words w ON w.what = 'frame' AND w.value = f.kind\n"
	" LEFT JOIN modules m ON m.id = f.module LEFT JOIN strings p ON p.id = m.path\n"
	" LEFT JOIN strings b ON b.id = m.build_id;\n"

	"CREATE VIEW v_stacks AS SELECT s.id AS stack, sf.id - s.first AS depth, f.*\n"
	"FROM stacks s JOIN stack_frames sf ON sf.id >= s.first AND sf.id < s.first + s.len\n"
	" JOIN v_frames f ON f.frame = sf.frame;\n"

	"CREATE VIEW v_samples AS SELECT a.slice, w.word AS kind, t.pid, t.process_comm,\n"
	" t.tid, t.comm, t.container, a.stack, f.function AS leaf, f.module AS leaf_module,\n"
	" a.count, a.weight\n"
	"FROM samples a JOIN v_threads t ON t.thread = a.thread\n"
	" JOIN words w ON w.what = 'sample' AND w.value = a.kind\n"
	" JOIN stacks s ON s.id = a.stack\n"
	" LEFT JOIN stack_frames sf ON s.len > 0 AND sf.id = s.first\n"
	" LEFT JOIN v_frames f ON f.frame = sf.frame;\n"

	"CREATE VIEW v_ledger AS SELECT l.slice, t.pid, t.process_comm, t.tid, t.comm,\n"
	" t.container, w.word AS state, l.ns\n"
	"FROM ledger l JOIN v_threads t ON t.thread = l.thread\n"
	" JOIN words w ON w.what = 'state' AND w.value = l.state;\n"

	"CREATE VIEW v_waits AS SELECT a.slice, t.pid, t.process_comm, t.tid, t.comm,\n"
	" t.container, w.word AS state, a.syscall, a.begin_ns, a.end_ns - a.begin_ns AS ns,\n"
	" a.stack, k.pid AS waker_pid, k.tid AS waker_tid, k.comm AS waker_comm,\n"
	" k.container AS waker_container,\n"
	" e.word AS ended_by, a.end_number, a.waker_stack, a.lock\n"
	"FROM waits a JOIN v_threads t ON t.thread = a.thread\n"
	" JOIN words w ON w.what = 'state' AND w.value = a.state\n"
	" JOIN words e ON e.what = 'wait_end' AND e.value = a.ended_by\n"
	" LEFT JOIN v_threads k ON k.thread = a.waker;\n"

	"CREATE VIEW v_delays AS SELECT d.id AS delay, d.slice, t.pid, t.process_comm, t.tid,\n"
	" t.comm, t.container, w.word AS state, d.cpu, d.begin_ns, d.end_ns - d.begin_ns AS ns,\n"
	" d.weight_ns, d.seen_ns, k.pid AS occupant_pid, k.tid AS occupant_tid,\n"
	" k.comm AS occupant_comm, k.container AS occupant_container, o.ns AS occupant_ns\n"
	"FROM delays d JOIN v_threads t ON t.thread = d.thread\n"
	" JOIN words w ON w.what = 'state' AND w.value = d.state\n"
	" LEFT JOIN occupants o ON o.delay = d.id\n"
	" LEFT JOIN v_threads k ON k.thread = o.thread;\n"

	"CREATE VIEW v_edges AS SELECT e.slice, w.word AS kind, t.pid, t.process_comm,\n"
	" t.tid, t.comm, t.container, p.pid AS party_pid, p.comm AS party_comm,\n"
	" p.container AS party_container, e.count, e.ns\n"
	"FROM edges e JOIN v_threads t ON t.thread = e.thread\n"
	" JOIN words w ON w.what = 'edge' AND w.value = e.kind\n"
	" LEFT JOIN v_processes p ON p.process = e.party;\n"

	"CREATE VIEW v_holds AS SELECT h.slice, t.pid, t.process_comm, t.tid, t.comm,\n"
	" t.container, p.pid AS holder_pid, p.comm AS holder_comm,\n"
	" p.container AS holder_container, w.word AS state, h.ns\n"
	"FROM holds h JOIN v_threads t ON t.thread = h.thread\n"
	" JOIN words w ON w.what = 'state' AND w.value = h.state\n"
	" JOIN v_processes p ON p.process = h.holder;\n"

	"CREATE VIEW v_counts AS SELECT n.slice, m.text AS metric, p.pid,\n"
	" p.comm AS process_comm, p.container, l.text AS label, n.value\n"
	"FROM counts n JOIN strings m ON m.id = n.metric JOIN strings l ON l.id = n.label\n"
	" LEFT JOIN v_processes p ON p.process = n.process;\n"

	/* The lower bound is histogram_low() of include/histogram.h: 64 buckets per power of two.
	 */
	"CREATE VIEW v_buckets AS SELECT b.slice, m.text AS metric, p.pid,\n"
	" p.comm AS process_comm, p.container, l.text AS label,\n"
	" CASE WHEN b.bucket < 64 THEN b.bucket\n"
	"  ELSE (64 + b.bucket % 64) << (b.bucket / 64 - 1) END AS low, b.count, b.sum\n"
	"FROM buckets b JOIN strings m ON m.id = b.metric JOIN strings l ON l.id = b.label\n"
	" LEFT JOIN v_processes p ON p.process = b.process;\n"

	"CREATE VIEW v_points AS SELECT n.slice, m.text AS metric, l.text AS label, n.value\n"
	"FROM points n JOIN strings m ON m.id = n.metric JOIN strings l ON l.id = n.label;\n";

_Static_assert(HIST_SUB_BITS == 6, "v_buckets has the 64 of histogram_low() in it");

/*
 * GCC and Clang give an enum without negative values the type unsigned int, so that functions of
 * one are functions of the other.
 */
static const struct {
	const char *what;
	unsigned int count;
	const char *(*word)(unsigned int value);
} enums[] = {
	{"target", TARGET_KINDS, target_kind_name},
	{"frame", FRAME_INTERPRETED + 1, frame_kind_name},
	{"stack_end", STACK_END_COUNT, stack_end_name},
	{"sample", SAMPLE_KINDS, sample_kind_name},
	{"state", STATE_COUNT, state_name},
	{"edge", EDGE_WAKER + 1, edge_kind_name},
	{"event", EVENT_KINDS, event_kind_name},
	{"wait_end", WAIT_ENDS, wait_end_name},
	{"family", FAMILY_SKIPPED + 1, family_status_name},
};

struct schema_word schema_word_get(unsigned int i)
{
	for (size_t e = 0; e < sizeof(enums) / sizeof(*enums); e++) {
		if (i < enums[e].count)
			return (struct schema_word){enums[e].what, i, enums[e].word(i)};
		i -= enums[e].count;
	}
	return (struct schema_word){};
}
