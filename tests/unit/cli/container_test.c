/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of the containers, pods and units of a made-up host is meant. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "capture/containers.h"
#include "cli/target.h"
#include "util/folder.h"

#define ID_A    "aaaaaaaaaaaabbbbbbbbbbbbccccccccccccddddddddddddeeeeeeeeeeee9999"
#define ID_B    "aaaaaaaaaaaa000000000000111111111111222222222222333333333333aaaa"
#define ID_C    "1111111111112222222222223333333333334444444444445555555555556666"
#define ID_D    "2222222222223333333333334444444444445555555555556666666666667777"
#define ID_E    "3333333333334444444444445555555555556666666666667777777777778888"
#define POD_ONE "01b4b887-7635-4346-9c20-58a294bbb034"
#define POD_TWO "01b4b887-0000-4346-9c20-58a294bbb034"
#define TASKS   "/run/containerd/io.containerd.runtime.v2.task/k8s.io/"
#define KUBE    "/kubepods/burstable/pod"
#define JOINED                                                                                     \
	"/system.slice/containerd.service/kubepods-pod01b4b887_1111_4346_9c20_58a294bbb034"        \
	".slice:cri-containerd:"

static struct running_list list;

static void process(int pid, const char *cgroup)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	folder_write(path, cgroup);
}

static void bundle(const char *id, const char *space, const char *pod, const char *name)
{
	char path[256], text[512];

	snprintf(path, sizeof(path), TASKS "%s/config.json", id);
	snprintf(text, sizeof(text),
		 "{\"annotations\":{\"io.kubernetes.cri.sandbox-namespace\":\"%s\","
		 "\"io.kubernetes.cri.sandbox-name\":\"%s\","
		 "\"io.kubernetes.cri.container-type\":\"%s\","
		 "\"io.kubernetes.cri.container-name\":\"%s\"}}",
		 space, pod, *name ? "container" : "sandbox", name);
	folder_write(path, text);
}

static void host_read(void)
{
	struct error error = {};

	running_free(&list);
	list = (struct running_list){};
	if (running_read(folder, &list, &error))
		fail_msg("%s", error.text);
}

static int tear_down(void **state)
{
	running_free(&list);
	list = (struct running_list){};
	return folder_remove(state);
}

static const struct running *chosen(const char *asked, const char *label)
{
	const struct running *running = NULL;
	struct error error = {};

	if (container_choose(&list, asked, &running, &error))
		fail_msg("%s: %s", asked, error.text);
	assert_string_equal(running->label, label);
	return running;
}

static void refused(const char *asked, int expected, const char *why)
{
	const struct running *running = NULL;
	struct error error = {};

	assert_int_equal(container_choose(&list, asked, &running, &error), expected);
	assert_null(running);
	assert_null(strchr(error.text, '\n'));
	if (!strstr(error.text, why))
		fail_msg("'%s' lacks '%s'", error.text, why);
}

static void names_ids_and_labels(void **state)
{
	(void)state;
	folder_write("/var/lib/docker/containers/" ID_A "/config.v2.json", "{\"Name\":\"/web\"}");
	folder_write("/var/lib/docker/containers/" ID_B "/config.v2.json", "{\"Name\":\"/web-2\"}");
	process(1, "0::/init.scope\n");
	process(20, "0::/system.slice/docker-" ID_A ".scope\n");
	process(21, "0::/system.slice/docker-" ID_A ".scope/inner\n");
	process(22, "0::/system.slice/docker-" ID_B ".scope\n");
	process(23, "0::/lxc.payload.box/init.scope\n");
	host_read();
	assert_string_equal(chosen("web", "docker:web")->path,
			    "/system.slice/docker-" ID_A ".scope");
	chosen("docker:web", "docker:web");
	chosen(ID_A, "docker:web");
	chosen("aaaaaaaaaaaab", "docker:web");
	chosen("web-2", "docker:web-2");
	assert_string_equal(chosen("box", "lxc:box")->path, "/lxc.payload.box");
	chosen("init.scope", "unit:init.scope");
	refused("aaaaaaaaaaaa", -ENOTUNIQ, "docker:web, docker:web-2");
	refused("we", -ENOENT, "there is docker:web, docker:web-2");
	refused("wbe", -ENOENT, "there is docker:web");
	refused("podman:web", -ENOENT, "docker:web");
	refused("unrelated", -ENOENT, "3 containers and 2 units");
	refused("", -ENOENT, "no running container ''");
	refused("/web", -ENOENT, "no running container '/web'");
}

