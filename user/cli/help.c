/* SPDX-License-Identifier: BSD-2-Clause */
/* The help of a command, made from its option rows. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/options.h"
#include "util/output.h"

#define HELP_WIDTH  80
#define HELP_COLUMN 28 /* where the explanations begin */

/* Puts words from column `at` on, wrapped, later lines indented by `indent`. */
static void words_put(FILE *out, const char *text, size_t at, size_t indent)
{
	while (*text) {
		size_t length = strcspn(text, " \n");

		if (at > indent && at + 1 + length > HELP_WIDTH) {
			fputc('\n', out);
			at = 0;
		}
		if (at <= indent)
			for (; at < indent; at++)
				fputc(' ', out);
		else {
			fputc(' ', out);
			at++;
		}
		fwrite(text, 1, length, out);
		at += length;
		text += length;
		if (*text == '\n') {
			fputc('\n', out);
			at = 0;
		}
		text += *text != 0;
	}
	fputc('\n', out);
}

static void option_put(FILE *out, const struct option *option)
{
	char left[80];
	int length;

	length = snprintf(left, sizeof(left), "  %c%c%s %s%s%s%s", option->letter ? '-' : ' ',
			  option->letter ? option->letter : ' ',
			  option->letter && option->name ? "," : " ", option->name ? "--" : "",
			  option->name ? option->name : "", option->argument ? " " : "",
			  option->argument ? option->argument : "");
	fputs(left, out);
	if (length >= HELP_COLUMN - 1) {
		fputc('\n', out);
		length = 0;
	}
	for (; length < HELP_COLUMN; length++)
		fputc(' ', out);
	words_put(out, option->help, HELP_COLUMN, HELP_COLUMN);
}

static void group_put(FILE *out, const struct option_group *group)
{
	fprintf(out, "\n%s:\n", group->title);
	for (const struct option *o = group->options; o->name || o->letter; o++)
		option_put(out, o);
}

int options_help(const struct usage *usage, const struct option_group *last)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	int err;

	if (!out)
		return cli_written(-ENOMEM);
	words_put(out, usage->what, 0, 0);
	fputs("\nUsage:\n", out);
	for (const char *line = usage->synopsis; *line;) {
		size_t end = strcspn(line, "\n");

		fprintf(out, "  %.*s\n", (int)end, line);
		line += end + (line[end] != 0);
	}
	for (const struct option_group *group = usage->groups; group && group->title; group++)
		group_put(out, group);
	group_put(out, last);
	if (usage->examples)
		fprintf(out, "\nExamples:\n%s", usage->examples);
	fclose(out);
	err = output_write(stdout, text, length);
	free(text);
	return cli_written(err);
}
