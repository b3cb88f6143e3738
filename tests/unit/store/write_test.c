/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/fixture.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* A finished recording of n slices, appended one by one, at `path`. The caller frees it. */
static struct recording *recording_write(unsigned int n)
{
	struct recording *rec = fixture_names();
	struct store *store = NULL;

	assert_ok(store_create(&store, path, NULL, &error));
	for (unsigned int i = 0; i < n; i++) {
		fixture_slice(rec);
		assert_ok(store_append(store, rec, &error));
	}
	rec->length_ns = n * 1000000000ull;
	assert_ok(store_finish(store, rec, &error));
	store_close(store);
	return rec;
}

static void test_round_trip(void **state)
{
	struct recording *rec = recording_write(3), *read = NULL;
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(folder_files(), 1);
	assert_ok(store_open(path, &read, &error));
	assert_same(rec, read);
	assert_false(read->cut);
	/* What was read can be looked up and added to. */
	assert_int_equal(string_find(read, "do_work"), string_find(rec, "do_work"));
	assert_int_equal(process_intern(read, 4194303, 99000000000), 1);
	assert_int_equal(folder_files(), 1);
	recording_free(read);
	recording_free(rec);
}

static void test_empty_recording(void **state)
{
	struct recording *rec = recording_write(0), *read = NULL;

	(void)state;
	assert_ok(store_open(path, &read, &error));
	assert_same(rec, read);
	recording_free(read);
	recording_free(rec);
}

/* Inlined functions that are found when the stacks are in the file: they, and those behind, move.
 */
static void test_stacks_expanded_late(void **state)
{
	struct recording *rec = fixture_names(), *read = NULL;
	struct store *store = NULL;
	size_t before = rec->stack_frames.len;
	uint32_t unused[3] = {0, 1, 2};

	(void)state;
	assert_ok(store_create(&store, path, NULL, &error));
	fixture_slice(rec);
	assert_ok(store_append(store, rec, &error));
	frame_intern_inlined(rec, 1, 2, string_intern(rec, "late"));
	stacks_expand(rec, 0);
	assert_int_equal(rec->stack_frames.len, before + 4);
	assert_ok(store_append(store, rec, &error));
	/* Frames that are left out: the table gets shorter. */
	fixture_slice(rec);
	stack_intern(rec, unused, 3, 1, STACK_LOOP);
	assert_ok(store_append(store, rec, &error));
	for (size_t i = 2; i < rec->stacks.len; i++)
		rec->stacks.at[i].len = rec->stacks.at[i].kernel_len = 0;
	frame_intern_inlined(rec, 2, 1, string_intern(rec, "later"));
	before = rec->stack_frames.len;
	stacks_expand(rec, 0);
	assert_true(rec->stack_frames.len < before);
	rec->length_ns = 2000000000;
	assert_ok(store_finish(store, rec, &error));
	store_close(store);
	assert_ok(store_open(path, &read, &error));
	assert_same(rec, read);
	recording_free(read);
	recording_free(rec);
}

/* Names that change after they were written, and samples of a slice that is still open. */
static void test_later_changes(void **state)
{
	struct recording *rec = fixture_names(), *read = NULL;
	struct store *store = NULL;

	(void)state;
	assert_ok(store_create(&store, path, NULL, &error));
	fixture_slice(rec);
	assert_ok(store_append(store, rec, &error));
	rec->processes.at[0].comm = string_intern(rec, "renamed");
	rec->processes.at[0].cgroup = 0;
	rec->frames.at[1].function = string_intern(rec, "found_late");
	rec->frames.at[1].named = 1;
	rec->stacks.at[1].user_end = STACK_COMPLETE;
	recording_loss(rec, "ring buffer full: cpu samples", true, 30);
	recording_begin_slice(rec, 1000000000, false);
	recording_sample(rec, SAMPLE_CPU, 0, 1, 1, 10);
	assert_ok(store_append(store, rec, &error));
	recording_sample(rec, SAMPLE_CPU, 0, 1, 1, 10);
	recording_end_slice(rec, 2000000000);
	recording_sample(rec, SAMPLE_CPU, 0, 1, 1, 1);
	assert_ok(store_append(store, rec, &error));
	assert_ok(store_finish(store, rec, &error));
	store_close(store);
	assert_ok(store_open(path, &read, &error));
	assert_same(rec, read);
	assert_int_equal(read->samples.at[2].count, 2);
	assert_string_equal(string_get(read, read->frames.at[1].function), "found_late");
	recording_free(read);
	recording_free(rec);
}

