/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "cli/options.h"

#define SECOND 1000000000ULL

struct values {
	bool quiet, verbose;
	uint32_t rate;
	uint64_t duration;
	double share;
	const char *file;
	struct option_pids pids;
};

struct outcome {
	struct values values;
	struct arguments rest;
	int status;
	char err[1024]; /* what was written to stderr */
	char out[8192];
};

/* Collects what is written to one stream in a file. */
static int stream_capture(int stream, FILE *file)
{
	int saved;

	fflush(stdout);
	fflush(stderr);
	saved = dup(stream);
	dup2(fileno(file), stream);
	return saved;
}

static void stream_release(int stream, int saved, FILE *file, char *text, size_t size)
{
	size_t got;

	fflush(stdout);
	fflush(stderr);
	dup2(saved, stream);
	close(saved);
	rewind(file);
	got = fread(text, 1, size - 1, file);
	text[got] = 0;
	fclose(file);
}

/* argv[0] and the arguments, up to NULL. The table is the same for all tests. */
static struct outcome parse(bool command, uint32_t words, char **argv)
{
	static struct outcome o;
	const struct option first[] = {
		{"quiet", 'q', NULL, option_flag, &o.values.quiet, "be quiet"},
		{"verbose", 'v', NULL, option_flag, &o.values.verbose, "say more"},
		{"rate", 'F', "HZ", option_count, &o.values.rate, "how often", "a rate in Hz", 1,
		 10000},
		{}};
	const struct option second[] = {
		{"duration", 'd', "SECONDS", option_duration, &o.values.duration, "how long",
		 "a duration in seconds", 0.01, 1000},
		{"share", 0, "SHARE", option_number, &o.values.share, "how much", "a share", 0, 1},
		{"output", 'o', "FILE", option_text, &o.values.file, "where"},
		{"pid", 'p', "PID[,PID]", option_pids, &o.values.pids, "who"},
		{}};
	const struct option_group groups[] = {{"First", first}, {"Second", second}, {}};
	const struct usage usage = {.name = "strait test",
				    .synopsis = "strait test [OPTIONS]",
				    .what = "Tests.",
				    .groups = groups,
				    .examples = "  strait test\n",
				    .words = words,
				    .command = command};
	FILE *err = tmpfile(), *out = tmpfile();
	int saved_err, saved_out, argc = 0;

	o = (struct outcome){};
	while (argv[argc])
		argc++;
	saved_err = stream_capture(STDERR_FILENO, err);
	saved_out = stream_capture(STDOUT_FILENO, out);
	o.status = options_parse(&usage, argc, argv, &o.rest);
	stream_release(STDOUT_FILENO, saved_out, out, o.out, sizeof(o.out));
	stream_release(STDERR_FILENO, saved_err, err, o.err, sizeof(o.err));
	return o;
}

#define ARGV(...) ((char *[]){(char *)"test", __VA_ARGS__, NULL})

static void test_forms(void **state)
{
	struct outcome o =
		parse(false, 0,
		      ARGV("-qvF", "250", "-d0.5", "--share=0.25", "--output", "-x", "--pid=1,22"));

	(void)state;
	assert_int_equal(o.status, OPTIONS_GO);
	assert_true(o.values.quiet && o.values.verbose);
	assert_int_equal(o.values.rate, 250);
	assert_int_equal(o.values.duration, SECOND / 2);
	assert_true(o.values.share == 0.25);
	assert_string_equal(o.values.file, "-x"); /* the argument of an option, whatever it is */
	assert_int_equal(o.values.pids.count, 2);
	assert_int_equal(o.values.pids.at[1], 22);
	assert_string_equal(o.err, "");
	o = parse(false, 0, ((char *[]){(char *)"test", NULL}));
	assert_int_equal(o.status, OPTIONS_GO);
	assert_int_equal(o.rest.count, 0);
}

static void test_words_and_command(void **state)
{
	char **argv = ARGV("one", "-q", "two", "--", "-v", "--help");
	struct outcome o = parse(true, 2, argv);

	(void)state;
	assert_int_equal(o.status, OPTIONS_GO);
	assert_int_equal(o.rest.count, 2);
	assert_string_equal(o.rest.at[0], "one");
	assert_string_equal(o.rest.at[1], "two");
	/* What follows "--" is not ours. */
	assert_false(o.values.verbose);
	assert_string_equal(o.rest.command[0], "-v");
	assert_string_equal(o.rest.command[1], "--help");
	assert_null(o.rest.command[2]);
	o = parse(true, 1, ARGV("-"));
	assert_int_equal(o.rest.count, 1);
}

static void refused(char **argv, bool command, uint32_t words, const char *why)
{
	struct outcome o = parse(command, words, argv);
	const struct values none = {};

	assert_int_equal(o.status, EXIT_USAGE);
	if (!strstr(o.err, why))
		fail_msg("'%s' lacks '%s'", o.err, why);
	/* One line, with the way to the help. */
	assert_ptr_equal(strchr(o.err, '\n'), o.err + strlen(o.err) - 1);
	assert_non_null(strstr(o.err, "; try 'strait test --help'"));
	assert_string_equal(o.out, "");
	assert_memory_equal(&o.values, &none, sizeof(none));
}

