/* SPDX-License-Identifier: BSD-2-Clause */
/* State files as the runtimes write them, and the labels that come of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "capture/containers.h"
#include "util/folder.h"

#define DOCKER_ID "1111111111112222222222223333333333334444444444445555555555556666"
#define PODMAN_ID "aaaaaaaaaaaabbbbbbbbbbbbccccccccccccddddddddddddeeeeeeeeeeee9999"
#define RUN_RM_ID "0123456789ab0123456789ab0123456789ab0123456789ab0123456789abcdef"
#define POD_ID    "ffffffffffff0123456789ab0123456789ab0123456789ab0123456789abcdef"
#define STORAGE   "/var/lib/containers/storage/overlay-containers"

static void labelled(const char *path, const char *expected)
{
	char label[CONTAINER_LABEL] = "before";

	containers_label(folder, path, (struct cgroup_owner){}, label);
	assert_string_equal(label, expected);
}

static void names_of_docker(void **state)
{
	(void)state;
	folder_write("/var/lib/docker/containers/" DOCKER_ID "/config.v2.json",
		     "{\"ID\":\"" DOCKER_ID "\",\"Name\":\"/web\",\"Driver\":\"overlay2\"}");
	labelled("/docker/" DOCKER_ID, "docker:web");
	labelled("/system.slice/docker-" DOCKER_ID ".scope/below", "docker:web");
	/* A container that the files do not know keeps its id. */
	labelled("/docker/" PODMAN_ID, "docker:aaaaaaaaaaaa");
}

/* Nothing but the container's own root folder tells where docker's files are. */
static void names_of_docker_elsewhere(void **state)
{
	static const char *const bundles[] = {
		"/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/" DOCKER_ID,
		"/run/containerd/io.containerd.runtime.v2.task/moby/" PODMAN_ID,
	};
	char path[256];

	(void)state;
	folder_write("/data/docker/containers/" DOCKER_ID "/config.v2.json", "{\"Name\":\"/web\"}");
	folder_write("/data/docker/containers/" PODMAN_ID "/config.v2.json",
		     "{\"Name\":\"/web-2\"}");
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/config.json", bundles[i]);
		folder_write(path, "{\"root\":{\"path\":\"/data/docker/overlay2/x/merged\"}}");
	}
	labelled("/docker/" DOCKER_ID, "docker:web");
	labelled("/system.slice/docker-" PODMAN_ID ".scope", "docker:web-2");
	folder_write(path, "{\"root\":{\"path\":\"data/docker/overlay2/x/merged\"}}");
	labelled("/docker/" PODMAN_ID, "docker:aaaaaaaaaaaa");
	folder_write(path, "{\"root\":{\"path\":7}}");
	labelled("/docker/" PODMAN_ID, "docker:aaaaaaaaaaaa");
	/* The container's own files have no say. */
	folder_write("/data/docker/overlay2/x/merged/containers/" PODMAN_ID "/config.v2.json",
		     "{\"Name\":\"/evil\"}");
	folder_write(path, "{\"root\":{\"path\":\"/data/docker/overlay2/x/merged\"}}");
	labelled("/docker/" PODMAN_ID, "docker:web-2");
}

static void names_of_podman(void **state)
{
	(void)state;
	folder_write(STORAGE "/containers.json",
		     "[{\"id\":\"" DOCKER_ID "\",\"names\":[\"other\"],\"layer\":\"\"},"
		     "{\"id\":\"" PODMAN_ID
		     "\",\"names\":[\"web-one\",\"alias\"],\"layer\":\"\"}]");
	folder_write(STORAGE "/volatile-containers.json",
		     "[{\"id\":\"" RUN_RM_ID "\",\"names\":[\"gone-soon\"]}]");
	labelled("/libpod_parent/libpod-" PODMAN_ID, "podman:web-one");
	labelled("/machine.slice/libpod-" PODMAN_ID ".scope/container", "podman:web-one");
	labelled("/machine.slice/libpod-" RUN_RM_ID ".scope", "podman:gone-soon");
	labelled("/system.slice/nginx.service", "unit:nginx.service");
	labelled("/", "");
}

