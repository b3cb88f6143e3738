/* SPDX-License-Identifier: BSD-2-Clause */
/* strait doctor: what this kernel and these rights allow. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "capture/family.h"
#include "capture/loader.h"
#include "cli/checks.h"
#include "cli/cli.h"
#include "cli/observe.h"
#include "util/escape.h"
#include "util/output.h"

#define TRIAL_NS    200000000ULL /* a window just long enough to see that events arrive */
#define CHECKS_MAX  16
#define NAME_COLUMN 16

static const char what[] =
	"Tries what strait needs on this host: rights, kernel features, and every program of every "
	"probe family, loaded and attached for a moment. Says what is missing, what that costs, "
	"and "
	"what to do. The exit status is 0 where tracing works and 77 where it does not.";

static const char examples[] =
	"  sudo strait doctor\n"
	"  sudo strait doctor -v               every program\n"
	"  sudo strait doctor --json | jq '.families[] | select(.status != \"ok\")'\n";

struct doctor {
	struct check checks[CHECKS_MAX];
	size_t check_count;
	VEC(struct program_state) programs;
	struct recording *rec; /* of the trial, NULL = it could not begin */
	struct error why_not;
	bool works;
};

static void checks_run(struct doctor *doctor, const char *btf)
{
	for (const struct check_row *row = check_rows; row->name; row++) {
		struct check *check = &doctor->checks[doctor->check_count];

		if (doctor->check_count == CHECKS_MAX)
			break;
		*check = (struct check){.name = row->name, .btf = btf};
		row->run(check);
		doctor->check_count++;
	}
}

/* Loads and attaches everything for a moment. */
static void trial_run(struct doctor *doctor, const char *btf)
{
	struct session_options options = {
		.btf = btf,
		.sample_hz = 99,
		.alloc = true,
		.budget = 1,
		.length_ns = TRIAL_NS,
		.slice_ns = TRIAL_NS,
		.wait_threshold_ns = OBSERVE_SECOND / 1000,
		.command_fd = -1,
	};
	struct session *session;
	int err = session_open(&session, &options, &doctor->why_not);

	if (err)
		return;
	vec_each(&session->loader->programs, state)
		vec_push(&doctor->programs, *state);
	err = session_run(session, &doctor->why_not);
	doctor->rec = session_take(session);
	doctor->works = !err;
}

static const struct family_state *family_find(const struct doctor *doctor, const char *name)
{
	if (doctor->rec)
		vec_each(&doctor->rec->families, family)
			if (!strcmp(string_get(doctor->rec, family->name), name))
				return family;
	return NULL;
}

/* ---- as JSON ---- */

static json_t *checks_json(const struct doctor *doctor)
{
	json_t *checks = json_array();

	for (size_t i = 0; i < doctor->check_count; i++) {
		const struct check *check = &doctor->checks[i];
		char *found = escape_text(check->found, ESCAPE_JSON);

		json_array_append_new(checks,
				      json_pack("{s:s, s:s, s:s, s:s*}", "name", check->name,
						"status", check_status_name(check->status), "found",
						found, "fix", *check->fix ? check->fix : NULL));
		free(found);
	}
	return checks;
}

static json_t *family_json(const struct doctor *doctor, const struct family *family)
{
	const struct family_state *state = family_find(doctor, family->name);
	json_t *programs = json_array();

	vec_each(&doctor->programs, program) {
		char *why;

		if (!program_in_family(program->name, family->name))
			continue;
		why = escape_text(program->why, ESCAPE_JSON);
		json_array_append_new(programs,
				      json_pack("{s:s, s:s, s:b, s:s*}", "name", program->name,
						"hook", program->hook, "loaded", program->loaded,
						"why", program->loaded ? NULL : why));
		free(why);
	}
	return json_pack("{s:s, s:s, s:s, s:o}", "name", family->name, "what", family->what,
			 "status",
			 state ? family_status_name((enum family_status)state->status) : "untried",
			 "programs", programs);
}

