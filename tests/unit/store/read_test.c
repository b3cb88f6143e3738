/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/fixture.h"

#include <sqlite3.h>
#include <sys/wait.h>

/* A finished recording of 5 slices at `path`; with cut, one whose writer went without a word. */
static void file_make(bool cut)
{
	struct recording *rec = fixture_names();
	struct store *store = NULL;

	assert_ok(store_create(&store, path, NULL, &error));
	for (int i = 0; i < 5; i++) {
		fixture_slice(rec);
		assert_ok(store_append(store, rec, &error));
	}
	rec->length_ns = 5000000000;
	if (cut)
		_exit(0);
	assert_ok(store_finish(store, rec, &error));
	store_close(store);
	recording_free(rec);
}

static void file_write(const char *name, const void *bytes, size_t length)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), length);
	close(fd);
}

static char *file_read(const char *name, size_t *length)
{
	int fd = open(name, O_RDONLY);
	struct stat st;
	char *bytes;

	assert_true(fd >= 0 && !fstat(fd, &st));
	bytes = malloc(st.st_size + 1);
	*length = st.st_size;
	assert_int_equal(read(fd, bytes, *length), *length);
	close(fd);
	return bytes;
}

static int sql_run(const char *sql)
{
	sqlite3 *db = NULL;
	char *message = NULL;
	int rc;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	rc = sqlite3_exec(db, sql, NULL, NULL, &message);
	if (rc)
		print_error("%s: %s\n", sql, message);
	sqlite3_free(message);
	sqlite3_close(db);
	return rc;
}

static int read_error(void)
{
	struct recording *read = NULL;
	int err = store_open(path, &read, &error);

	if (err)
		assert_null(read);
	recording_free(read);
	return err;
}

