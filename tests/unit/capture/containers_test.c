/* SPDX-License-Identifier: BSD-2-Clause */
/* State files as docker and podman write them, and the names that come of them. */
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
#define STORAGE   "/var/lib/containers/storage/overlay-containers"

static void labelled(const char *path, const char *expected)
{
	char label[256] = "before";

	containers_label(folder, path, label, sizeof(label));
	assert_string_equal(label, expected);
}

static void found(const char *name, const char *expected)
{
	char id[CONTAINER_ID] = "untouched";

	assert_int_equal(containers_find(folder, name, id), expected != NULL);
	assert_string_equal(id, expected ? expected : "untouched");
}

static void docker_names(void **state)
{
	(void)state;
	folder_write("/var/lib/docker/containers/" DOCKER_ID "/config.v2.json",
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
	folder_write(STORAGE "/containers.json",
		     "[{\"id\":\"" DOCKER_ID "\",\"names\":[\"other\"],\"layer\":\"\"},"
		     "{\"id\":\"" PODMAN_ID
		     "\",\"names\":[\"web-one\",\"alias\"],\"layer\":\"\"}]");
	folder_write(STORAGE "/volatile-containers.json",
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
	folder_write(STORAGE "/containers.json", "[]");
	labelled("/libpod_parent/libpod-" PODMAN_ID, "podman:aaaaaaaaaaaa");
	folder_write(STORAGE "/containers.json",
		     "[{\"id\":\"" PODMAN_ID "\",\"names\":[\"web\"]}]");
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
		folder_write(STORAGE "/containers.json", broken[i]);
		folder_write("/var/lib/docker/containers/" DOCKER_ID "/config.v2.json", broken[i]);
		found("web", NULL);
		labelled("/libpod_parent/libpod-" PODMAN_ID, "podman:aaaaaaaaaaaa");
		labelled("/docker/" DOCKER_ID, "docker:111111111111");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(docker_names, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(podman_names, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(what_podman_writes_later_is_seen, folder_make,
						folder_remove),
		cmocka_unit_test_setup_teardown(broken_files_give_no_name, folder_make,
						folder_remove),
	};

	return cmocka_run_group_tests_name("capture/containers", tests, NULL, NULL);
}
