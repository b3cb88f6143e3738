/* SPDX-License-Identifier: BSD-2-Clause */
/* Documents with known contents, for the tests of the renderers. */
#ifndef STRAIT_TEST_DOCUMENTS_H
#define STRAIT_TEST_DOCUMENTS_H

#include <math.h>
#include <string.h>

#include "model/document.h"

static inline void add_metric(struct document *doc, const char *name, const char *unit,
			      const char *label, const char *what, double p50)
{
	struct spread spread = {.avg = p50 * 1.25,
				.min = p50 / 2,
				.max = p50 * 4,
				.p50 = p50,
				.p95 = p50 * 2,
				.p99 = p50 * 3,
				.count = 9};

	if (isnan(p50))
		spread = (struct spread){};
	vec_push(&doc->metrics, (struct metric){.name = name,
						.unit = unit,
						.label = label,
						.what = what,
						.spread = spread});
}

static inline void add_host(struct document *doc)
{
	doc->version = "0.1.0";
	doc->host = "db1";
	doc->kernel = "6.18.9+deb13-amd64";
	doc->arch = "x86_64";
	doc->cpus = 2;
	doc->memory_bytes = 8321499136;
	doc->start = "2026-03-01T12:00:00Z";
	doc->seconds = 10;
	doc->slices = 10;
	doc->warmup_slices = 1;
	doc->target_kind = "host";
	doc->coverage.cpu_samples = 1980;
	doc->coverage.user_samples = 1500;
	doc->coverage.user_complete = 1485;
	doc->coverage.sample_hz = 99;
	doc->coverage.sample_source = "cpu-clock";
	doc->coverage.ledger_share = 0.998;
	doc->coverage.self_cpu_percent = 0.84;
	doc->coverage.self_bpf_percent = 0.31;
	doc->coverage.self_interrupt_percent = 0.4;
	doc->coverage.self_rss_bytes = 24 << 20;
	doc->coverage.self_map_bytes = 9 << 20;
}

static inline void add_memory_growth(struct document *doc)
{
	doc->memory_growth_observed = true;
	vec_push(&doc->memory_growth, (struct memory_growth){.process = "postgres",
							     .container = "podman:db",
							     .pid = 1701,
							     .start_bytes = 180 << 20,
							     .end_bytes = 240 << 20,
							     .growth_bytes = 60 << 20,
							     .bytes_per_s = (60 << 20) / 9.0,
							     .seconds = 9});
	vec_push(&doc->memory_growth, (struct memory_growth){.process = "pgbench",
							     .pid = 1800,
							     .start_bytes = 1 << 20,
							     .end_bytes = 3 << 20,
							     .growth_bytes = 2 << 20,
							     .bytes_per_s = 1 << 20,
							     .seconds = 2,
							     .exited = true});
}

/* A host at rest: nothing found, half of the metrics not observed. */
static inline struct document *document_healthy(void)
{
	struct document *doc = document_new();

	add_host(doc);
	doc->verdict = "Nothing holds this host back: no finding takes 5 % or more of its work.";
	add_metric(doc, "cpu_busy_percent", "percent", NULL, "CPU busy", 2.5);
	add_metric(doc, "memory_used_bytes", "bytes", NULL, "memory used", 0x1p30);
	add_metric(doc, "run_queue_latency_ms", "ms", NULL, "run-queue latency", NAN);
	doc->memory_growth_observed = true;
	vec_push(&doc->thresholds, (struct threshold){.name = "cpu_usage",
						      .comparison = ">",
						      .unit = "percent",
						      .threshold = 70,
						      .from = "default",
						      .current = 2.5});
	vec_push(&doc->thresholds, (struct threshold){.name = "response_time_p95",
						      .comparison = ">",
						      .unit = "ms",
						      .threshold = 200,
						      .from = "default",
						      .current = NAN});
	return doc;
}