/* What podman's database has of a container in a pod, and of the pod's own. */
static const char podman_pods[] =
	"CREATE TABLE ContainerConfig (ID TEXT PRIMARY KEY, Name TEXT, PodID TEXT, JSON TEXT);"
	"CREATE TABLE PodConfig (ID TEXT PRIMARY KEY, Name TEXT, JSON TEXT);"
	"CREATE TABLE PodState (ID TEXT PRIMARY KEY, InfraContainerID TEXT, JSON TEXT);"
	"INSERT INTO ContainerConfig VALUES ('" PODMAN_ID "', 'web', '" POD_ID "', '');"
	"INSERT INTO ContainerConfig VALUES ('" RUN_RM_ID "', 'feed-infra', '" POD_ID "', '');"
	"INSERT INTO ContainerConfig VALUES ('" DOCKER_ID "', 'alone', NULL, '');"
	"INSERT INTO PodConfig VALUES ('" POD_ID "', 'shop', '');"
	"INSERT INTO PodState VALUES ('" POD_ID "', '" RUN_RM_ID "', '');";

static void pods_of_podman(void **state)
{
	char path[128];
	sqlite3 *db;

	(void)state;
	folder_write(STORAGE "/containers.json",
		     "[{\"id\":\"" PODMAN_ID "\",\"names\":[\"web\"]},"
		     "{\"id\":\"" RUN_RM_ID "\",\"names\":[\"feed-infra\"]},"
		     "{\"id\":\"" DOCKER_ID "\",\"names\":[\"alone\"]}]");
	labelled("/libpod_parent/" POD_ID "/libpod-" PODMAN_ID, "podman:web");
	snprintf(path, sizeof(path), "%s/var/lib/containers/storage/db.sql", folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, podman_pods, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	labelled("/libpod_parent/" POD_ID "/libpod-" PODMAN_ID, "podman:shop/web");
	labelled("/machine.slice/machine-libpod_pod_" POD_ID ".slice/libpod-" RUN_RM_ID ".scope",
		 "podman:shop");
	labelled("/libpod_parent/libpod-" DOCKER_ID, "podman:alone");
	/* Without tables, and no database at all. */
	folder_write("/var/lib/containers/storage/db.sql", "");
	folder_write("/var/lib/containers/storage/libpod/bolt_state.db", "");
	labelled("/libpod_parent/libpod-" PODMAN_ID, "podman:web");
	folder_write("/var/lib/containers/storage/db.sql", "SQLite format 3");
	labelled("/libpod_parent/libpod-" PODMAN_ID, "podman:web");
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

#define BUNDLES "/run/containerd/io.containerd.runtime.v2.task"
#define UID_    "01b4b887-7635-4346-9c20-58a294bbb034"
#define UNDERS  "01b4b887_7635_4346_9c20_58a294bbb034"
#define SLICES  "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UNDERS ".slice"

/* As containerd's CRI plugin writes it; ctr and nerdctl are in other namespaces. */
static void names_of_containerd(void **state)
{
	(void)state;
	folder_write(BUNDLES "/k8s.io/" DOCKER_ID "/config.json",
		     "{\"ociVersion\":\"1.1.0\",\"annotations\":{"
		     "\"io.kubernetes.cri.container-name\":\"coredns\","
		     "\"io.kubernetes.cri.container-type\":\"container\","
		     "\"io.kubernetes.cri.sandbox-name\":\"coredns-6d4b75cb6d-w4b72\","
		     "\"io.kubernetes.cri.sandbox-namespace\":\"kube-system\"}}");
	folder_write(BUNDLES "/k8s.io/" PODMAN_ID "/config.json",
		     "{\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\","
		     "\"io.kubernetes.container.name\":\"not its own\","
		     "\"io.kubernetes.cri.sandbox-name\":\"coredns-6d4b75cb6d-w4b72\","
		     "\"io.kubernetes.cri.sandbox-namespace\":\"kube-system\"}}");
	folder_write(
		BUNDLES "/default/" RUN_RM_ID "/config.json",
		"{\"annotations\":{\"nerdctl/name\":\"web\",\"nerdctl/namespace\":\"default\"}}");
	folder_write(BUNDLES "/default/by-ctr/config.json", "{\"ociVersion\":\"1.0.2\"}");
	labelled(SLICES "/cri-containerd-" DOCKER_ID ".scope",
		 "containerd:kube-system/coredns-6d4b75cb6d-w4b72/coredns");
	labelled("/kubepods/burstable/pod" UID_ "/" DOCKER_ID,
		 "containerd:kube-system/coredns-6d4b75cb6d-w4b72/coredns");
	labelled("/system.slice/containerd.service/kubepods-pod" UNDERS
		 ".slice:cri-containerd:" DOCKER_ID,
		 "containerd:kube-system/coredns-6d4b75cb6d-w4b72/coredns");
	labelled(SLICES "/cri-containerd-" PODMAN_ID ".scope",
		 "containerd:kube-system/coredns-6d4b75cb6d-w4b72");
	labelled("/system.slice/nerdctl-" RUN_RM_ID ".scope", "containerd:web");
	labelled("/default/" RUN_RM_ID, "containerd:web");
	labelled("/default/by-ctr", "containerd:by-ctr");
	labelled("/default/not-there", "");
	labelled("/default/..", "");
	labelled("/default/./by-ctr", "");
	/* A pod, but none of its containers. */
	labelled(SLICES, "pod:" UID_);
	/* Nobody's id. */
	labelled("/kubepods/besteffort/pod" UID_ "/" RUN_RM_ID "0", "pod:" UID_);
}

/* With Kubernetes' labels, and without (crictl alone). */
static void names_of_crio(void **state)
{
	(void)state;
	folder_write("/run/containers/storage/overlay-containers/" DOCKER_ID
		     "/userdata/config.json",
		     "{\"annotations\":{\"io.kubernetes.container.name\":\"coredns\","
		     "\"io.kubernetes.cri-o.ContainerType\":\"container\","
		     "\"io.kubernetes.cri.sandbox-name\":\"written by the pod's maker\","
		     "\"io.kubernetes.pod.name\":\"coredns-6d4b\","
		     "\"io.kubernetes.pod.namespace\":\"kube-system\"}}");
	folder_write("/var/lib/containers/storage/overlay-containers/" PODMAN_ID
		     "/userdata/config.json",
		     "{\"annotations\":{\"io.kubernetes.container.name\":\"POD\","
		     "\"io.kubernetes.cri-o.ContainerType\":\"sandbox\","
		     "\"io.kubernetes.cri-o.KubeName\":\"segfaulter\","
		     "\"io.kubernetes.cri-o.Namespace\":\"default\"}}");
	labelled(SLICES "/crio-" DOCKER_ID ".scope", "crio:kube-system/coredns-6d4b/coredns");
	labelled(SLICES "/crio-" DOCKER_ID ".scope/container",
		 "crio:kube-system/coredns-6d4b/coredns");
	labelled("/kubepods/pod" UID_ "/crio-" PODMAN_ID, "crio:default/segfaulter");
	labelled(SLICES "/crio-conmon-" DOCKER_ID ".scope", "pod:" UID_);
}

static void names_of_docker_in_kubernetes(void **state)
{
	(void)state;
	folder_write("/var/lib/docker/containers/" DOCKER_ID "/config.v2.json",
		     "{\"Name\":\"/k8s_coredns_coredns-6d4b_kube-system_uid_0\",\"Config\":{"
		     "\"Labels\":{\"io.kubernetes.container.name\":\"coredns\","
		     "\"io.kubernetes.docker.type\":\"container\","
		     "\"io.kubernetes.pod.name\":\"coredns-6d4b\","
		     "\"io.kubernetes.pod.namespace\":\"kube-system\"}}}");
	labelled("/kubepods/besteffort/pod" UID_ "/" DOCKER_ID,
		 "docker:kube-system/coredns-6d4b/coredns");
	labelled(SLICES "/docker-" DOCKER_ID ".scope", "docker:kube-system/coredns-6d4b/coredns");
}

static void what_is_in_a_container_has_no_name_here(void **state)
{
	(void)state;
	folder_write("/var/lib/docker/containers/" DOCKER_ID "/config.v2.json",
		     "{\"Name\":\"/web\"}");
	labelled("/docker/" DOCKER_ID, "docker:web");
	labelled("/docker/" DOCKER_ID "/docker/" PODMAN_ID, "docker:aaaaaaaaaaaa");
	/* A folder that somebody in a container called like another container. */
	labelled("/docker/" PODMAN_ID "/docker-" DOCKER_ID ".scope", "docker:111111111111");
	labelled("/docker/" DOCKER_ID "/system.slice/nginx.service", "docker:web");
}

static void names_in_paths(void **state)
{
	(void)state;
	labelled("/lxc.payload.box", "lxc:box");
	labelled("/lxc.payload.box/system.slice/nginx.service", "lxc:box");
	labelled("/lxc.payload.box-1/ns", "lxc:box-1");
	labelled("/lxc/box/init.scope", "lxc:box");
	labelled("/lxc.monitor.box", "");
	labelled("/system.slice/a.service/libpod-payload-" RUN_RM_ID, "podman:0123456789ab");
	labelled("/machine.slice/libpod-conmon-" RUN_RM_ID ".scope",
		 "unit:libpod-conmon-" RUN_RM_ID ".scope");
	labelled("/machine.slice/machine-libpod_pod_" RUN_RM_ID ".slice", "pod:0123456789ab");
	labelled("/libpod_parent/" RUN_RM_ID, "pod:0123456789ab");
	labelled("/libpod_parent/" RUN_RM_ID "/libpod-" PODMAN_ID, "podman:aaaaaaaaaaaa");
	labelled("/somewhere/" RUN_RM_ID, "container:0123456789ab");
	labelled("/init.scope", "unit:init.scope");
	labelled("/user.slice/user-1000.slice/session-3.scope", "unit:session-3.scope");
	labelled("/user.slice/user-1000.slice/user@1000.service/app.slice/a.service",
		 "unit:a.service");
	labelled("/user.slice/user-1000.slice/user@1000.service/app.slice",
		 "unit:user@1000.service");
	labelled("/user.slice/user-1000.slice", "unit:user-1000.slice");
	labelled("/kubepods/burstable/podinfo", "");
	labelled("/docker-11.scope", "unit:docker-11.scope");
	labelled("/.service", "");
	labelled("", "");
	labelled("/../../docker/" RUN_RM_ID, "docker:0123456789ab");
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
		folder_write(BUNDLES "/k8s.io/" DOCKER_ID "/config.json", broken[i]);
		labelled("/libpod_parent/libpod-" PODMAN_ID, "podman:aaaaaaaaaaaa");
		labelled("/docker/" DOCKER_ID, "docker:111111111111");
		labelled("/cri-containerd-" DOCKER_ID ".scope", "containerd:111111111111");
	}
}

/* Neither what is no file nor what lies elsewhere is read. */
static void only_regular_files_are_read(void **state)
{
	char path[512];

	(void)state;
	folder_write("/elsewhere", "{\"Name\":\"/web\"}");
	folder_write("/var/lib/docker/containers/" DOCKER_ID "/other", "");
	snprintf(path, sizeof(path), "%s/var/lib/docker/containers/" DOCKER_ID "/config.v2.json",
		 folder);
	assert_int_equal(symlink("../../../../../elsewhere", path), 0);
	labelled("/docker/" DOCKER_ID, "docker:111111111111");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	labelled("/docker/" DOCKER_ID, "docker:111111111111");
	assert_int_equal(unlink(path), 0);
	folder_write("/var/lib/docker/containers/" DOCKER_ID "/config.v2.json",
		     "{\"Name\":\"/web\"}");
	labelled("/docker/" DOCKER_ID, "docker:web");
	assert_int_equal(truncate(path, 17 << 20), 0);
	labelled("/docker/" DOCKER_ID, "docker:111111111111");
}

/* Pieces of names in any order: whatever somebody calls his cgroups, a label fits and ends. */
static void odd_paths(void **state)
{
	static const char *const pieces[] = {
		"/",       "kubepods", "-pod",    ".slice", ":cri-containerd:", "docker-",
		"libpod-", "lxc",      "pod",     ".scope", "libpod_parent/",   ".payload.",
		UNDERS,    UID_,       DOCKER_ID, "\xff",   "\x1b[31m",         ".service",
		"..",      "%s",
	};
	uint32_t random = 12345;

	(void)state;
	folder_write("/var/lib/docker/containers/" DOCKER_ID "/config.v2.json",
		     "{\"Name\":\"/web\"}");
	for (int round = 0; round < 20000; round++) {
		char path[2100] = "", label[CONTAINER_LABEL];
		size_t length = 0;

		for (int i = 0; i < 30; i++) {
			random = random * 1103515245 + 12345;
			length += (size_t)snprintf(
				path + length, sizeof(path) - length, "%s",
				pieces[(random >> 16) % (sizeof(pieces) / sizeof(pieces[0]))]);
		}
		memset(label, 'x', sizeof(label));
		containers_label(folder, path, (struct cgroup_owner){}, label);
		assert_non_null(memchr(label, 0, sizeof(label)));
		assert_true(!*label || strchr(label, ':'));
	}
	/* One folder whose name is longer than any can be, and one as deep as can be. */
	for (int deep = 0; deep < 2; deep++) {
		char path[5000], label[CONTAINER_LABEL];

		memset(path, 'a', sizeof(path));
		for (size_t i = 0; i < sizeof(path); i += 2)
			path[i] = deep ? '/' : 'a';
		path[sizeof(path) - 1] = 0;
		containers_label(folder, path, (struct cgroup_owner){}, label);
		assert_string_equal(label, "");
	}
}

/* The longest that Kubernetes allows. */
static void long_names(void **state)
{
	char json[1200], label[CONTAINER_LABEL], space[64], pod[254], name[64];

	(void)state;
	memset(space, 's', sizeof(space));
	memset(pod, 'p', sizeof(pod));
	memset(name, 'n', sizeof(name));
	space[63] = pod[253] = name[63] = 0;
	snprintf(json, sizeof(json),
		 "{\"annotations\":{\"io.kubernetes.cri.container-name\":\"%s\","
		 "\"io.kubernetes.cri.sandbox-name\":\"%s\","
		 "\"io.kubernetes.cri.sandbox-namespace\":\"%s\"}}",
		 name, pod, space);
	folder_write(BUNDLES "/k8s.io/" DOCKER_ID "/config.json", json);
	containers_label(folder, SLICES "/cri-containerd-" DOCKER_ID ".scope",
			 (struct cgroup_owner){}, label);
	snprintf(json, sizeof(json), "containerd:%s/%s/%s", space, pod, name);
	assert_string_equal(label, json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_of_docker, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(names_of_docker_elsewhere, folder_make,
						folder_remove),
		cmocka_unit_test_setup_teardown(names_of_podman, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(pods_of_podman, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(names_of_containerd, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(names_of_crio, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(names_of_docker_in_kubernetes, folder_make,
						folder_remove),
		cmocka_unit_test_setup_teardown(what_is_in_a_container_has_no_name_here,
						folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(names_in_paths, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(only_regular_files_are_read, folder_make,
						folder_remove),
		cmocka_unit_test_setup_teardown(odd_paths, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(long_names, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(what_podman_writes_later_is_seen, folder_make,
						folder_remove),
		cmocka_unit_test_setup_teardown(broken_files_give_no_name, folder_make,
						folder_remove),
	};

	return cmocka_run_group_tests_name("capture/containers", tests, NULL, NULL);
}
