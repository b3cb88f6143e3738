/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/page.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "model/recording.h"
#include "util/escape.h"

/* A single text longer than this is some stranger's attempt to flood the report. */
#define PROSE_COLUMNS 1200

enum paint paint_severity(enum severity severity)
{
	switch (severity) {
	case SEVERITY_CRITICAL:
		return PAINT_CRITICAL;
	case SEVERITY_HIGH:
		return PAINT_HIGH;
	case SEVERITY_MEDIUM:
		return PAINT_MEDIUM;
	case SEVERITY_LOW:
		break;
	}
	return PAINT_LOW;
}

char *page_escape(const struct page *page, const char *text)
{
	return escape_text(text, page->style.unicode ? ESCAPE_TERMINAL : ESCAPE_ASCII);
}

void page_paint(struct page *page, enum paint paint, const char *escaped)
{
	static const char *const sgr[] = {
		[PAINT_HEADING] = "1", [PAINT_CRITICAL] = "1;31", [PAINT_HIGH] = "31",
		[PAINT_MEDIUM] = "33", [PAINT_LOW] = "36",
	};

	if (page->style.color && paint != PAINT_NONE && *escaped)
		fprintf(page->out, "\x1b[%sm%s\x1b[0m", sgr[paint], escaped);
	else
		fputs(escaped, page->out);
}

void page_heading(struct page *page, const char *title, const char *what)
{
	char *name = page_escape(page, title), *text = page_escape(page, what);
	size_t used = text_columns(name) + 2, width = page->style.width;
	char *fitted = text_fit(text, width > used ? width - used : 0, FIT_BEGIN,
				page->style.unicode ? "…" : "..");

	fputc('\n', page->out);
	page_paint(page, PAINT_HEADING, name);
	used += text_columns(fitted) + 1;
	fprintf(page->out, "  %s", fitted);
	if (used + 3 < width) {
		fputc(' ', page->out);
		for (; used < width; used++)
			fputs(page->style.unicode ? "─" : "-", page->out);
	}
	fputc('\n', page->out);
	free(fitted);
	free(text);
	free(name);
}

/* "47 %" and "1.5 h" stay together: no break between a digit and a short word. */
static bool breakable(const char *text, size_t at)
{
	size_t word = strcspn(text + at + 1, " ,;:.)");

	return text[at] == ' ' &&
	       !(at > 0 && text[at - 1] >= '0' && text[at - 1] <= '9' && word <= 3);
}

/* The bytes of one line: as many words as fit, or the part of a word that does. */
static size_t line_length(const char *text, size_t columns)
{
	size_t fits = text_prefix(text, columns);

	if (!text[fits])
		return fits;
	for (size_t cut = fits; cut > 0; cut--)
		if (breakable(text, cut))
			return cut;
	for (size_t cut = fits; cut > 0; cut--)
		if (text[cut] == ' ')
			return cut;
	return fits ? fits : strlen(text);
}

void page_wrap(struct page *page, unsigned int indent, enum paint paint, const char *text)
{
	size_t columns = page->style.width > indent + 8 ? page->style.width - indent : 8;

	for (bool first = true; *text || first; first = false) {
		size_t length = line_length(text, columns);
		size_t trimmed = length;
		char *line;

		while (trimmed && text[trimmed - 1] == ' ')
			trimmed--;
		line = strndup(text, trimmed);
		if (!line)
			abort();
		if (!first)
			fprintf(page->out, "%*s", (int)indent, "");
		page_paint(page, paint, line);
		fputc('\n', page->out);
		free(line);
		text += length;
		text += strspn(text, " ");
	}
}

static char *prose_format(struct page *page, const char *format, va_list args)
{
	char *raw, *escaped, *fitted;

	if (vasprintf(&raw, format, args) < 0)
		abort();
	escaped = page_escape(page, raw);
	fitted = text_fit(escaped, PROSE_COLUMNS, FIT_BEGIN, page->style.unicode ? "…" : "..");
	free(escaped);
	free(raw);
	return fitted;
}

void page_prose(struct page *page, unsigned int indent, enum paint paint, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = prose_format(page, format, args);
	va_end(args);
	fprintf(page->out, "%*s", (int)indent, "");
	page_wrap(page, indent, paint, text);
	free(text);
}

void page_rest(struct page *page, unsigned int indent, enum paint paint, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = prose_format(page, format, args);
	va_end(args);
	page_wrap(page, indent, paint, text);
	free(text);
}

void page_field(struct page *page, unsigned int indent, unsigned int label_width, const char *label,
		const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = prose_format(page, format, args);
	va_end(args);
	fprintf(page->out, "%*s%-*s", (int)indent, "", (int)label_width, label);
	page_wrap(page, indent + label_width, PAINT_NONE, text);
	free(text);
}

static bool given(const char *text)
{
	return text && *text;
}

static void put_process(FILE *out, const struct place *place)
{
	if (given(place->process))
		fputs(place->process, out);
	if (place->pid)
		fprintf(out, given(place->process) ? " [%u]" : "pid %u", place->pid);
}

/* A function without a name is called by where it begins. To be freed, NULL = unknown. */
static char *function_text(const struct place *place)
{
	if (given(place->function))
		return strdup(place->function);
	return place->begin && given(place->module) ? code_name(place->module, place->begin) : NULL;
}

static void put_code(FILE *out, const struct place *place)
{
	bool source = given(place->file);
	char *function = function_text(place);

	if (function)
		fprintf(out, "%s%s", function, source || given(place->module) ? " " : "");
	free(function);
	if (source && place->line)
		fprintf(out, "at %s:%u", place->file, place->line);
	else if (source)
		fprintf(out, "at %s", place->file);
	if (given(place->module))
		fprintf(out, "%sin %s", source ? " " : "", place->module);
}

static FILE *open_text(char **text, size_t *length)
{
	FILE *out = open_memstream(text, length);

	if (!out)
		abort();
	return out;
}

static char *close_text(FILE *out, char **text)
{
	if (fclose(out))
		abort();
	return *text;
}

char *place_text(const struct place *place)
{
	const struct {
		const char *label, *text;
	} parts[] = {
		{"thread ", place->thread}, {"container ", place->container},
		{"cgroup ", place->cgroup}, {"device ", place->device},
		{"", place->path},          {"lock ", place->lock},
		{"peer ", place->peer},
	};
	const char *separator = "";
	char *text;
	size_t length;
	FILE *out = open_text(&text, &length);

	if (given(place->process) || place->pid) {
		put_process(out, place);
		separator = " · ";
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!given(parts[i].text))
			continue;
		fprintf(out, "%s%s%s", separator, parts[i].label, parts[i].text);
		separator = " · ";
	}
	if (given(place->function) || given(place->module) || given(place->file)) {
		fputs(separator, out);
		put_code(out, place);
	}
	return close_text(out, &text);
}

char *place_name(const struct place *place)
{
	const char *const rest[] = {place->thread, place->container, place->device,
				    place->path,   place->lock,      place->peer,
				    place->cgroup, place->function,  place->module};
	char *text;
	size_t length;
	FILE *out = open_text(&text, &length);

	if (given(place->process) || place->pid) {
		put_process(out, place);
		if (given(place->container))
			fprintf(out, " (%s)", place->container);
		return close_text(out, &text);
	}
	for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
		if (given(rest[i])) {
			fputs(rest[i], out);
			break;
		}
	}
	return close_text(out, &text);
}
