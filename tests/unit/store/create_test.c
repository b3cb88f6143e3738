/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/fixture.h"

#include <sqlite3.h>
#include <sys/socket.h>
#include <sys/un.h>

static const struct store_options replace = {.replace = true};

static void text_write(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void assert_text(const char *name, const char *text)
{
	char read[100] = "";
	FILE *file = fopen(name, "r");

	assert_non_null(file);
	assert_non_null(fgets(read, sizeof(read), file));
	fclose(file);
	assert_string_equal(read, text);
}

static void recording_make(void)
{
	struct recording *rec = fixture_names();
	struct store *store = NULL;

	assert_ok(store_create(&store, path, NULL, &error));
	fixture_slice(rec);
	assert_ok(store_finish(store, rec, &error));
	store_close(store);
	recording_free(rec);
}

static void test_mode(void **state)
{
	struct store *store = NULL;
	struct recording *rec = fixture_names();
	mode_t old = umask(0);
	char beside[160];
	struct stat st;

	(void)state;
	assert_ok(store_create(&store, path, NULL, &error));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_ok(store_append(store, rec, &error));
	/* The -wal file holds the same names and paths. */
	snprintf(beside, sizeof(beside), "%s-wal", path);
	assert_int_equal(stat(beside, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	store_discard(store);
	umask(0777);
	assert_ok(store_create(&store, path, NULL, &error));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	store_discard(store);
	umask(old);
	recording_free(rec);
}

static void test_owner(void **state)
{
	struct store_options nobody = {.owner = 65534, .group = 65534};
	struct recording *rec = fixture_names();
	struct store *store = NULL;
	char beside[160];
	struct stat st;

	(void)state;
	if (geteuid()) {
		recording_free(rec);
		skip();
	}
	assert_ok(store_create(&store, path, &nobody, &error));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 65534);
	assert_int_equal(st.st_gid, 65534);
	assert_ok(store_append(store, rec, &error));
	snprintf(beside, sizeof(beside), "%s-wal", path);
	assert_int_equal(stat(beside, &st), 0);
	assert_int_equal(st.st_uid, 65534);
	store_discard(store);
	recording_free(rec);
}

static void test_other_files_are_kept(void **state)
{
	struct store *store = NULL;
	sqlite3 *db = NULL;

	(void)state;
	text_write(path, "my thesis");
	assert_fails(store_create(&store, path, NULL, &error), EEXIST, "is not a strait recording");
	assert_fails(store_create(&store, path, &replace, &error), EEXIST,
		     "is not a strait recording");
	assert_text(path, "my thesis");
	unlink(path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE precious(a)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_fails(store_create(&store, path, &replace, &error), EEXIST,
		     "is not a strait recording");
	assert_null(store);
	assert_int_equal(folder_files(), 1);
}

static void test_replaced(void **state)
{
	struct recording *read = NULL;
	struct store *store = NULL;
	char beside[160];

	(void)state;
	recording_make();
	assert_fails(store_create(&store, path, NULL, &error), EEXIST,
		     "is an older recording: --replace it");
	assert_ok(store_open(path, &read, &error));
	assert_int_equal(read->slices.len, 1);
	recording_free(read);
	/* What a killed recording left must not become a part of the new one. */
	snprintf(beside, sizeof(beside), "%s-wal", path);
	text_write(beside, "stale");
	snprintf(beside, sizeof(beside), "%s-journal", path);
	text_write(beside, "stale");
	assert_ok(store_create(&store, path, &replace, &error));
	store_close(store);
	assert_int_equal(folder_files(), 1);
	assert_fails(store_open(path, &read, &error), EBADMSG, "holds nothing: it was cut");
	/* An empty file, as mktemp makes it, holds nothing that could be lost. */
	unlink(path);
	text_write(path, "");
	assert_ok(store_create(&store, path, &replace, &error));
	store_close(store);
}

static void test_links_are_refused(void **state)
{
	struct store *store = NULL;
	char other[160];

	(void)state;
	snprintf(other, sizeof(other), "%s/other", folder);
	text_write(other, "shadow");
	assert_int_equal(symlink(other, path), 0);
	assert_fails(store_create(&store, path, &replace, &error), EINVAL, "is a symbolic link");
	assert_text(other, "shadow");
	unlink(other);
	/* Nor is anything made at the end of a link that leads nowhere. */
	assert_fails(store_create(&store, path, &replace, &error), EINVAL, "is a symbolic link");
	assert_int_equal(access(other, F_OK), -1);
	/* A link in place of the -wal file goes, what it leads to stays. */
	unlink(path);
	text_write(other, "shadow");
	snprintf(error.text, sizeof(error.text), "%s-wal", path);
	assert_int_equal(symlink(other, error.text), 0);
	assert_ok(store_create(&store, path, NULL, &error));
	store_close(store);
	assert_text(other, "shadow");
}

static void test_not_a_file(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct store *store = NULL;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_fails(store_create(&store, folder, &replace, &error), EINVAL, "not a regular file");
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_fails(store_create(&store, path, &replace, &error), EINVAL, "not a regular file");
	unlink(path);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_fails(store_create(&store, path, &replace, &error), EINVAL, "not a regular file");
	close(fd);
	assert_fails(store_create(&store, "/dev/null", &replace, &error), EINVAL,
		     "not a regular file");
}

static void test_no_place(void **state)
{
	char missing[160], *endless = malloc(9000);
	struct store *store = NULL;

	(void)state;
	snprintf(missing, sizeof(missing), "%s/no/r.strait", folder);
	assert_fails(store_create(&store, missing, NULL, &error), ENOENT, "cannot create");
	assert_fails(store_create(&store, "", NULL, &error), EINVAL, "not a usable file name");
	memset(endless, 'a', 8999);
	endless[8999] = '\0';
	assert_int_equal(store_create(&store, endless, NULL, &error), -EINVAL);
	/* A name that fits, but whose -wal file's would not. */
	snprintf(endless, 9000, "%s/%0250d", folder, 0);
	assert_true(store_create(&store, endless, NULL, &error) < 0);
	assert_int_equal(folder_files(), 0);
	free(endless);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_mode),
		STORE_TEST(test_owner),
		STORE_TEST(test_other_files_are_kept),
		STORE_TEST(test_replaced),
		STORE_TEST(test_links_are_refused),
		STORE_TEST(test_not_a_file),
		STORE_TEST(test_no_place),
	};

	return cmocka_run_group_tests_name("store/create", tests, NULL, NULL);
}