static void test_not_a_recording(void **state)
{
	char text[4096];

	(void)state;
	assert_fails(read_error(), ENOENT, "No such file");
	assert_int_equal(mkdir(path, 0700), 0);
	assert_fails(read_error(), EINVAL, "is a folder");
	rmdir(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_fails(read_error(), EINVAL, "is not a regular file");
	unlink(path);
	file_write(path, "", 0);
	assert_fails(read_error(), EINVAL, "is empty");
	memset(text, 'x', sizeof(text));
	file_write(path, text, sizeof(text));
	assert_fails(read_error(), EINVAL, "r.strait is not a strait recording");
	file_write(path, "SQLite format 3", 16);
	assert_fails(read_error(), EINVAL, "r.strait is not a strait recording");
	unlink(path);
	assert_int_equal(sql_run("CREATE TABLE samples(id)"), 0);
	assert_fails(read_error(), EINVAL, "is an SQLite database, but not a strait recording");
	assert_int_equal(sql_run("PRAGMA application_id=0x53545254"), 0);
	assert_fails(read_error(), ENOTSUP, "schema version 0");
	assert_int_equal(sql_run("PRAGMA user_version=5"), 0);
	assert_fails(read_error(), EBADMSG, "table strings is missing");
}

static void test_other_versions(void **state)
{
	(void)state;
	file_make(false);
	assert_int_equal(sql_run("PRAGMA user_version=6"), 0);
	assert_fails(read_error(), ENOTSUP,
		     "schema version 6; strait " STRAIT_VERSION
		     " reads version 5: read it with a newer strait");
	assert_int_equal(sql_run("PRAGMA user_version=4"), 0);
	assert_fails(read_error(), ENOTSUP, "record again");
	assert_int_equal(sql_run("PRAGMA user_version=5"), 0);
	assert_int_equal(read_error(), 0);
}

/* Names that mean something to SQLite mean nothing here; links are followed when reading. */
static void test_odd_names(void **state)
{
	static const char *const names[] = {":memory:", "file:x?mode=memory", "a b%20c#d?e",
					    "\xff"};
	struct recording *read = NULL;
	struct store *store = NULL;
	char *old = getcwd(NULL, 0);

	(void)state;
	file_make(false);
	assert_int_equal(chdir(folder), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		assert_int_equal(symlink(path, names[i]), 0);
		assert_ok(store_open(names[i], &read, &error));
		recording_free(read);
		unlink(names[i]);
		assert_int_equal(store_open(names[i], &read, &error), -ENOENT);
		assert_ok(store_create(&store, names[i], NULL, &error));
		assert_int_equal(access(names[i], R_OK), 0);
		store_discard(store);
		assert_int_equal(folder_files(), 1);
	}
	assert_int_equal(store_open("", &read, &error), -ENOENT);
	assert_int_equal(store_create(&store, "", NULL, &error), -EINVAL);
	assert_int_equal(chdir(old), 0);
	free(old);
}

#define POINTS "DROP TABLE points; CREATE "
#define ENDLESS                                                                                    \
	"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i FROM n) "                             \
	"SELECT i AS id, 0 AS slice, 0 AS metric, 0 AS label, 0 AS value FROM n WHERE i > 0"

static const struct {
	const char *sql, *text; /* text NULL: it is read all the same */
} damages[] = {
	{"UPDATE samples SET thread = 2 WHERE id = 3", "samples row 3, thread: refers to a row"},
	{"UPDATE samples SET thread = -1 WHERE id = 3", "samples row 3, thread: refers to a row"},
	{"UPDATE samples SET thread = 4294967296", "samples row 0, thread: refers to a row"},
	{"UPDATE samples SET stack = 3", "stack: refers to a row"},
	{"UPDATE samples SET slice = 5 WHERE id = 9", "samples row 9, slice: refers to a row"},
	{"UPDATE samples SET kind = 12", "kind: out of range"},
	{"UPDATE samples SET kind = -1", "kind: out of range"},
	{"UPDATE samples SET count = -1", "count: out of range"},
	{"UPDATE samples SET count = 'many'", "count: not an integer"},
	{"UPDATE samples SET weight = 1.5", "weight: not an integer"},
	{"UPDATE samples SET weight = x'00'", "weight: not an integer"},
	{"DELETE FROM samples WHERE id = 0", "samples row 1: rows are missing"},
	{"DELETE FROM samples WHERE id = 4", "samples row 5: rows are missing"},
	{"UPDATE samples SET id = -1 WHERE id = 0", "samples row -1: rows are missing"},
	{"DELETE FROM slices WHERE id = 4", "slice: refers to a row"},
	{"UPDATE slices SET end_ns = 1 WHERE id = 2", "slices row 2: it ends before"},
	{"UPDATE slices SET begin_ns = 0 WHERE id = 2", "slices row 2: it begins before"},
	{"UPDATE slices SET warmup = 2", "warmup: out of range"},
	{"UPDATE stacks SET len = 6 WHERE id = 2", "stacks row 2: it has more frames"},
	{"UPDATE stacks SET len = 4294967295 WHERE id = 2", "stacks row 2: it has more frames"},
	{"UPDATE stacks SET len = 4294967296 WHERE id = 2", "len: out of range"},
	{"UPDATE stacks SET first = 0 WHERE id = 2", "stacks row 2: its frames do not follow"},
	{"UPDATE stacks SET kernel_len = 4 WHERE id = 1", "stacks row 1: it has more kernel"},
	{"UPDATE stacks SET user_end = 7", "user_end: out of range"},
	{"UPDATE stack_frames SET frame = 4", "stack_frames row 0, frame: refers to a row"},
	{"UPDATE frames SET inlined = 33", "frames row 0, inlined: out of range"},
	{"UPDATE frames SET module = 2", "frames row 0, module: refers to a row"},
	{"UPDATE frames SET module = NULL", NULL},
	{"UPDATE frames SET kind = 3", "kind: out of range"},
	{"UPDATE frames SET function = 4294967295", "function: refers to a row"},
	{"UPDATE threads SET process = 2", "threads row 0, process: refers to a row"},
	{"UPDATE threads SET nice = 2147483648", "nice: out of range"},
	{"UPDATE threads SET nice = -2147483649", "nice: out of range"},
	{"UPDATE threads SET cpu_mask_2 = -1", NULL},
	{"UPDATE processes SET cgroup = 1", "processes row 0, cgroup: refers to a row"},
	{"UPDATE processes SET born = 256", "born: out of range"},
	{"UPDATE listeners SET port = 65536", "port: out of range"},
	{"UPDATE ledger SET state = 18", "state: out of range"},
	{"UPDATE edges SET party = 2", "edges row 0, party: refers to a row"},
	{"UPDATE waits SET state = 0", "waits row 0: its state is no wait"},
	{"UPDATE delays SET state = 7", "delays row 0: its state is no wait for a CPU"},
	{"UPDATE delays SET seen_ns = 595", "delays row 0: more of it was seen than it took"},
	{"UPDATE excerpts SET end_ns = 0", "excerpts row 0: it ends before"},
	{"UPDATE events SET kind = 3", "events row 0, kind: out of range"},
	{"UPDATE events SET excerpt = 9", "events row 0, excerpt: refers to a row"},
	{"UPDATE waits SET end_ns = 0", "waits row 0: it ends before"},
	{"UPDATE waits SET ended_by = 6", "waits row 0, ended_by: out of range"},
	{"UPDATE waits SET waker_stack = 99", "waits row 0, waker_stack: refers to a row"},
	{"UPDATE waits SET lock = 2", "waits row 0, lock: out of range"},
	{"UPDATE buckets SET bucket = 3776", "bucket: out of range"},
	{"UPDATE points SET value = 9e999", "value: out of range"},
	{"UPDATE points SET value = 'x'", "value: not a number"},
	{"UPDATE families SET status = 3", "status: out of range"},
	{"UPDATE strings SET text = 'x' WHERE id = 0", "strings row 0: the first string is not"},
	{"UPDATE strings SET text = 7 || char(0) || 8 WHERE id = 4",
	 "strings row 4, text: a text with"},
	{"UPDATE strings SET text = x'ff00fe' WHERE id = 4", "strings row 4, text: a text with"},
	{"UPDATE strings SET text = x'' WHERE id = 4", NULL},
	{"UPDATE strings SET text = hex(zeroblob(2048)) WHERE id = 4", NULL},
	{"UPDATE strings SET text = hex(zeroblob(2048)) || 'x' WHERE id = 4", "text: longer than"},
	{"UPDATE strings SET text = hex(zeroblob(5000000)) WHERE id = 4", "is damaged"},
	{"UPDATE strings SET text = zeroblob(500000) WHERE id = 4", "text: longer than"},
	{"DELETE FROM strings", "holds nothing"},
	{"DELETE FROM recording", "recording row 0: it is missing"},
	{"UPDATE recording SET id = 1", "recording row 1: rows are missing"},
	{"UPDATE recording SET cpus = 65537", "cpus: out of range"},
	{"UPDATE recording SET target_kind = 6", "target_kind: out of range"},
	{"UPDATE recording SET host = 99999", "host: refers to a row"},
	{"DROP TABLE waits", "its table waits is missing or not as it should be"},
	{"ALTER TABLE waits ADD COLUMN more INTEGER", "its table waits is missing or not"},
	{"DROP VIEW v_waits; ALTER TABLE waits DROP COLUMN syscall",
	 "its table waits is missing or not"},
	{"ALTER TABLE waits RENAME COLUMN syscall TO sys", "is damaged"},
	{POINTS "VIEW points AS " ENDLESS, "its table points is missing or not"},
	{POINTS "TABLE points(id INTEGER PRIMARY KEY, slice, metric, label, "
		"value AS (zeroblob(1000000000)))",
	 "its table points is missing or not"},
	{POINTS "TABLE points(id PRIMARY KEY, slice, metric, label, value)",
	 "its table points is missing or not"},
	{POINTS "TABLE points(id INTEGER PRIMARY KEY, slice, metric, label, value);"
		"INSERT INTO points VALUES(0, NULL, 0, 0, 0)",
	 "points row 0, slice: not an integer"},
	/* What people may add for themselves. */
	{"CREATE INDEX mine ON samples(stack); CREATE VIEW mine2 AS SELECT 1; ANALYZE", NULL},
	{"CREATE TABLE notes(id); VACUUM", NULL},
	{"PRAGMA page_size = 512; VACUUM", NULL},
	{"PRAGMA journal_mode = WAL", NULL},
};

static void test_damage(void **state)
{
	size_t length;
	char *whole;

	(void)state;
	file_make(false);
	whole = file_read(path, &length);
	for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
		file_write(path, whole, length);
		assert_int_equal(sql_run(damages[i].sql), 0);
		if (damages[i].text) {
			assert_fails(read_error(), EBADMSG, damages[i].text);
		} else {
			assert_ok(read_error());
		}
	}
	free(whole);
}