/* Without store_finish() the recording is cut, and as long as its slices. */
static void test_unfinished(void **state)
{
	struct recording *rec = fixture_names(), *read = NULL;
	struct store *store = NULL;

	(void)state;
	assert_ok(store_create(&store, path, NULL, &error));
	fixture_slice(rec);
	fixture_slice(rec);
	assert_ok(store_append(store, rec, &error));
	store_close(store);
	assert_int_equal(folder_files(), 1);
	assert_ok(store_open(path, &read, &error));
	assert_true(read->cut);
	assert_int_equal(read->length_ns, 2000000000);
	rec->cut = true;
	rec->length_ns = 2000000000;
	assert_same(rec, read);
	recording_free(read);
	recording_free(rec);
}

static void test_discard(void **state)
{
	struct store *store = NULL;

	(void)state;
	assert_ok(store_create(&store, path, NULL, &error));
	store_discard(store);
	assert_int_equal(folder_files(), 0);
	store_close(NULL);
	store_discard(NULL);
}

/* A child that records without end; a byte in the pipe for each slice that store_append() took. */
static pid_t recorder_start(int *done)
{
	struct recording *rec;
	struct store *store = NULL;
	int ends[2];
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child) {
		close(ends[1]);
		*done = ends[0];
		return child;
	}
	close(ends[0]);
	rec = fixture_names();
	if (store_create(&store, path, NULL, &error))
		_exit(1);
	for (;;) {
		fixture_slice(rec);
		if (store_append(store, rec, &error) || write(ends[1], "x", 1) != 1)
			_exit(1);
	}
}

static size_t slices_done(int done, size_t wanted)
{
	size_t n = 0;
	char byte;

	while (n < wanted && read(done, &byte, 1) == 1)
		n++;
	return n;
}

