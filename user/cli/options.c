/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "util/output.h"

static bool help_wanted, version_wanted;

/* What every command understands. */
static const struct option common_options[] = {
	{"help", 'h', NULL, option_flag, &help_wanted, "print this help"},
	{"version", 0, NULL, option_flag, &version_wanted, "print the version"},
	{},
};

static const struct option_group common_group = {"Also", common_options};

/* The groups of a command, then the common one, then NULL. */
static const struct option_group *group_at(const struct usage *usage, size_t i)
{
	size_t count = 0;

	while (usage->groups && usage->groups[count].title)
		count++;
	if (i < count)
		return &usage->groups[i];
	return i == count ? &common_group : NULL;
}

static bool row_used(const struct option *option)
{
	return option->name || option->letter;
}

static const struct option *option_find(const struct usage *usage, const char *name, size_t length,
					char letter)
{
	const struct option_group *group;

	for (size_t i = 0; (group = group_at(usage, i)); i++)
		for (const struct option *o = group->options; row_used(o); o++) {
			if (letter && o->letter == letter)
				return o;
			if (name && o->name && strlen(o->name) == length &&
			    !strncmp(o->name, name, length))
				return o;
		}
	return NULL;
}

void options_add(struct option_table *table, const struct option *rows)
{
	for (; row_used(rows); rows++) {
		if (table->count == OPTION_ROWS)
			abort();
		table->rows[table->count++] = *rows;
	}
}

int options_wrong(const struct usage *usage, const char *format, ...)
{
	struct error error;
	va_list args;

	va_start(args, format);
	vsnprintf(error.text, sizeof(error.text), format, args);
	va_end(args);
	cli_say("%.400s; try '%s --help'", error.text, usage->name);
	return EXIT_USAGE;
}

static int option_apply(const struct usage *usage, const struct option *option, const char *shown,
			const char *value)
{
	struct error error = {};

	if (!option->parse(option, value, &error))
		return OPTIONS_GO;
	return options_wrong(usage, "%s: %s", shown, error.text);
}

/* --name, --name=value, --name value. Moves *i past the value. */
static int long_parse(const struct usage *usage, int argc, char **argv, int *i)
{
	const char *name = argv[*i] + 2, *value = strchr(name, '=');
	size_t length = value ? (size_t)(value - name) : strlen(name);
	const struct option *option = option_find(usage, name, length, 0);
	char shown[64];

	if (!option)
		return options_wrong(usage, "unknown option '%.100s'", argv[*i]);
	snprintf(shown, sizeof(shown), "--%s", option->name);
	if (!option->argument) {
		if (value)
			return options_wrong(usage, "%s takes no value", shown);
		return option_apply(usage, option, shown, "");
	}
	if (value)
		value++;
	else if (*i + 1 < argc)
		value = argv[++*i];
	else
		return options_wrong(usage, "%s needs a value: %s", shown, option->argument);
	return option_apply(usage, option, shown, value);
}

/* -f, -fd5, -d 5. Moves *i past the value. */
static int short_parse(const struct usage *usage, int argc, char **argv, int *i)
{
	for (const char *c = argv[*i] + 1; *c; c++) {
		const struct option *option = option_find(usage, NULL, 0, *c);
		char shown[3] = {'-', *c};
		const char *value;
		int status;

		if (!option)
			return options_wrong(usage, "unknown option '-%.100s'", c);
		if (!option->argument) {
			status = option_apply(usage, option, shown, "");
			if (status != OPTIONS_GO)
				return status;
			continue;
		}
		if (c[1])
			value = c + 1;
		else if (*i + 1 < argc)
			value = argv[++*i];
		else
			return options_wrong(usage, "%s needs a value: %s", shown,
					     option->argument);
		return option_apply(usage, option, shown, value);
	}
	return OPTIONS_GO;
}

static int words_check(const struct usage *usage, const struct arguments *rest)
{
	if (rest->count > (int)usage->words)
		return options_wrong(usage,
				     usage->command && !usage->words
					     ? "unknown command '%.100s' (a program to run "
					       "and watch goes behind --)"
					     : "'%.100s' is one argument too many",
				     rest->at[usage->words]);
	if (rest->command && !usage->command)
		return options_wrong(usage, "it takes no -- COMMAND");
	if (rest->command && !*rest->command)
		return options_wrong(usage, "no command behind --");
	return OPTIONS_GO;
}

int options_parse(const struct usage *usage, int argc, char **argv, struct arguments *rest)
{
	struct arguments found = {.at = argv + 1};
	int status = OPTIONS_GO;

	help_wanted = version_wanted = false;
	for (int i = 1; i < argc && status == OPTIONS_GO; i++) {
		if (!strcmp(argv[i], "--")) {
			found.command = argv + i + 1;
			break;
		}
		if (!strncmp(argv[i], "--", 2))
			status = long_parse(usage, argc, argv, &i);
		else if (argv[i][0] == '-' && argv[i][1])
			status = short_parse(usage, argc, argv, &i);
		else /* never ahead of i: nothing unread is overwritten */
			found.at[found.count++] = argv[i];
	}
	if (status != OPTIONS_GO)
		return status;
	if (help_wanted)
		return options_help(usage, &common_group);
	if (version_wanted)
		return cli_written(output_write(stdout, "strait " STRAIT_VERSION "\n",
						strlen("strait " STRAIT_VERSION "\n")));
	status = words_check(usage, &found);
	if (status == OPTIONS_GO)
		*rest = found;
	return status;
}