/* Of two equal pods, one is meant; of its containers, all. */
static void pods(void **state)
{
	(void)state;
	bundle(ID_A, "shop", "cart-0", "");
	bundle(ID_B, "shop", "cart-0", "redis");
	bundle(ID_C, "shop", "cart-1", "redis");
	bundle(ID_D, "test", "cart-1", "redis");
	process(30, "0::" KUBE POD_ONE "/" ID_A "\n");
	process(31, "0::" KUBE POD_ONE "/" ID_B "\n");
	process(32, "0::" KUBE POD_TWO "/" ID_C "\n");
	process(33, "0::" JOINED ID_D "\n");
	host_read();
	assert_string_equal(chosen("shop/cart-0", "pod:shop/cart-0")->path, KUBE POD_ONE);
	assert_string_equal(chosen("shop/cart-1", "pod:shop/cart-1")->path, KUBE POD_TWO);
	chosen("pod:shop/cart-0", "pod:shop/cart-0");
	chosen("cart-0", "pod:shop/cart-0");
	chosen(POD_ONE, "pod:shop/cart-0");
	chosen("01b4b887-7", "pod:shop/cart-0");
	chosen("shop/cart-0/redis", "containerd:shop/cart-0/redis");
	chosen("containerd:shop/cart-0", "containerd:shop/cart-0");
	refused("redis", -ENOTUNIQ, "containerd:shop/cart-0/redis, containerd:shop/cart-1/redis");
	refused("shop/cart", -ENOENT, "pod:shop/cart-0");
	refused("/cart-0", -ENOENT, "no running container '/cart-0'");
	refused("other/cart-0", -ENOENT, "pod:shop/cart-0");
	/* Without a cgroup of its own a pod is its only container, or none. */
	chosen("test/cart-1", "containerd:test/cart-1/redis");
	bundle(ID_E, "test", "cart-1", "proxy");
	process(34, "0::" JOINED ID_E "\n");
	host_read();
	refused("test/cart-1", -ENOTUNIQ, "no cgroup of its own");
	refused("test/cart-1", -ENOTUNIQ, "containerd:test/cart-1/proxy");
}

static void the_hierarchy_that_is_looked_at_first(void **state)
{
	const struct running *running;

	(void)state;
	process(40, "9:name=systemd:/system.slice/a.service\n4:memory:/system.slice/a.service\n"
		    "2:cpu,cpuacct:/system.slice/a.service\n0::/system.slice/a.service\n");
	process(41, "9:name=systemd:/system.slice/b.service\n4:memory:/\n"
		    "2:cpu,cpuacct:/system.slice/b.service\n0::/\n");
	process(42, "9:name=systemd:/system.slice/c.service\n4:memory:/\n3:cpuacct:/\n0::/\n");
	process(43, "4:memory:/docker/" ID_A "\n2:cpu,cpuacct:/docker/" ID_A "\n0::/\n");
	host_read();
	running = chosen("a.service", "unit:a.service");
	assert_int_equal(running->hierarchy, 0);
	assert_true(running->rank > 0);
	running = chosen("unit:b.service", "unit:b.service");
	assert_int_equal(running->hierarchy, 2);
	assert_int_equal(chosen("c.service", "unit:c.service")->rank, 0);
	assert_int_equal(chosen(ID_A, "docker:aaaaaaaaaaaa")->hierarchy, 4);
}

/* Whoever has a cgroup of his own can call the folders below it what he likes. */
static void what_is_in_a_container_comes_last(void **state)
{
	(void)state;
	folder_write("/var/lib/docker/containers/" ID_A "/config.v2.json", "{\"Name\":\"/web\"}");
	process(50, "0::/docker/" ID_A "\n");
	process(51, "0::/docker/" ID_B "/docker-" ID_A ".scope\n");
	process(52, "0::/docker/" ID_B "/system.slice/nginx.service\n");
	process(53, "0::/system.slice/nginx.service\n");
	process(54, "0::/docker/" ID_B "/system.slice/cron.service\n");
	process(55, "0::/docker/" ID_C "/system.slice/cron.service\n");
	process(56, "0::/docker/" ID_C "/system.slice/ssh.service\n");
	host_read();
	assert_string_equal(chosen("web", "docker:web")->path, "/docker/" ID_A);
	assert_string_equal(chosen(ID_A, "docker:web")->path, "/docker/" ID_A);
	assert_string_equal(chosen("nginx.service", "unit:nginx.service")->path,
			    "/system.slice/nginx.service");
	assert_string_equal(chosen("ssh.service", "unit:ssh.service")->path,
			    "/docker/" ID_C "/system.slice/ssh.service");
	/* Equal names are told apart by their paths. */
	refused("cron.service", -ENOTUNIQ, "unit:cron.service in /docker/1111");
	refused("cron.service", -ENOTUNIQ, "unit:cron.service in /docker/aaaa");
}

static void odd_lines_are_passed_over(void **state)
{
	(void)state;
	process(60, "nonsense\n\n7\n7:\n7:memory\n7:memory:relative\n999:cpu:/a.service\n0::/"
		    "b.service");
	process(61, "");
	folder_write("/proc/62x/other", "");
	folder_write("/proc/version", "0::/c.service\n");
	host_read();
	assert_int_equal(list.at.len, 1);
	chosen("b.service", "unit:b.service");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_ids_and_labels, folder_make, tear_down),
		cmocka_unit_test_setup_teardown(pods, folder_make, tear_down),
		cmocka_unit_test_setup_teardown(the_hierarchy_that_is_looked_at_first, folder_make,
						tear_down),
		cmocka_unit_test_setup_teardown(what_is_in_a_container_comes_last, folder_make,
						tear_down),
		cmocka_unit_test_setup_teardown(odd_lines_are_passed_over, folder_make, tear_down),
	};

	return cmocka_run_group_tests_name("cli/container", tests, NULL, NULL);
}
