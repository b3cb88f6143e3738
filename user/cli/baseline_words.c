/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/baseline_words.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analysis/baseline.h"
#include "cli/cli.h"

int baseline_place_find(struct baseline_place *place, struct error *error)
{
	if (place->store)
		return 0;
	place->store = place->path;
	return baselines_path(place->path, sizeof(place->path), error);
}

static bool names_file(const char *word)
{
	size_t length = strlen(word);

	return strchr(word, '/') || (length > 7 && !strcmp(word + length - 7, ".strait"));
}

void word_open(struct baseline_place *place, const char *text, struct word *word)
{
	*word = (struct word){
		.text = text, .place = place, .store_err = -ENOENT, .file_err = -ENOENT};
	if (!text)
		return;
	if (!names_file(text)) {
		word->store_err = baseline_place_find(place, &word->store_error);
		if (!word->store_err)
			word->store_err = baselines_open(&word->store, place->store, BASELINES_READ,
							 &word->store_error);
		if (access(text, F_OK))
			return;
	}
	word->file_err = store_reach(text, &word->file, &word->file_error);
}

void word_close(struct word *word)
{
	baselines_close(word->store);
	store_file_close(word->file);
}

static int word_load_file(struct word *word, struct baseline **out, struct error *error)
{
	struct recording *rec;
	int err = word->file_err;

	if (err)
		*error = word->file_error;
	else
		err = store_read(word->file, &rec, error);
	if (err)
		return err;
	*out = baseline_extract(rec);
	baseline_text(&(*out)->name, word->text);
	recording_free(rec);
	return 0;
}

int word_load(struct word *word, struct baseline **out, struct error *error)
{
	int err = word->store_err;

	if (names_file(word->text))
		return word_load_file(word, out, error);
	if (err)
		*error = word->store_error;
	else
		err = baselines_load(word->store, word->text, out, error);
	if (err == -ENOENT && (word->file || word->file_err != -ENOENT))
		return word_load_file(word, out, error);
	if (err == -ENOENT && word->store_err)
		return error_set(error, -ENOENT,
				 "there is no baseline '%.100s': none has been kept in %s yet "
				 "('strait baseline save %.64s' keeps one)",
				 word->text, word->place->store, word->text);
	return err;
}

int look_apart(int (*look)(const void *what), const void *what)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(look(what));
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
		cli_say("cannot look at what is kept: the process that was to do it failed");
		return EXIT_FAILED;
	}
	return WEXITSTATUS(status);
}