static void recorder_kill(pid_t child)
{
	int status;

	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

/* Checks that a cut recording has at least n slices and every slice its rows, or more points. */
static void assert_cut(size_t n)
{
	struct recording *read = NULL;

	assert_ok(store_open(path, &read, &error));
	assert_true(read->cut);
	assert_true(read->slices.len >= n);
	assert_int_equal(read->length_ns, read->slices.len * 1000000000ull);
	assert_int_equal(read->samples.len, 2 * read->slices.len);
	assert_int_equal(read->edges.len, 2 * read->slices.len);
	assert_true(read->points.len >= 3 * read->slices.len);
	assert_string_equal(string_get(read, read->cgroups.at[0].path),
			    "/system.slice/web.service");
	recording_free(read);
}

static void test_killed(void **state)
{
	static const size_t when[] = {1, 2, 17, 400};
	char beside[160];
	int done;

	(void)state;
	snprintf(beside, sizeof(beside), "%s-shm", path);
	for (size_t i = 0; i < sizeof(when) / sizeof(*when); i++) {
		pid_t child = recorder_start(&done);
		size_t n = slices_done(done, when[i]);

		recorder_kill(child);
		n += slices_done(done, SIZE_MAX);
		close(done);
		assert_true(n >= when[i]);
		assert_int_equal(folder_files(), 3);
		assert_cut(n);
		/* Reading leaves everything as it was, so it can be read again, … */
		assert_int_equal(folder_files(), 3);
		assert_cut(n);
		/* … also where nothing can be written, with and without the -shm file. */
		assert_int_equal(chmod(path, 0400), 0);
		assert_int_equal(chmod(folder, 0500), 0);
		assert_cut(n);
		assert_int_equal(chmod(folder, 0700), 0);
		unlink(beside);
		assert_cut(n);
		assert_int_equal(folder_files(), 2);
		snprintf(error.text, sizeof(error.text), "%s-wal", path);
		unlink(error.text);
		unlink(path);
	}
}

/* As an ordinary user in a folder that is not theirs: root's rights hide what fails. */
static void test_read_only_folder(void **state)
{
	pid_t child, reader;
	int done, status;

	(void)state;
	if (geteuid())
		skip();
	child = recorder_start(&done);
	slices_done(done, 5);
	recorder_kill(child);
	close(done);
	assert_int_equal(chmod(folder, 0755), 0);
	for (int round = 0; round < 2; round++) {
		char beside[160];

		snprintf(beside, sizeof(beside), "%s-wal", path);
		assert_int_equal(chmod(path, 0644) | chmod(beside, 0644), 0);
		reader = fork();
		if (!reader) {
			struct recording *read = NULL;

			if (setgid(65534) || setuid(65534))
				_exit(2);
			_exit(store_open(path, &read, &error) || !read->cut ||
			      read->slices.len < 5);
		}
		waitpid(reader, &status, 0);
		assert_int_equal(status, 0);
		snprintf(beside, sizeof(beside), "%s-shm", path);
		unlink(beside);
	}
	/* Without the right to read, the error says whose it is. */
	assert_int_equal(chmod(path, 0600), 0);
	reader = fork();
	if (!reader) {
		struct recording *read = NULL;

		if (setgid(65534) || setuid(65534))
			_exit(2);
		_exit(store_open(path, &read, &error) != -EACCES ||
		      !strstr(error.text, "belongs to user 0"));
	}
	waitpid(reader, &status, 0);
	assert_int_equal(status, 0);
}

/* A recording can be read while it is made, and its name cannot be taken meanwhile. */
static void test_read_while_written(void **state)
{
	struct store_options replace = {.replace = true};
	struct store *store = NULL;
	pid_t child;
	int done;

	(void)state;
	child = recorder_start(&done);
	for (int i = 0; i < 5; i++)
		assert_cut(slices_done(done, 3));
	assert_fails(store_create(&store, path, &replace, &error), EBUSY, "is in use by process");
	recorder_kill(child);
	close(done);
	assert_ok(store_create(&store, path, &replace, &error));
	store_close(store);
}

/* What is written after the limit fails; what was written before it is there. */
static void recorder_limited(rlim_t limit)
{
	struct rlimit size = {limit, limit};
	struct recording *rec = fixture_names();
	struct store *store = NULL;
	size_t n = 0;
	int err = 0;

	signal(SIGXFSZ, SIG_IGN);
	if (store_create(&store, path, NULL, &error) || setrlimit(RLIMIT_FSIZE, &size))
		_exit(1);
	for (; !err && n < 100000; n++) {
		fixture_slice(rec);
		for (int i = 0; i < 5000; i++)
			recording_point(rec, "cpu.pressure", "extra", 1.0 / (i + 1));
		err = store_append(store, rec, &error);
	}
	if (err != -ENOSPC || !strstr(error.text, "no space left") || strchr(error.text, '\n'))
		_exit(2);
	/* It goes on failing, it does not crash, and the last words fail as well. */
	if (store_append(store, rec, &error) != -ENOSPC ||
	    store_finish(store, rec, &error) != -ENOSPC)
		_exit(3);
	store_close(store);
	recording_free(rec);
	_exit(n > 3 ? 0 : 4);
}

static void test_disk_full(void **state)
{
	pid_t child;
	int status;

	(void)state;
	/* Above and below the size at which the -wal file is written back. */
	for (rlim_t limit = 800000; limit <= 6400000; limit *= 2) {
		child = fork();
		if (!child)
			recorder_limited(limit);
		waitpid(child, &status, 0);
		assert_int_equal(status, 0);
		assert_cut(3);
		folder_remove(NULL);
		mkdir(folder, 0700);
	}
}

/* A disk that has space again: everything that was held back is written. */
static void test_disk_full_for_a_while(void **state)
{
	struct recording *rec = fixture_names(), *read = NULL;
	struct rlimit old, size;
	struct store *store = NULL;
	int failures = 0;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	size = (struct rlimit){200000, old.rlim_max};
	assert_ok(store_create(&store, path, NULL, &error));
	setrlimit(RLIMIT_FSIZE, &size);
	for (int i = 0; i < 2000 && failures < 3; i++) {
		fixture_slice(rec);
		rec->processes.at[0].uid++;
		failures += store_append(store, rec, &error) != 0;
	}
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(failures, 3);
	fixture_slice(rec);
	assert_ok(store_append(store, rec, &error));
	rec->length_ns = rec->slices.len * 1000000000ull;
	assert_ok(store_finish(store, rec, &error));
	store_close(store);
	assert_ok(store_open(path, &read, &error));
	assert_same(rec, read);
	assert_int_equal(folder_files(), 1);
	recording_free(read);
	recording_free(rec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_round_trip),
		STORE_TEST(test_empty_recording),
		STORE_TEST(test_later_changes),
		STORE_TEST(test_unfinished),
		STORE_TEST(test_stacks_expanded_late),
		STORE_TEST(test_unfinished),
		STORE_TEST(test_discard),
		STORE_TEST(test_killed),
		STORE_TEST(test_read_only_folder),
		STORE_TEST(test_read_while_written),
		STORE_TEST(test_disk_full),
		STORE_TEST(test_disk_full_for_a_while),
	};

	return cmocka_run_group_tests_name("store/write", tests, NULL, NULL);
}