static int doctor_json(const struct doctor *doctor)
{
	json_t *list = json_array(), *root;
	char *why = escape_text(doctor->why_not.text, ESCAPE_JSON), *text;
	int err = -ENOMEM;

	for (size_t i = 0; families[i]; i++)
		json_array_append_new(list, family_json(doctor, families[i]));
	root = json_pack("{s:{s:s, s:i}, s:b, s:s*, s:o, s:o}", "strait", "version", STRAIT_VERSION,
			 "schema", 1, "works", doctor->works, "why", doctor->works ? NULL : why,
			 "checks", checks_json(doctor), "families", list);
	if (doctor->rec)
		json_object_set_new(root, "map_bytes",
				    json_integer((json_int_t)doctor->rec->self.map_bytes));
	text = json_dumps(root, JSON_INDENT(2));
	if (text) {
		err = output_write(stdout, text, strlen(text));
		if (!err)
			err = output_write(stdout, "\n", 1);
	}
	free(text);
	free(why);
	json_decref(root);
	return cli_written(err);
}

/* ---- as text ---- */

static void row_put(FILE *out, const char *status, const char *name, const char *text)
{
	char *escaped = escape_text(text, ESCAPE_TERMINAL);

	fprintf(out, "  %-8s %-*s %s\n", status, NAME_COLUMN, name, escaped);
	free(escaped);
}

static void programs_put(FILE *out, const struct doctor *doctor, const char *family, bool all)
{
	char line[400];

	vec_each(&doctor->programs, program) {
		if (!program_in_family(program->name, family) || (program->loaded && !all))
			continue;
		snprintf(line, sizeof(line), "  %s (%s)%s%s", program->name, program->hook,
			 program->loaded ? "" : ": ", program->loaded ? "" : program->why);
		row_put(out, "", "", line);
	}
}

static void families_put(FILE *out, const struct doctor *doctor, bool verbose)
{
	fprintf(out, "\nProbe families\n");
	for (size_t i = 0; families[i]; i++) {
		const struct family_state *state = family_find(doctor, families[i]->name);

		row_put(out,
			state ? family_status_name((enum family_status)state->status) : "untried",
			families[i]->name, families[i]->what);
		programs_put(out, doctor, families[i]->name, verbose);
	}
}

static int doctor_text(const struct doctor *doctor, bool verbose)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	int err;

	if (!out)
		return cli_written(-ENOMEM);
	fprintf(out, "This host\n");
	for (size_t i = 0; i < doctor->check_count; i++) {
		const struct check *check = &doctor->checks[i];

		row_put(out, check_status_name(check->status), check->name, check->found);
		if (*check->fix)
			row_put(out, "", "", check->fix);
	}
	families_put(out, doctor, verbose);
	if (doctor->works) {
		fprintf(out, "\nstrait works here. Its maps take %.1f MB of kernel memory.\n",
			(double)doctor->rec->self.map_bytes / 1e6);
	} else {
		char *why = escape_text(doctor->why_not.text, ESCAPE_TERMINAL);

		fprintf(out, "\nstrait cannot trace here: %s\n", why);
		free(why);
	}
	fclose(out);
	err = output_write(stdout, text, length);
	free(text);
	return cli_written(err);
}

int cli_doctor(int argc, char **argv)
{
	bool json = false, verbose = false;
	const char *btf = NULL;
	const struct option look[] = {OBSERVE_BTF_ROW(btf), {}};
	const struct option print[] = {{"json", 0, NULL, option_flag, &json, "for programs"},
				       {"verbose", 'v', NULL, option_flag, &verbose,
					"name every program, not only those "
					"that are missing"},
				       {}};
	const struct option_group groups[] = {{"How to look", look}, {"What to print", print}, {}};
	const struct usage usage = {.name = "strait doctor",
				    .synopsis = "strait doctor [OPTIONS]",
				    .what = what,
				    .groups = groups,
				    .examples = examples};
	struct doctor doctor = {};
	struct arguments rest;
	int status = options_parse(&usage, argc, argv, &rest);

	if (status != OPTIONS_GO)
		return status;
	checks_run(&doctor, btf);
	trial_run(&doctor, btf);
	status = json ? doctor_json(&doctor) : doctor_text(&doctor, verbose);
	if (status == EXIT_OK && !doctor.works)
		status = EXIT_HOST;
	vec_free(&doctor.programs);
	recording_free(doctor.rec);
	return status;
}
