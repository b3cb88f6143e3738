/* SPDX-License-Identifier: BSD-2-Clause */
/* Containers that users run: their state files are in their homes, and theirs to write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture/containers.h"
#include "util/folder.h"

#define DOCKER_ID "1111111111112222222222223333333333334444444444445555555555556666"
#define PODMAN_ID "aaaaaaaaaaaabbbbbbbbbbbbccccccccccccddddddddddddeeeeeeeeeeee9999"
#define RUN_RM_ID "0123456789ab0123456789ab0123456789ab0123456789ab0123456789abcdef"
#define POD_ID    "ffffffffffff0123456789ab0123456789ab0123456789ab0123456789abcdef"
#define STORAGE   "/var/lib/containers/storage/overlay-containers"
#define HOME      "/home/eve"
#define HOMES     HOME "/.local/share/containers/storage/vfs-containers"
#define SESSION   "/user.slice/user-12345.slice/user@12345.service"

/* Who runs the tests, or whom root lets the files be. */
static uid_t user(void)
{
	return geteuid() ? geteuid() : 12345;
}

static void user_write(const char *path, const char *text)
{
	char whole[512];

	folder_write(path, text);
	snprintf(whole, sizeof(whole), "%s%s", folder, path);
	assert_int_equal(chown(whole, user(), (gid_t)-1), 0);
}

static void user_add(void)
{
	char line[128];

	snprintf(line, sizeof(line), "root:x:0:0::/root:/bin/sh\neve:x:%u:7::" HOME ":/bin/sh\n",
		 user());
	folder_write("/etc/passwd", line);
}

/* What is behind byte `from` is the user's. */
static void labelled_from(const char *path, size_t from, uid_t uid, const char *expected)
{
	char label[CONTAINER_LABEL] = "before";

	containers_label(folder, path, (struct cgroup_owner){uid, from}, label);
	assert_string_equal(label, expected);
}

static void labelled_of(uid_t uid, const char *path, const char *expected)
{
	labelled_from(path, sizeof(SESSION) - 1, uid, expected);
}

static void names_of_users(void **state)
{
	(void)state;
	user_add();
	user_write(HOMES "/containers.json", "[{\"id\":\"" PODMAN_ID "\",\"names\":[\"web\"]},"
					     "{\"id\":\"" DOCKER_ID "\",\"names\":[\"evil\"]}]");
	user_write(HOME "/.local/share/docker/containers/" RUN_RM_ID "/config.v2.json",
		   "{\"Name\":\"/db\"}");
	folder_write(STORAGE "/containers.json",
		     "[{\"id\":\"" DOCKER_ID "\",\"names\":[\"roots\"]}]");
	labelled_of(user(), SESSION "/user.slice/libpod-" PODMAN_ID ".scope", "podman:web");
	labelled_of(user(),
		    SESSION "/user.slice/user-libpod_pod_" POD_ID ".slice/libpod-" PODMAN_ID
			    ".scope/container",
		    "podman:web");
	labelled_of(user(), SESSION "/user.slice/user-libpod_pod_" POD_ID ".slice",
		    "pod:ffffffffffff");
	labelled_of(user(), SESSION "/app.slice/docker-" RUN_RM_ID ".scope", "docker:db");
	/* An id of root's in a cgroup of the user's, and one of the user's in root's. */
	labelled_of(user(), SESSION "/libpod-" DOCKER_ID, "podman:evil");
	labelled_of(0, "/libpod_parent/libpod-" DOCKER_ID, "podman:roots");
	labelled_of(0, "/libpod_parent/libpod-" PODMAN_ID, "podman:aaaaaaaaaaaa");
	/* The folder itself that root gave away was made by root. */
	labelled_from("/user.slice/libpod-" DOCKER_ID, sizeof("/user.slice/libpod-" DOCKER_ID) - 1,
		      user(), "podman:roots");
	/* Other users have nothing to say of it, nor has anybody who is not known. */
	labelled_of(user() + 1, SESSION "/user.slice/libpod-" PODMAN_ID ".scope",
		    "podman:aaaaaaaaaaaa");
	folder_write("/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
	labelled_of(user(), SESSION "/user.slice/libpod-" PODMAN_ID ".scope",
		    "podman:aaaaaaaaaaaa");
}

/* A user's path leads to nothing that is not his. */
static void users_files_are_their_own(void **state)
{
	static const char inside[] = SESSION "/libpod-" PODMAN_ID;
	static const char list[] = "[{\"id\":\"" PODMAN_ID "\",\"names\":[\"web\"]}]";
	char path[512], other[512];

	(void)state;
	user_add();
	user_write(HOMES "/containers.json", list);
	snprintf(path, sizeof(path), "%s" HOMES "/containers.json", folder);
	labelled_of(user(), inside, "podman:web");
	/* As long as a list may be, and longer. */
	assert_int_equal(truncate(path, (128 << 10) + 1), 0);
	labelled_of(user(), inside, "podman:aaaaaaaaaaaa");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	labelled_of(user(), inside, "podman:aaaaaaaaaaaa");
	assert_int_equal(unlink(path), 0);
	/* A link to a file, though it is his, and one on the way to it. */
	user_write(HOME "/list", list);
	assert_int_equal(symlink("../../../../../../list", path), 0);
	labelled_of(user(), inside, "podman:aaaaaaaaaaaa");
	assert_int_equal(unlink(path), 0);
	user_write(HOMES "/containers.json", list);
	labelled_of(user(), inside, "podman:web");
	snprintf(path, sizeof(path), "%s" HOME "/.local", folder);
	snprintf(other, sizeof(other), "%s" HOME "/elsewhere", folder);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink("elsewhere", path), 0);
	labelled_of(user(), inside, "podman:aaaaaaaaaaaa");
	if (geteuid())
		return;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rename(other, path), 0);
	labelled_of(user(), inside, "podman:web");
	/* Another name for a file of root's. */
	folder_write(HOMES "/containers.json", list);
	snprintf(path, sizeof(path), "%s" HOMES "/containers.json", folder);
	assert_int_equal(chown(path, 0, 0), 0);
	labelled_of(user(), inside, "podman:aaaaaaaaaaaa");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_of_users, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(users_files_are_their_own, folder_make,
						folder_remove),
	};

	return cmocka_run_group_tests_name("capture/container_users", tests, NULL, NULL);
}
