/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer's target for the command line: the input is the arguments, each with its NUL. What is
 * taken must be in its range, what is refused must be told in one line.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/observe.h"
#include "cli/options.h"
#include "cli/show.h"
#include "monitor/limit.h"
#include "parts.h"

#define ARGUMENTS 64

static int option_limit(const struct option *option, const char *text, struct error *error)
{
	struct limit limit;
	int err = limit_parse(text, &limit, error);

	return err ? err : limits_set(option->value, &limit, error);
}

struct values {
	struct observe_options observe;
	struct show_options show;
	struct limits limits;
	uint32_t count;
	double number;
	bool flag;
};

static bool within(double value, double low, double high)
{
	return value >= low && value <= high;
}

static void values_check(const struct values *values)
{
	const struct option_pids *pids = &values->observe.target.pids;

	require(!values->count || within(values->count, 2, 9), "options");
	require(values->number == 0 || within(values->number, 0.5, 1e6), "options");
	require(within(values->observe.sample_hz, 1, 10000), "options");
	require(within(values->observe.budget, 0.0001, 1), "options");
	require(pids->count <= OPTION_PIDS, "options");
	for (size_t i = 0; i < pids->count; i++)
		require(pids->at[i] > 0, "options");
	require(!values->observe.target.cgroup || *values->observe.target.cgroup, "options");
	require(!values->observe.target.container || *values->observe.target.container, "options");
}

static void rest_check(const struct arguments *rest, const struct usage *usage, char **argv,
		       int argc)
{
	require(rest->count >= 0 && rest->count <= (int)usage->words, "options");
	for (int i = 0; i < rest->count; i++)
		require(rest->at[i] && strcmp(rest->at[i], "--"), "options");
	if (rest->command)
		require(rest->command > argv && rest->command < argv + argc && *rest->command &&
				!argv[argc],
			"options");
}

static void parse(int argc, char **argv)
{
	struct values values = {.observe = OBSERVE_DEFAULTS, .show = SHOW_DEFAULTS};
	const struct option own[] = {
		{"count", 'n', "N", option_count, &values.count, "how many", "a count", 2, 9},
		{"number", 0, "X", option_number, &values.number, "how much", "a number", 0.5, 1e6},
		{"threshold", 0, "LIMIT", option_limit, &values.limits, "a limit"},
		{"flag", 'x', NULL, option_flag, &values.flag, "a flag"},
		{}};
	struct option_table target = {}, how = {}, show = {};
	const struct option_group groups[] = {
		{"Own", own}, {"Target", target.rows}, {"How", how.rows}, {"Show", show.rows}, {}};
	const struct usage usage = {.name = "strait test",
				    .synopsis = "strait test",
				    .what = "Tests.",
				    .groups = groups,
				    .words = 2,
				    .command = true};
	struct arguments rest = {};
	struct error error;

	limits_default(&values.limits);
	target_rows(&target, &values.observe.target);
	observe_rows(&how, &values.observe);
	show_rows(&show, &values.show);
	if (options_parse(&usage, argc, argv, &rest) == OPTIONS_GO) {
		rest_check(&rest, &usage, argv, argc);
		values.observe.target.command = rest.command;
		if (observe_check(&values.observe, &error))
			options_wrong(&usage, "%s", error.text);
	}
	values_check(&values);
	vec_free(&values.limits.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1), *argv[ARGUMENTS + 2] = {(char *)"test"};
	FILE *streams[] = {stdout, stderr};
	char *said = NULL, *printed = NULL;
	size_t said_length = 0, printed_length = 0;
	int argc = 1;

	memcpy(copy, data, size);
	copy[size] = 0;
	for (size_t at = 0; at < size && argc <= ARGUMENTS; at += strlen(copy + at) + 1)
		argv[argc++] = copy + at;
	stdout = open_memstream(&printed, &printed_length);
	stderr = open_memstream(&said, &said_length);
	parse(argc, argv);
	fclose(stdout);
	fclose(stderr);
	stdout = streams[0];
	stderr = streams[1];
	if (said_length)
		line_check(said, said_length);
	free(said);
	free(printed);
	free(copy);
	return 0;
}