static inline void add_antagonist(struct document *doc)
{
	struct bottleneck *item = vec_push(
		&doc->bottlenecks, (struct bottleneck){
					   .rank = 1,
					   .id = "cpu.antagonist",
					   .resource = "cpu",
					   .title = "burner takes the CPU that postgres needs",
					   .severity = SEVERITY_CRITICAL,
					   .confidence = CONFIDENCE_HIGH,
					   .where = {.process = "burner",
						     .pid = 4242,
						     .cgroup = "/user.slice/user-0.slice",
						     .function = "spin",
						     .module = "/usr/local/bin/burner",
						     .file = "spin.c",
						     .line = 12},
					   .impact = {.share = 0.468,
						      .low = 0.41,
						      .high = 0.523,
						      .basis = "the wall time of the busy threads"},
					   .action = "Put burner into a cgroup of its own with "
						     "cpu.weight 10, or start it "
						     "with nice 19.",
					   .effort = EFFORT_QUICK,
					   .effort_hours = {0.25, 1},
				   });

	vec_push(&item->chain, (struct link){.id = "runs on both CPUs",
					     .where = {.process = "burner", .pid = 4242}});
	vec_push(&item->chain, (struct link){.id = "waits for a CPU",
					     .where = {.process = "postgres", .pid = 1701}});
	vec_push(&item->chain, (struct link){.id = "waits for the answer",
					     .where = {.process = "pgbench", .pid = 1800},
					     .woken_by = {.process = "postgres",
							  .pid = 1701,
							  .function = "internal_flush"}});
	vec_push(&item->evidence,
		 (struct evidence){"postgres runnable while burner ran", 4.71, "s"});
	vec_push(&item->evidence, (struct evidence){"longest single wait for a CPU", 24.1, "ms"});
	vec_push(&item->evidence, (struct evidence){"preemptions of postgres", 12345, "count"});
	vec_push(&item->evidence, (struct evidence){"CPU time of burner", 0.973, "share"});
	vec_push(&item->evidence, (struct evidence){"throttled time of postgres", NAN, "ms"});
	vec_push(&item->stacks, 17u);
	vec_push(&item->stacks, 4u);
}

static inline void add_sync_writes(struct document *doc)
{
	struct bottleneck *item = vec_push(
		&doc->bottlenecks,
		(struct bottleneck){
			.rank = 2,
			.id = "disk.sync-writes",
			.resource = "disk",
			.title = "postgres waits for its write-ahead log to reach vda",
			.severity = SEVERITY_HIGH,
			.confidence = CONFIDENCE_MEDIUM,
			.where = {.process = "postgres",
				  .pid = 1701,
				  .container = "podman:db",
				  .device = "vda",
				  .path = "/var/lib/postgresql/15/main/pg_wal/"
					  "000000010000000000000001"},
			.impact = {.share = 0.142,
				   .low = 0.121,
				   .high = 0.165,
				   .basis = "the wall time of the busy threads"},
			.action = "Group commits (commit_delay) or move pg_wal to a device with a "
				  "write cache that survives power loss.",
			.effort = EFFORT_MEDIUM,
			.effort_hours = {1, 8},
		});

	vec_push(&item->evidence, (struct evidence){"fsync and fdatasync calls", 412, "1/s"});
	vec_push(&item->evidence, (struct evidence){"time in one call, p95", 3.2e6, "ns"});
	vec_push(&item->evidence, (struct evidence){"written to vda", 5.5 * 0x1p20, "bytes/s"});
}

