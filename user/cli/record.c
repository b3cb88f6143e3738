/* SPDX-License-Identifier: BSD-2-Clause */
/* strait record: watch, and keep what was seen in a file. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/observe.h"

static const char what[] =
	"Watches as strait does, and keeps what was seen in a recording. Every report can be made "
	"from it later, on any machine and without root. It is written while watching: a recording "
	"that is killed half-way can be read too.";

static const char synopsis[] = "strait record [OPTIONS] [-o FILE]\n"
			       "strait record [OPTIONS] [-o FILE] -- COMMAND";

static const char examples[] =
	"  sudo strait record -d 300 -o night.strait     five minutes\n"
	"  sudo strait record --container web            into a file named after host and time\n"
	"  strait report night.strait                    its report, without root\n";

/* HOST-20261122T114500Z.strait: no two recordings meet. */
static void file_name(char *out, size_t size)
{
	char host[65] = "";
	time_t now = time(NULL);
	struct tm utc;

	gethostname(host, sizeof(host) - 1);
	for (char *c = host; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
			*c = '_';
	gmtime_r(&now, &utc);
	snprintf(out, size, "%.60s-%04d%02d%02dT%02d%02d%02dZ.strait", *host ? host : "strait",
		 utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
		 utc.tm_sec);
}

static void file_tell(const char *file, const struct recording *rec)
{
	struct stat st;
	double megabytes = stat(file, &st) ? 0 : (double)st.st_size / 1e6;

	cli_say("%.200s: %.1f s, %.1f MB; strait report %.200s shows it", file,
		(double)rec->length_ns / 1e9, megabytes, file);
}

int cli_record(int argc, char **argv)
{
	struct observe_options options = OBSERVE_DEFAULTS;
	struct option_table target = {}, how = {};
	const struct option file[] = {
		{"output", 'o', "FILE", option_text, &options.file,
		 "the recording; HOST-TIME.strait in this directory without it"},
		{"replace", 0, NULL, option_flag, &options.replace,
		 "take the place of an older recording of that name; never of another file"},
		{}};
	const struct option_group groups[] = {
		{"What to watch (without any: the host)", target.rows}, {"How", how.rows}, {}};
	const struct usage usage = {.name = "strait record",
				    .synopsis = synopsis,
				    .what = what,
				    .groups = groups,
				    .examples = examples,
				    .command = true};
	struct recording *rec = NULL;
	struct error error;
	char name[128];
	int status, err;

	status = observe_parse(&usage, argc, argv, &target, &how, file, &options);
	if (status != OPTIONS_GO)
		return status;
	options.file_only = true;
	if (!options.file) {
		file_name(name, sizeof(name));
		options.file = name;
	}
	err = observe(&options, &rec, &error);
	status = err ? cli_failed(err, &error) : EXIT_OK;
	if (!err && !options.quiet)
		file_tell(options.file, rec);
	recording_free(rec);
	return status;
}