static void test_refused(void **state)
{
	(void)state;
	refused(ARGV("--no-such"), false, 0, "unknown option '--no-such'");
	refused(ARGV("-z"), false, 0, "unknown option '-z'");
	refused(ARGV("--quiet=yes"), false, 0, "--quiet takes no value");
	refused(ARGV("-d"), false, 0, "-d needs a value: SECONDS");
	refused(ARGV("--output"), false, 0, "--output needs a value: FILE");
	refused(ARGV("word"), false, 0, "'word' is one argument too many");
	refused(ARGV("word"), true, 0, "unknown command 'word'");
	refused(ARGV("a", "b"), false, 1, "'b' is one argument too many");
	refused(ARGV("--", "ls"), false, 0, "no -- COMMAND");
	refused(ARGV("--"), true, 0, "no command behind --");
	refused(ARGV("--out"), false, 0, "unknown option '--out'");
	refused(ARGV("--bad\x1b[31m\n\x07"), false, 0, "'--bad\\x1b[31m\\x0a\\x07'");
}

static void test_values_refused(void **state)
{
	static const char *const rates[] = {"0",   "-1",  "10001", "abc",  "",           "99x",
					    "1e2", "nan", "1.5",   "0x10", "99999999999"};
	static const char *const durations[] = {"0",  "-1",  "abc", "",     "1e99", "nan",
						"5x", "inf", ".",   "1..2", "1,5",  "1001"};
	static const char *const pids[] = {"0",   "-1",  "abc",       "",
					   "1,",  ",1",  "1,,2",      "99999999999999999999",
					   "1 2", "1,1", "2147483648"};

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
		refused(ARGV("-F", (char *)rates[i]), false, 0, "-F: '");
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++)
		refused(ARGV("-d", (char *)durations[i]), false, 0,
			"is not a duration in seconds, 0.01 to 1000");
	for (size_t i = 0; i < sizeof(pids) / sizeof(pids[0]); i++)
		refused(ARGV("-p", (char *)pids[i]), false, 0, "-p: ");
	refused(ARGV("-o", ""), false, 0, "must not be empty");
}

static void test_pids_limit(void **state)
{
	char text[1024] = "1";
	struct outcome o;

	(void)state;
	for (int pid = 2; pid <= OPTION_PIDS; pid++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ",%d", pid);
	o = parse(false, 0, ARGV("-p", text));
	assert_int_equal(o.values.pids.count, OPTION_PIDS);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), ",%d", OPTION_PIDS + 1);
	refused(ARGV("-p", text), false, 0, "at most 64 pids");
}

/* Rows follow each other in the order in which they were added, and an empty one ends them. */
static void test_tables(void **state)
{
	const struct option one[] = {{"a", 'a'}, {NULL, 'b'}, {}}, two[] = {{"c"}, {}},
			    none[] = {{}};
	struct option_table table = {};

	(void)state;
	options_add(&table, one);
	options_add(&table, none);
	options_add(&table, two);
	assert_int_equal(table.count, 3);
	assert_string_equal(table.rows[0].name, "a");
	assert_int_equal(table.rows[1].letter, 'b');
	assert_string_equal(table.rows[2].name, "c");
	assert_true(!table.rows[3].name && !table.rows[3].letter);
	while (table.count < OPTION_ROWS)
		options_add(&table, two);
	assert_null(table.rows[OPTION_ROWS].name);
}

static void test_help(void **state)
{
	struct outcome o = parse(false, 0, ARGV("-q", "--help"));

	(void)state;
	assert_int_equal(o.status, EXIT_OK);
	assert_string_equal(o.err, "");
	/* Made from the rows. */
	assert_non_null(strstr(o.out, "Usage:\n  strait test [OPTIONS]\n"));
	assert_non_null(strstr(o.out, "\nFirst:\n  -q, --quiet               be quiet\n"));
	assert_non_null(strstr(o.out, "\n      --share SHARE         how much\n"));
	assert_non_null(strstr(o.out, "\n  -h, --help                print this help\n"));
	assert_non_null(strstr(o.out, "\nExamples:\n  strait test\n"));
	o = parse(false, 0, ARGV("--version"));
	assert_int_equal(o.status, EXIT_OK);
	assert_string_equal(o.out, "strait " STRAIT_VERSION "\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),      cmocka_unit_test(test_words_and_command),
		cmocka_unit_test(test_refused),    cmocka_unit_test(test_values_refused),
		cmocka_unit_test(test_pids_limit), cmocka_unit_test(test_help),
		cmocka_unit_test(test_tables),
	};

	return cmocka_run_group_tests_name("cli/options", tests, NULL, NULL);
}