static inline void add_wakeups(struct document *doc)
{
	struct place client = {.process = "pgbench",
			       .pid = 1800,
			       .thread = "worker",
			       .function = "wait_on_socket_set",
			       .file = "pgbench.c",
			       .line = 7700};
	struct place server = {.process = "postgres",
			       .pid = 1701,
			       .function = "internal_flush",
			       .file = "pqcomm.c",
			       .line = 1371};
	struct wakeup *row = vec_push(&doc->wakeups, (struct wakeup){.rank = 1,
								     .state = "poll or accept",
								     .waits = client,
								     .ended_by = "thread",
								     .wakes = server,
								     .count = 1234,
								     .seconds = 8.25,
								     .longest_ms = 41.5,
								     .blamed = true});

	vec_push(&row->terminals, (struct terminal){"disk write", server, 0.72});
	vec_push(&row->terminals,
		 (struct terminal){"running", {.process = "burner", .pid = 4242}, 0.2});
	vec_push(&row->chain, (struct link){.id = "disk write", .where = server});
	vec_push(&row->chain,
		 (struct link){.id = "poll or accept", .where = client, .woken_by = server});
	vec_push(&doc->wakeups, (struct wakeup){.rank = 2,
						.state = "user lock",
						.waits = {.process = "java",
							  .pid = 2,
							  .module = "/opt/libx.so",
							  .begin = 0x1200},
						.ended_by = "timer",
						.count = 20,
						.seconds = 2,
						.longest_ms = 100});
	vec_push(&doc->delays, (struct delayed){.rank = 1,
						.waits = client,
						.occupant = {.process = "burner", .pid = 4242},
						.why = "priority",
						.count = 310,
						.seconds = 2.5,
						.longest_ms = 24.5});
	vec_push(&doc->delays, (struct delayed){.rank = 2,
						.waits = {.process = "java", .pid = 2},
						.why = "quota",
						.count = 40,
						.seconds = 1.6,
						.longest_ms = 80});
	vec_push(&doc->delays, (struct delayed){.rank = 3,
						.waits = {.process = "sshd", .pid = 3},
						.occupant = {.process = "java", .pid = 2},
						.why = "no CPU free",
						.count = 3,
						.seconds = 0.02,
						.longest_ms = 9});
	doc->coverage.delays = 410;
	doc->coverage.delays_single = 353;
	doc->coverage.delays_seconds = 4.125;
	doc->coverage.waits_single = 1254;
	doc->coverage.wakers_placed = 0.984;
	doc->coverage.polls_untold = 17;
}

static inline void add_hotspots(struct document *doc)
{
	vec_push(&doc->hotspots, (struct hotspot){.rank = 1,
						  .kind = "cpu",
						  .function = "spin",
						  .module = "/usr/local/bin/burner",
						  .file = "spin.c",
						  .line = 12,
						  .process = "burner",
						  .self_share = 0.59,
						  .total_share = 0.61,
						  .self_low = 0.568,
						  .self_high = 0.611,
						  .self_weight = 11.68,
						  .severity = SEVERITY_CRITICAL,
						  .impact = 0.468,
						  .priority = 0.41});
	vec_push(&doc->hotspots, (struct hotspot){.rank = 2,
						  .kind = "offcpu",
						  .function = "folio_wait_bit_common",
						  .module = "[kernel]",
						  .process = "postgres",
						  .container = "podman:db",
						  .self_share = 0.214,
						  .total_share = 0.214,
						  .self_low = 0.2,
						  .self_high = 0.23,
						  .self_weight = 1.42,
						  .severity = SEVERITY_HIGH,
						  .impact = 0.142,
						  .priority = 0.03});
	vec_push(&doc->hotspots, (struct hotspot){.rank = 3,
						  .kind = "cpu",
						  .module = "/usr/lib/postgresql/15/bin/postgres",
						  .process = "postgres",
						  .self_share = 0.0612,
						  .total_share = NAN,
						  .self_low = 0.051,
						  .self_high = 0.072,
						  .self_weight = 1.21,
						  .severity = SEVERITY_LOW,
						  .impact = 0.031,
						  .priority = 0.004});
}

