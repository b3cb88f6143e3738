/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/escape.h"

#define NAME_COLUMNS 40
#define ERASE_LINE   "\r\033[K"

/* "the host", "container web"; to be freed. */
static char *target_text(const struct target_found *target)
{
	char *escaped = escape_text(target->name, ESCAPE_TERMINAL);
	char *fitted = text_fit(escaped, NAME_COLUMNS, FIT_BEGIN, "...");
	char *text = NULL;

	if (target->kind == TARGET_HOST)
		text = strdup("the host");
	else if (asprintf(&text, "%s %s", target_kind_name(target->kind), fitted) < 0)
		text = NULL;
	free(escaped);
	free(fitted);
	return text;
}

void progress_begin(struct progress *progress, const struct target_found *target,
		    uint64_t length_ns, bool quiet)
{
	const char *kind = getenv("TERM");
	char *text;

	*progress = (struct progress){
		.target = target,
		.length_ns = length_ns,
		.quiet = quiet,
		.terminal = isatty(STDERR_FILENO) && kind && strcmp(kind, "dumb") != 0,
	};
	if (quiet)
		return;
	if (progress->terminal) {
		progress_show(progress, 0);
		return;
	}
	text = target_text(target);
	fprintf(stderr, "strait: watching %s", text ? text : "");
	if (length_ns)
		fprintf(stderr, " for %g s", (double)length_ns / 1e9);
	fputs(target->kind == TARGET_COMMAND ? " until it ends\n" : "\n", stderr);
	free(text);
}

void progress_show(const struct progress *progress, uint64_t elapsed_ns)
{
	char *text;

	if (progress->quiet || !progress->terminal)
		return;
	text = target_text(progress->target);
	fprintf(stderr, ERASE_LINE "strait: watching %s: %.0f", text ? text : "",
		(double)elapsed_ns / 1e9);
	if (progress->length_ns)
		fprintf(stderr, "/%g", (double)progress->length_ns / 1e9);
	fputs(" s (Ctrl-C: report now) ", stderr);
	fflush(stderr);
	free(text);
}

void progress_fetch(struct progress *progress, const char *path, uint64_t done, uint64_t total)
{
	char *escaped, *fitted;

	if (progress->quiet || (!progress->terminal && progress->fetched == path))
		return;
	progress->fetched = path;
	escaped = escape_text(path, ESCAPE_TERMINAL);
	fitted = text_fit(escaped, NAME_COLUMNS, FIT_END, "...");
	fprintf(stderr, "%sstrait: fetching the debug file of %s",
		progress->terminal ? ERASE_LINE : "", fitted);
	if (progress->terminal && total)
		fprintf(stderr, ": %.1f of %.1f MB", (double)done / 1e6, (double)total / 1e6);
	fputs(progress->terminal ? " (Ctrl-C: go on without) " : "\n", stderr);
	fflush(stderr);
	free(escaped);
	free(fitted);
}

void progress_end(const struct progress *progress)
{
	if (!progress->quiet && progress->terminal) {
		fputs(ERASE_LINE, stderr);
		fflush(stderr);
	}
}
