/* SPDX-License-Identifier: BSD-2-Clause */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "util/output.h"

static int cli_help(int argc, char **argv);

/* All subcommands: a new one is its file in cli/, and one line here. */
static const struct subcommand {
	const char *name;
	const char *what;
	int (*run)(int argc, char **argv);
} subcommands[] = {
	{"record", "watch, and keep what was seen in a file", cli_record},
	{"report", "the report of such a file; needs no root", cli_report},
	{"flame", "stacks for a flame graph, of such a file or live", cli_flame},
	{"baseline", "what is normal here: kept, listed, compared", cli_baseline},
	{"monitor", "watch for ever: figures, limits, alerts", cli_monitor},
	{"doctor", "what this kernel and these rights allow", cli_doctor},
	{"help", "this list, or the help of one subcommand", cli_help},
	{},
};

static const struct subcommand *subcommand_find(const char *name)
{
	for (const struct subcommand *s = subcommands; s->name; s++)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}

static int unknown(const char *name)
{
	cli_say("unknown command '%.100s' (a program to run and watch goes behind --); "
		"try 'strait help'",
		name);
	return EXIT_USAGE;
}

static int list_print(void)
{
	char text[4096];
	size_t used = (size_t)snprintf(text, sizeof(text),
				       "strait says what holds a Linux host back, and where.\n\n"
				       "  %-28s%s\n  %-28s%s\n",
				       "strait", "watch the host for ten seconds, then report",
				       "strait -- COMMAND", "the same while a command runs");

	for (const struct subcommand *s = subcommands; s->name; s++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "  strait %-21s%s\n",
					 s->name, s->what);
	used += (size_t)snprintf(text + used, sizeof(text) - used,
				 "\nOptions: strait --help, strait help SUBCOMMAND. "
				 "The manual: man strait.\n");
	return cli_written(output_write(stdout, text, used));
}

static int cli_help(int argc, char **argv)
{
	char *ask[] = {NULL, (char *)"--help", NULL};
	const struct subcommand *s;

	if (argc < 2 || argv[1][0] == '-' || !strcmp(argv[1], "help"))
		return list_print();
	s = subcommand_find(argv[1]);
	if (!s)
		return unknown(argv[1]);
	ask[0] = argv[1];
	return s->run(2, ask);
}

int main(int argc, char **argv)
{
	const struct subcommand *s;

	cli_streams();
	/* Characters only: numbers are read and written the same everywhere. */
	setlocale(LC_CTYPE, "");
	if (argc < 2 || argv[1][0] == '-')
		return cli_trace(argc, argv);
	s = subcommand_find(argv[1]);
	return s ? s->run(argc - 1, argv + 1) : unknown(argv[1]);
}