static inline void add_steps(struct document *doc)
{
	vec_push(&doc->steps, (struct step){.order = 1,
					    .bottleneck = 1,
					    .category = EFFORT_QUICK,
					    .effort_hours = {0.25, 1},
					    .action = doc->bottlenecks.at[0].action,
					    .predicted = {.metric = "working time of postgres",
							  .saved_share = 0.44,
							  .low = 0.38,
							  .high = 0.5,
							  .speedup = 1 / (1 - 0.44),
							  .method = "replay of the schedule"}});
	vec_push(&doc->steps, (struct step){.order = 2,
					    .bottleneck = 2,
					    .category = EFFORT_MEDIUM,
					    .effort_hours = {1, 8},
					    .action = doc->bottlenecks.at[1].action,
					    .predicted = {.metric = "working time of postgres",
							  .saved_share = NAN,
							  .low = NAN,
							  .high = NAN,
							  .speedup = NAN}});
	doc->total = (struct prediction){.metric = "working time of all processes",
					 .saved_share = 0.52,
					 .low = 0.43,
					 .high = 0.6,
					 .speedup = 1 / (1 - 0.52),
					 .method = "replay of the schedule"};
}

static inline void add_server(struct document *doc)
{
	struct spread response = {.avg = 2.4,
				  .min = 0.21,
				  .max = 48,
				  .p50 = 1.31,
				  .p95 = 9.7,
				  .p99 = 24.4,
				  .count = 8123};

	vec_push(&doc->services, (struct service){.process = "postgres",
						  .pid = 1701,
						  .container = "podman:db",
						  .address = "127.0.0.1:5432",
						  .protocol = "postgresql",
						  .throughput_per_s = 812.3,
						  .error_percent = NAN,
						  .response_ms = response,
						  .coverage = "transport errors only"});
}

/* pgbench beside a CPU hog. */
static inline struct document *document_busy(void)
{
	struct document *doc = document_new();

	add_host(doc);
	doc->verdict = "burner holds postgres back: it takes the CPU for 47 % of the time in which "
		       "postgres has work.";
	doc->coverage.lost_samples = 3;
	vec_push(&doc->coverage.lost, (struct counted){"ring buffer full: cpu samples", 3});
	vec_push(&doc->coverage.incomplete, (struct counted){"no_table", 12});
	vec_push(&doc->coverage.incomplete, (struct counted){"truncated", 3});
	doc->coverage.tables = (struct unwind_tables){.observed = true,
						      .loaded = 43,
						      .cached = 41,
						      .evicted = 2,
						      .failed = 1,
						      .refused = 3,
						      .bytes = 9 << 20,
						      .longest_ms = 12.5};
	vec_push(&doc->coverage.skipped,
		 (struct skipped){"net", "the kernel has no tracepoint sock_send_length; TCP "
					 "bytes are not counted"});
	add_metric(doc, "cpu_busy_percent", "percent", NULL, "CPU busy", 24.9);
	add_metric(doc, "memory_used_bytes", "bytes", NULL, "memory used", 2.2e9);
	add_metric(doc, "run_queue_latency_ms", "ms", NULL, "run-queue latency", 0.011);
	add_metric(doc, "disk_write_bytes", "bytes/s", "vda", "written", 2.75 * 0x1p20);
	add_metric(doc, "context_switches", "1/s", NULL, "context switches", 10210);
	add_metric(doc, "swap_in", "bytes/s", NULL, "swapped in", NAN);
	add_server(doc);
	add_memory_growth(doc);
	add_antagonist(doc);
	add_sync_writes(doc);
	vec_push(&doc->bottlenecks,
		 (struct bottleneck){.rank = 3,
				     .id = "cpu.hot-function",
				     .resource = "cpu",
				     .title = "pgbench spends 5.4 % of its CPU time in doCustom",
				     .severity = SEVERITY_LOW,
				     .where = {.process = "pgbench", .pid = 1800},
				     .impact = {.share = 0.012,
						.low = 0.009,
						.high = 0.016,
						.basis = "the wall time of the busy threads"}});
	add_hotspots(doc);
	add_wakeups(doc);
	add_steps(doc);
	vec_push(&doc->thresholds,
		 (struct threshold){"cpu_usage", ">", "percent", 70, "default", 99.6, true});
	vec_push(&doc->thresholds,
		 (struct threshold){"response_time_p95", ">", "ms", 200, "default", 9.7, false});
	vec_push(&doc->thresholds,
		 (struct threshold){"error_rate", ">", "percent", 0.1, "default", NAN, false});
	vec_push(&doc->thresholds, (struct threshold){"throughput", "<", "1/s", 1000,
						      "baseline nightly", 812.3, true});
	return doc;
}

