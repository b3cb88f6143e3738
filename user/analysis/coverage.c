/* SPDX-License-Identifier: BSD-2-Clause */
/* What this recording shows and what it does not: told by every output. */
#include <math.h>
#include <stdio.h>

#include "analysis/leaf.h"
#include "analysis/phases.h"

/* A kernel thread, and a process that has given its memory back, have no user stack to miss. */
static bool stack_has_user(const struct recording *rec, uint32_t position)
{
	const struct stack *stack = &rec->stacks.at[position];

	return stack->len > stack->kernel_len || stack->user_end != STACK_COMPLETE;
}

static void stacks_cover(struct analysis *a)
{
	const struct recording *rec = a->rec;
	uint64_t ends[STACK_END_COUNT] = {};

	vec_each(&rec->samples, sample) {
		if (sample->kind != SAMPLE_CPU)
			continue;
		a->doc->coverage.cpu_samples += sample->count;
		if (sample->stack >= rec->stacks.len)
			continue;
		if (stack_in_tracing(rec, &rec->stacks.at[sample->stack]))
			a->doc->coverage.tracing_samples += sample->count;
		if (!stack_has_user(rec, sample->stack))
			continue;
		a->doc->coverage.user_samples += sample->count;
		if (rec->stacks.at[sample->stack].user_end < STACK_END_COUNT)
			ends[rec->stacks.at[sample->stack].user_end] += sample->count;
	}
	a->doc->coverage.user_complete = ends[STACK_COMPLETE];
	for (int end = STACK_COMPLETE + 1; end < STACK_END_COUNT; end++)
		if (ends[end])
			vec_push(&a->doc->coverage.incomplete,
				 (struct counted){stack_end_name(end), ends[end]});
}

static double points_sum(const struct recording *rec, const char *name)
{
	uint32_t metric = string_find(rec, name);
	double sum = 0;

	vec_each(&rec->points, point)
		if (metric != NONE && point->metric == metric)
			sum += point->value;
	return sum;
}

/*
 * The waits that the context cache placed, against the ledger's exact time in all of them. What is
 * missing: waits that began before the window or did not end in it.
 */
static void waits_cover(struct analysis *a)
{
	const struct recording *rec = a->rec;
	double placed = 0, blocked = 0;

	vec_each(&rec->samples, sample) {
		if (sample->kind != SAMPLE_OFFCPU && sample->kind != SAMPLE_IDLE)
			continue;
		placed += (double)sample->weight;
		a->doc->coverage.waits += sample->count;
	}
	vec_each(&rec->ledger, row) {
		const struct process *process =
			&rec->processes.at[rec->threads.at[row->thread].process];

		if (row->state >= STATE_WAIT_DISK_READ && process->targeted && !process->kernel)
			blocked += (double)row->ns;
	}
	if (blocked > 0)
		a->doc->coverage.waits_placed = fmin(placed / blocked, 1);
	a->doc->coverage.places_checked = (uint64_t)points_sum(rec, "context.checks");
	a->doc->coverage.places_wrong = (uint64_t)points_sum(rec, "context.wrong");
}

/* The mean over the window of a share that each slice has, NAN where none has it. */
static double share_mean(const struct recording *rec, const char *metric)
{
	uint32_t name = string_find(rec, metric);
	double sum = 0, length = 0;

	vec_each(&rec->points, point) {
		const struct slice *slice = &rec->slices.at[point->slice];
		double ns = (double)(slice->end_ns - slice->begin_ns);

		if (point->metric != name || !(point->value >= 0 && point->value <= 1))
			continue;
		sum += point->value * ns;
		length += ns;
	}
	return length > 0 ? sum / length : NAN;
}

/* The largest that a slice has. */
static double points_most(const struct recording *rec, const char *name)
{
	uint32_t metric = string_find(rec, name);
	double most = 0;

	vec_each(&rec->points, point)
		if (metric != NONE && point->metric == metric && point->value < 1e15)
			most = fmax(most, point->value);
	return most;
}

