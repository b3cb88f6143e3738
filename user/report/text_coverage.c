/* SPDX-License-Identifier: BSD-2-Clause */
/* What could not be seen, and what seeing cost. */
#include <math.h>
#include <stdlib.h>

#include "report/number.h"
#include "report/text.h"

#define INDENT 1
#define LABEL  11

/* "no_table 12, truncated 4"; NULL when there is nothing. To be freed. */
static char *counted_text(const struct counted *rows, size_t count)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out;

	if (!count)
		return NULL;
	out = open_memstream(&text, &length);
	if (!out)
		abort();
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s%s %s", i ? ", " : "", rows[i].what ? rows[i].what : "?",
			count_format(rows[i].count).text);
	if (fclose(out))
		abort();
	return text;
}

static void put_samples(struct page *page, const struct document *doc)
{
	uint64_t user = doc->coverage.user_samples, complete = doc->coverage.user_complete;
	const char *source = doc->coverage.sample_source;
	double tracing = (double)doc->coverage.tracing_samples;
	bool named = source && *source;
	char *why;

	if (!doc->coverage.cpu_samples) {
		page_field(page, INDENT, LABEL, "samples", "no CPU samples were taken");
		return;
	}
	page_field(page, INDENT, LABEL, "samples", "%s CPU samples at %u Hz per CPU%s%s%s",
		   count_format(doc->coverage.cpu_samples).text, doc->coverage.sample_hz,
		   named ? " (" : "", named ? source : "", named ? ")" : "");
	if (tracing)
		page_field(page, INDENT, LABEL, "",
			   "%s of them are in tracing itself, not in the profile",
			   part_format(tracing / (double)doc->coverage.cpu_samples).text);
	if (!user) {
		page_field(page, INDENT, LABEL, "stacks", "no sample hit user code");
		return;
	}
	why = counted_text(doc->coverage.incomplete.at, doc->coverage.incomplete.len);
	page_field(page, INDENT, LABEL, "stacks", "%s of %s user stacks are complete%s%s",
		   part_format((double)complete / (double)user).text, count_format(user).text,
		   why ? "; incomplete: " : "", why ? why : "");
	free(why);
}

static void put_waits(struct page *page, const struct document *doc)
{
	double placed = doc->coverage.waits_placed;

	if (!isfinite(placed))
		return;
	page_field(page, INDENT, LABEL, "waits",
		   "%s of the blocked time has its place, the rest began before the window; "
		   "%s waits, %s of %s places looked at twice were another",
		   part_format(placed).text, count_format(doc->coverage.waits).text,
		   count_format(doc->coverage.places_wrong).text,
		   count_format(doc->coverage.places_checked).text);
	if (!doc->coverage.waits_single)
		return;
	page_field(page, INDENT, LABEL, "wakers",
		   "%s long waits one by one; %s of the time of those that a thread ended has its "
		   "function%s%s%s",
		   count_format(doc->coverage.waits_single).text,
		   isfinite(doc->coverage.wakers_placed)
			   ? part_format(doc->coverage.wakers_placed).text
			   : NOT_OBSERVED,
		   doc->coverage.polls_untold ? "; " : "",
		   doc->coverage.polls_untold ? count_format(doc->coverage.polls_untold).text : "",
		   doc->coverage.polls_untold ? " more in poll were not told" : "");
}

static void put_delays(struct page *page, const struct document *doc)
{
	if (doc->coverage.delays_single < doc->coverage.delays)
		page_field(page, INDENT, LABEL, "CPU waits",
			   "%s of 1 ms and more, %s of them one by one; these stand for the others",
			   count_format(doc->coverage.delays).text,
			   count_format(doc->coverage.delays_single).text);
}

static void put_given_up(struct page *page, const struct document *doc)
{
	double observed = doc->coverage.calls_observed, taken = doc->coverage.samples_taken;
	double messages = doc->coverage.messages_observed;
	double allocs = doc->coverage.allocs_observed;

	/* All the time is what one expects. */
	if (isfinite(observed) && observed < 0.995)
		page_field(
			page, INDENT, LABEL, "calls",
			"system calls were observed for %s of the time, to keep the budget; their "
			"figures, and user and kernel time apart, are estimates from that",
			part_format(observed).text);
	if (isfinite(messages) && messages < 0.995)
		page_field(page, INDENT, LABEL, "messages",
			   "messages over sockets were observed for %s of the time, to keep the "
			   "budget; how many there were, and their bytes, are estimates from that",
			   part_format(messages).text);
	if (isfinite(allocs) && !doc->coverage.alloc_files)
		page_field(page, INDENT, LABEL, "allocation",
			   "no allocator was met that can be probed: allocations were not "
			   "observed");
	else if (isfinite(allocs) && allocs < 0.995)
		page_field(
			page, INDENT, LABEL, "allocation",
			"allocations were observed for %s of the time, to keep the budget; calls "
			"and bytes are estimates from that",
			part_format(allocs).text);
	if (isfinite(taken) && taken < 0.995)
		page_field(
			page, INDENT, LABEL, "samples",
			"%s of the CPU samples were taken, to keep the budget, and stand for all",
			part_format(taken).text);
}