/* Every text of it is what a hostile process might call itself. */
#define HOSTILE                                                                                    \
	"\x1b]0;own\x07\xc2\x9b"                                                                   \
	"31m\xff\"<b>;\n\r\u202e"

static inline struct document *document_hostile(void)
{
	struct document *doc = document_new();
	struct place place = {HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE,
			      HOSTILE, HOSTILE, HOSTILE, HOSTILE, 1,       1};
	struct spread spread = {1, 1, 1, 1, 1, 1, 1};
	struct prediction gain = {HOSTILE, 0.5, 0.4, 0.6, 2, HOSTILE};
	struct bottleneck *item;

	doc->version = doc->host = doc->kernel = doc->arch = doc->start = HOSTILE;
	doc->target_kind = doc->target_name = doc->verdict = HOSTILE;
	doc->cpus = 1;
	doc->seconds = 1;
	doc->coverage.cpu_samples = doc->coverage.user_samples = 1;
	doc->coverage.sample_source = HOSTILE;
	vec_push(&doc->coverage.lost, (struct counted){HOSTILE, 1});
	vec_push(&doc->coverage.incomplete, (struct counted){HOSTILE, 1});
	vec_push(&doc->coverage.skipped, (struct skipped){HOSTILE, HOSTILE});
	vec_push(&doc->metrics, (struct metric){HOSTILE, HOSTILE, HOSTILE, HOSTILE, spread});
	vec_push(&doc->services, (struct service){HOSTILE, HOSTILE, HOSTILE, HOSTILE, 1, 1, 1,
						  spread, spread, HOSTILE});
	doc->memory_growth_observed = true;
	vec_push(&doc->memory_growth,
		 (struct memory_growth){HOSTILE, HOSTILE, 1, 1, UINT64_MAX, UINT64_MAX, NAN, 0});
	for (uint32_t rank = 1; rank <= 4; rank++) {
		item = vec_push(&doc->bottlenecks,
				(struct bottleneck){.rank = rank,
						    .id = HOSTILE,
						    .resource = HOSTILE,
						    .title = HOSTILE,
						    .severity = (enum severity)(4 - rank),
						    .where = place,
						    .impact = {0.5, 0.4, 0.6, HOSTILE},
						    .action = HOSTILE});
		vec_push(&item->chain, (struct link){HOSTILE, place, place});
		vec_push(&item->evidence, (struct evidence){HOSTILE, 1, HOSTILE});
		vec_push(&doc->steps,
			 (struct step){rank, rank, EFFORT_QUICK, {1, 2}, HOSTILE, gain});
	}
	vec_push(&doc->hotspots, (struct hotspot){.rank = 1,
						  .kind = HOSTILE,
						  .function = HOSTILE,
						  .module = HOSTILE,
						  .file = HOSTILE,
						  .process = HOSTILE,
						  .line = 1,
						  .self_unit = HOSTILE});
	vec_push(&doc->wakeups,
		 (struct wakeup){
			 .state = HOSTILE, .waits = place, .ended_by = HOSTILE, .wakes = place});
	vec_push(&doc->wakeups.at[0].terminals, (struct terminal){HOSTILE, place, 1});
	vec_push(&doc->wakeups.at[0].chain, (struct link){HOSTILE, place, place});
	vec_push(&doc->delays,
		 (struct delayed){
			 .waits = place, .occupant = place, .why = HOSTILE, .seconds = 1e9});
	doc->total = gain;
	vec_push(&doc->thresholds,
		 (struct threshold){HOSTILE, HOSTILE, HOSTILE, 1, HOSTILE, 1, true});
	return doc;
}

#endif