/* How the budget was kept (capture/budget.c). */
static void budget_cover(struct analysis *a)
{
	uint32_t limit = string_find(a->rec, "self.budget_percent");

	vec_each(&a->rec->points, point)
		if (point->metric == limit)
			a->doc->coverage.self_budget_percent = point->value;
	a->doc->coverage.calls_observed = share_mean(a->rec, "syscall.observed_share");
	a->doc->coverage.messages_observed = share_mean(a->rec, "net.observed_share");
	a->doc->coverage.allocs_observed = share_mean(a->rec, "alloc.observed_share");
	a->doc->coverage.alloc_files = (uint64_t)points_most(a->rec, "alloc.files");
	a->doc->coverage.samples_taken = share_mean(a->rec, "cpu.sampled_share");
	a->doc->coverage.self_interrupt_percent =
		100 * a->rec->host.cpus * share_mean(a->rec, "self.interrupt_share");
}

/*
 * How much of the threads' life the ledger explains: of the leaders of processes that were there
 * from the begin to the end, whose life in the window is known to be all of it.
 */
static double ledger_cover(const struct analysis *a)
{
	double seen = 0, expected = 0;

	for (size_t i = 0; i < a->rec->threads.len; i++) {
		const struct thread *thread = &a->rec->threads.at[i];
		const struct process *process = &a->rec->processes.at[thread->process];

		if (thread->tid != process->pid || process->born || process->exited)
			continue;
		seen += (double)a->facts->threads[i].total;
		expected += a->facts->window_ns;
	}
	return expected > 0 ? seen / expected : NAN;
}

static void tables_cover(struct analysis *a)
{
	struct unwind_tables *tables = &a->doc->coverage.tables;
	struct {
		const char *metric;
		uint64_t *sum;
		uint32_t id;
	} sums[] = {
		{"unwind.tables_loaded", &tables->loaded},
		{"unwind.tables_cached", &tables->cached},
		{"unwind.tables_evicted", &tables->evicted},
		{"unwind.files_failed", &tables->failed},
		{"unwind.files_refused", &tables->refused},
	};
	uint32_t bytes = string_find(a->rec, "unwind.table_bytes");
	uint32_t longest = string_find(a->rec, "unwind.load_longest_ms");

	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		sums[i].id = string_find(a->rec, sums[i].metric);
	vec_each(&a->rec->points, point) {
		/* A file may hold any number here. */
		double value = point->value >= 0 && point->value < 1e15 ? point->value : 0;

		for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
			if (point->metric == sums[i].id)
				*sums[i].sum += (uint64_t)value;
		if (point->metric == longest)
			tables->longest_ms = value;
		if (point->metric == bytes) {
			tables->bytes = (uint64_t)value;
			tables->observed = true;
		}
	}
}

void coverage_tell(struct analysis *a)
{
	const struct recording *rec = a->rec;
	struct document *doc = a->doc;

	vec_each(&rec->losses, loss) {
		if (loss->sample)
			doc->coverage.lost_samples += loss->count;
		else
			doc->coverage.lost_events += loss->count;
		vec_push(&doc->coverage.lost,
			 (struct counted){document_text(doc, "%s", string_get(rec, loss->reason)),
					  loss->count});
	}
	vec_each(&rec->families, family)
		if (family->status != FAMILY_OK)
			vec_push(&doc->coverage.skipped,
				 (struct skipped){
					 document_text(doc, "%s", string_get(rec, family->name)),
					 document_text(doc, "%s: %s",
						       family_status_name(family->status),
						       string_get(rec, family->why))});
	vec_push(&doc->coverage.skipped,
		 (struct skipped){"request", "response times, throughput and errors of "
					     "servers are not observed by this version"});
	stacks_cover(a);
	waits_cover(a);
	tables_cover(a);
	budget_cover(a);
	doc->coverage.sample_hz = rec->sample_hz;
	doc->coverage.sample_source = document_text(doc, "%s", string_get(rec, rec->sample_source));
	doc->coverage.ledger_share = ledger_cover(a);
	doc->coverage.self_cpu_percent = rec->self.cpu_percent;
	doc->coverage.self_bpf_percent = rec->self.bpf_percent < 0 ? NAN : rec->self.bpf_percent;
	doc->coverage.self_rss_bytes = rec->self.rss_bytes;
	doc->coverage.self_map_bytes = rec->self.map_bytes;
}
