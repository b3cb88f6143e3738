/* SPDX-License-Identifier: BSD-2-Clause */
/* State files as docker and podman write them, and the names that come of them. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "capture/containers.h"

#define DOCKER_ID "1111111111112222222222223333333333334444444444445555555555556666"
#define PODMAN_ID "aaaaaaaaaaaabbbbbbbbbbbbccccccccccccddddddddddddeeeeeeeeeeee9999"
#define RUN_RM_ID "0123456789ab0123456789ab0123456789ab0123456789ab0123456789abcdef"
#define STORAGE   "/var/lib/containers/storage/overlay-containers"

static char root[64];

/* Writes a file below the root, and the folders it is in. */
static void put(const char *path, const char *text)
{
	char whole[512];
	FILE *file;

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	for (char *slash = whole + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		mkdir(whole, 0700);
		*slash = '/';
	}
	file = fopen(whole, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
	(void)state;
	strcpy(root, "/tmp/strait-containers-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int entry_remove(const char *path, const struct stat *st, int kind, struct FTW *place)
{
	(void)st;
	(void)kind;
	(void)place;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	return nftw(root, entry_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static void labelled(const char *path, const char *expected)
{
	char label[256] = "before";

	containers_label(root, path, label, sizeof(label));
	assert_string_equal(label, expected);
}

static void found(const char *name, const char *expected)
{
	char id[CONTAINER_ID] = "untouched";

	assert_int_equal(containers_find(root, name, id), expected != NULL);
	assert_string_equal(id, expected ? expected : "untouched");
}

static void docker_names(void **state)
{
	(void)state;
	put("/var/lib/docker/containers/" DOCKER_ID "/config.v2.json",
	    "{\"ID\":\"" DOCKER_ID "\",\"Name\":\"/web\",\"Driver\":\"overlay2\"}");
	found("web", DOCKER_ID);
	found("docker:web", DOCKER_ID);
	found("podman:web", NULL);
	found("/web", NULL);
	found("we", NULL);
	labelled("/docker/" DOCKER_ID, "docker:web");
	labelled("/system.slice/docker-" DOCKER_ID ".scope/below", "docker:web");
	/* A container that the files do not know keeps its id. */
	labelled("/docker/" PODMAN_ID, "docker:aaaaaaaaaaaa");
}

static void podman_names(void **state)
{
	(void)state;
	put(STORAGE "/containers.json",
	    "[{\"id\":\"" DOCKER_ID "\",\"names\":[\"other\"],\"layer\":\"\"},"
	    "{\"id\":\"" PODMAN_ID "\",\"names\":[\"web-one\",\"alias\"],\"layer\":\"\"}]");
	put(STORAGE "/volatile-containers.json",
	    "[{\"id\":\"" RUN_RM_ID "\",\"names\":[\"gone-soon\"]}]");
	found("web-one", PODMAN_ID);
	found("alias", PODMAN_ID);
	found("podman:web-one", PODMAN_ID);
	found("gone-soon", RUN_RM_ID);
	found("web", NULL);
	labelled("/libpod_parent/libpod-" PODMAN_ID, "podman:web-one");
	labelled("/machine.slice/libpod-" PODMAN_ID ".scope/container", "podman:web-one");
	labelled("/machine.slice/libpod-" RUN_RM_ID ".scope", "podman:gone-soon");
	labelled("/system.slice/nginx.service", "unit:nginx.service");
	labelled("/", "");
}

static void what_podman_writes_later_is_seen(void **state)
{
	(void)state;
	put(STORAGE "/containers.json", "[]");
	labelled("/libpod_parent/libpod-" PODMAN_ID, "podman:aaaaaaaaaaaa");
	put(STORAGE "/containers.json", "[{\"id\":\"" PODMAN_ID "\",\"names\":[\"web\"]}]");
	labelled("/libpod_parent/libpod-" PODMAN_ID, "podman:web");
}

static void broken_files_give_no_name(void **state)
{
	static const char *const broken[] = {
		"",
		"[",
		"{}",
		"7",
		"[7]",
		"[{}]",
		"[{\"id\":7,\"names\":[\"web\"]}]",
		"[{\"id\":\"" PODMAN_ID "\"}]",
		"[{\"id\":\"" PODMAN_ID "\",\"names\":[7,\"\"]}]",
		"[{\"id\":\"../../etc\",\"names\":[\"web\"]}]",
	};

	(void)state;
	labelled("/libpod_parent/libpod-" PODMAN_ID, "podman:aaaaaaaaaaaa");
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		put(STORAGE "/containers.json", broken[i]);
		put("/var/lib/docker/containers/" DOCKER_ID "/config.v2.json", broken[i]);
		found("web", NULL);
		labelled("/libpod_parent/libpod-" PODMAN_ID, "podman:aaaaaaaaaaaa");
		labelled("/docker/" DOCKER_ID, "docker:111111111111");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(docker_names, setup, teardown),
		cmocka_unit_test_setup_teardown(podman_names, setup, teardown),
		cmocka_unit_test_setup_teardown(what_podman_writes_later_is_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(broken_files_give_no_name, setup, teardown),
	};

	return cmocka_run_group_tests_name("capture/containers", tests, NULL, NULL);
}
