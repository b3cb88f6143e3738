/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options as rows of a table: the row says how it is written, how its value is read, within which
 * range and unit, and what the help says. The help is made from the same rows.
 */
#ifndef STRAIT_OPTIONS_H
#define STRAIT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"

struct option;

/*
 * Reads `text` (never NULL; "" for a flag) into *option->value, which is untouched on failure. The
 * text of an error says what the option wants: "a rate in Hz, 1 to 10000".
 */
typedef int option_parse(const struct option *option, const char *text, struct error *error);

struct option {
	const char *name;     /* without "--"; NULL = only a letter */
	char letter;          /* 0 = only a name */
	const char *argument; /* as the help shows it, "SECONDS"; NULL = a flag */
	option_parse *parse;
	void *value;
	const char *help; /* what it does, unit and default; wrapped when shown */

	/* For numbers. */
	const char *what; /* "a rate in Hz" */
	double low, high;
};

option_parse option_flag;     /* bool *: true */
option_parse option_text;     /* const char **: not empty */
option_parse option_count;    /* uint32_t *: a whole number, low … high */
option_parse option_duration; /* uint64_t * in ns: decimal seconds, low … high */
option_parse option_number;   /* double *: decimal, low … high */
option_parse option_percent;  /* double *: 0.01 for "1%" or "1"; low … high in percent */

#define OPTION_PIDS 64

struct option_pids {
	pid_t at[OPTION_PIDS];
	size_t count;
};

option_parse option_pids; /* struct option_pids *: "12,34", no doubles */

/* A plain decimal number, digits and one point; no sign, no exponent, nothing behind it. */
bool decimal_parse(const char *text, double *out);

#define OPTION_ROWS 16

/* Rows that several commands have are added to a table by functions, beside a command's own. */
struct option_table {
	struct option rows[OPTION_ROWS + 1]; /* ends with an empty row */
	size_t count;
};

/* Adds all rows up to the empty one. Aborts when there are more than OPTION_ROWS. */
void options_add(struct option_table *table, const struct option *rows);

struct option_group {
	const char *title;
	const struct option *options; /* ends with a row that has neither name nor letter */
};

struct usage {
	const char *name;                  /* "strait record" */
	const char *synopsis;              /* one line each */
	const char *what;                  /* a paragraph or two, wrapped when shown */
	const struct option_group *groups; /* ends with a row without a title; NULL = none */
	const char *examples;              /* lines, shown as they are; NULL = none */
	uint32_t words;                    /* how many arguments it takes at most */
	bool command;                      /* takes -- COMMAND */
};

struct arguments {
	int count;
	char **at; /* those that are no options, in order: points into argv, which is reordered */
	char **command; /* behind "--", NULL = none; ends with NULL */
};

/* options_parse() returns this when there is something to do, else the exit status. */
#define OPTIONS_GO (-1)

/*
 * Reads the options, prints the help or the version where that is asked, or one line about what is
 * wrong. Every table also has --help and --version.
 */
int options_parse(const struct usage *usage, int argc, char **argv, struct arguments *rest);

/* Says what is wrong with the arguments, with the way to the help; returns EXIT_USAGE. */
int options_wrong(const struct usage *usage, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints the help to stdout, `last` behind the groups of the command; the exit status. */
int options_help(const struct usage *usage, const struct option_group *last);

#endif