static void put_tables(struct page *page, const struct unwind_tables *tables)
{
	char less[160] = "";

	if (!tables->observed)
		return;
	if (tables->failed || tables->refused || tables->evicted)
		snprintf(less, sizeof(less), "; missing: failed %s, refused %s, evicted %s",
			 count_format(tables->failed).text, count_format(tables->refused).text,
			 count_format(tables->evicted).text);
	page_field(page, INDENT, LABEL, "tables", "%s unwind tables, %s; %s from the cache%s",
		   count_format(tables->loaded).text,
		   number_with_unit((double)tables->bytes, "bytes").text,
		   count_format(tables->cached).text, less);
}

void text_lost(struct page *page, unsigned int indent, unsigned int label, const char *name,
	       const struct document *doc)
{
	uint64_t events = doc->coverage.lost_events, samples = doc->coverage.lost_samples;
	char *why;

	if (!events && !samples && !doc->coverage.lost.len) {
		page_field(page, indent, label, name, "nothing");
		return;
	}
	why = counted_text(doc->coverage.lost.at, doc->coverage.lost.len);
	page_field(page, indent, label, name, "%s events, %s samples%s%s",
		   count_format(events).text, count_format(samples).text, why ? ": " : "",
		   why ? why : "");
	free(why);
}

static void put_skipped(struct page *page, const struct document *doc)
{
	size_t count = doc->coverage.skipped.len, shown = text_rows(page, count, TEXT_SKIPPED);

	if (!count)
		page_field(page, INDENT, LABEL, "skipped",
			   "nothing: every probe family was at work");
	for (size_t i = 0; i < shown; i++) {
		const struct skipped *skipped = &doc->coverage.skipped.at[i];

		page_field(page, INDENT, LABEL, i ? "" : "skipped", "%s: %s",
			   skipped->family ? skipped->family : "?",
			   skipped->why && *skipped->why ? skipped->why : "reason unknown");
	}
	text_more(page, INDENT + LABEL, count, shown);
}

/* A size, "unknown" when it was not measured. */
static struct number size_or_unknown(uint64_t bytes)
{
	return bytes ? number_with_unit((double)bytes, "bytes")
		     : (struct number){.text = "unknown"};
}

static void put_cost(struct page *page, const struct document *doc)
{
	double cpu = doc->coverage.self_cpu_percent, bpf = doc->coverage.self_bpf_percent;
	double budget = doc->coverage.self_budget_percent;
	double interrupts = doc->coverage.self_interrupt_percent;
	bool split = isfinite(bpf) && bpf >= 0;
	char limit[64] = "", timers[96] = "";

	if (isfinite(budget))
		snprintf(limit, sizeof(limit), ", budget %s",
			 number_with_unit(budget, "percent").text);
	if (isfinite(interrupts))
		snprintf(timers, sizeof(timers), ", timer interrupts for samples %s",
			 number_with_unit(interrupts, "percent").text);
	page_field(page, INDENT, LABEL, "own cost", "CPU %s%s%s%s%s%s · memory %s · BPF maps %s",
		   number_with_unit(cpu, "percent").text, isfinite(cpu) ? " of one CPU (" : " (",
		   split ? number_with_unit(bpf, "percent").text : "",
		   split ? " in BPF programs)" : "part of BPF programs not measured)", timers,
		   limit, size_or_unknown(doc->coverage.self_rss_bytes).text,
		   size_or_unknown(doc->coverage.self_map_bytes).text);
}

void text_coverage(struct page *page, const struct document *doc)
{
	double ledger = doc->coverage.ledger_share;

	page_heading(page, "Coverage", "what was and was not seen, and what it cost");
	put_samples(page, doc);
	put_waits(page, doc);
	put_delays(page, doc);
	put_given_up(page, doc);
	put_tables(page, &doc->coverage.tables);
	text_lost(page, INDENT, LABEL, "lost", doc);
	put_skipped(page, doc);
	if (isfinite(ledger))
		page_field(page, INDENT, LABEL, "ledger",
			   "%s of the threads' wall time is accounted for",
			   part_format(ledger).text);
	else
		page_field(page, INDENT, LABEL, "ledger", "not observed: no scheduler data");
	put_cost(page, doc);
	if (doc->start && *doc->start)
		page_field(page, INDENT, LABEL, "window", "from %s, strait %s%s", doc->start,
			   doc->version && *doc->version ? doc->version : "(unknown version)",
			   doc->cut ? "; cut off before its end" : "");
}