/* xorshift64 (G. Marsaglia, 2003): the same sequence everywhere. */
static uint64_t random_next(uint64_t *at)
{
	*at ^= *at << 13;
	*at ^= *at >> 7;
	*at ^= *at << 17;
	return *at;
}

/* Reads every row and what it refers to: the sanitizer sees a position that is too large. */
static void recording_walk(const struct recording *rec)
{
	uint64_t sum = 0;

	vec_each(&rec->samples, sample) {
		const struct stack *stack = &rec->stacks.at[sample->stack];

		sum += rec->slices.at[sample->slice].end_ns;
		sum += rec->processes.at[rec->threads.at[sample->thread].process].pid;
		for (uint32_t i = 0; i < stack->len; i++)
			sum += rec->frames.at[rec->stack_frames.at[stack->first + i]].offset;
		sum += sample_kind_name(sample->kind)[0];
	}
	vec_each(&rec->processes, process)
		sum += process->cgroup == NONE ? 0 : rec->cgroups.at[process->cgroup].id;
	vec_each(&rec->frames, frame)
		sum += frame->module == NONE ? 0 : rec->modules.at[frame->module].path;
	vec_each(&rec->counts, count)
		sum += rec->strings.at.at[count->metric][0] + rec->strings.at.at[count->label][0];
	vec_each(&rec->strings.at, text)
		sum += strlen(*text);
	assert_true(rec->slice_samples == rec->samples.len);
	assert_true(sum != 1); /* and nothing is left out by the compiler */
}

static void read_and_walk(void)
{
	struct recording *read = NULL;
	int err;

	error.text[0] = '\0';
	err = store_open(path, &read, &error);
	if (err) {
		assert_true(err < 0 && strlen(error.text) > 10);
		assert_null(strchr(error.text, '\n'));
		assert_null(read);
		return;
	}
	recording_walk(read);
	recording_free(read);
}

static void test_truncated(void **state)
{
	size_t length;
	char *whole;

	(void)state;
	file_make(false);
	whole = file_read(path, &length);
	for (size_t at = 0; at < length; at += at < 1024 ? 97 : 1021) {
		file_write(path, whole, at);
		read_and_walk();
		/* The last page may be one that strait does not need. */
		assert_true(read_error() < 0 || at > length - 4096);
	}
	free(whole);
}

static void test_flipped(void **state)
{
	size_t length, at;
	uint64_t seed = 20261122;
	char *whole, *copy;

	(void)state;
	file_make(false);
	whole = file_read(path, &length);
	copy = malloc(length);
	for (int i = 0; i < 800; i++) {
		memcpy(copy, whole, length);
		for (uint64_t n = 1 + random_next(&seed) % 4; n; n--) {
			/* Not into the empty middle of a page. */
			do
				at = random_next(&seed) % length;
			while (!copy[at] && random_next(&seed) % 32);
			copy[at] = (char)random_next(&seed);
		}
		file_write(path, copy, length);
		read_and_walk();
	}
	free(copy);
	free(whole);
}

/* The same for the -wal file beside a cut recording. */
static void test_flipped_wal(void **state)
{
	size_t length, main_length;
	uint64_t seed = 7;
	char *wal, *whole, *copy, name[160];
	pid_t child;

	(void)state;
	child = fork();
	if (!child)
		file_make(true);
	waitpid(child, NULL, 0);
	assert_int_equal(read_error(), 0);
	snprintf(name, sizeof(name), "%s-wal", path);
	wal = file_read(name, &length);
	whole = file_read(path, &main_length);
	copy = malloc(length);
	for (int i = 0; i < 300; i++) {
		memcpy(copy, wal, length);
		copy[random_next(&seed) % length] = (char)random_next(&seed);
		file_write(name, copy, i % 3 ? length : random_next(&seed) % length);
		read_and_walk();
	}
	/* Without the -wal file the recording is what was written back to the file itself. */
	unlink(name);
	file_write(path, whole, main_length);
	read_and_walk();
	assert_int_equal(access(name, F_OK), -1);
	free(copy);
	free(whole);
	free(wal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_not_a_recording), STORE_TEST(test_other_versions),
		STORE_TEST(test_odd_names),       STORE_TEST(test_damage),
		STORE_TEST(test_truncated),       STORE_TEST(test_flipped),
		STORE_TEST(test_flipped_wal),
	};

	return cmocka_run_group_tests_name("store/read", tests, NULL, NULL);
}
