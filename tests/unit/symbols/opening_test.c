/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process whose root is a directory: whatever its files and links are called, nothing outside of
 * that directory is opened for it.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "symbols/opening.h"

static uint32_t captive; /* 0: it may not be made */

static bool cage_enter(void)
{
	return !unshare(CLONE_NEWNS) && !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	       !mount("/proc", "cage/proc", NULL, MS_BIND | MS_REC, NULL) && !chroot("cage") &&
	       !chdir("/");
}

static int make_cage(void **state)
{
	int ready[2];
	pid_t child;
	char byte;

	if (fixture_make(state) || pipe(ready))
		return -1;
	fixture_write("secret", "outside");
	fixture_run("mkdir -p cage/proc cage/deep/down; echo inside >cage/inside;"
		    "echo inside >cage/deep/secret");
	fixture_run("cd cage; ln -s '%s/secret' absolute; ln -s ../secret up;"
		    "ln -s ../../../../../../../..'%s/secret' further; ln -s .. deep/parent;"
		    "ln -s /proc/1/root%s/secret magic; ln -s /inside again;"
		    "ln -s again more; ln -s loop loop; ln -s '%s' door",
		    fixture_directory, fixture_directory, fixture_directory, fixture_directory);
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!cage_enter() || write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) == 1)
		captive = (uint32_t)child;
	else
		waitpid(child, NULL, 0);
	close(ready[0]);
	return 0;
}

static int open_cage(void **state)
{
	if (captive) {
		kill((pid_t)captive, SIGKILL);
		waitpid((pid_t)captive, NULL, 0);
	}
	return fixture_remove(state);
}

static void need_cage(void)
{
	if (!captive) {
		print_message("no right to change the root: skipped\n");
		skip();
	}
}

/* What is read there: "inside", or NULL where nothing was opened. */
static const char *content(int fd)
{
	static char text[16];
	ssize_t length;

	if (fd < 0)
		return NULL;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	assert_true(length > 0);
	text[length] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static void links_end_inside(void **state)
{
	static const char *const inside[] = {"/inside",       "/again",
					     "/more",         "/deep/parent/inside",
					     "/../../inside", "/deep/parent/../../inside"};

	(void)state;
	need_cage();
	for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++)
		assert_string_equal(content(file_open_path(captive, inside[i])), "inside");
}

static void nothing_outside_is_opened(void **state)
{
	char named[128];
	static const char *const outside[] = {
		"/absolute",    "/up",        "/further",           "/magic",        "/loop",
		"/door/secret", "/../secret", "/proc/1/cwd/inside", "/proc/self/exe"};

	(void)state;
	need_cage();
	for (size_t i = 0; i < sizeof(outside) / sizeof(*outside); i++) {
		int fd = file_open_path(captive, outside[i]);

		if (fd >= 0)
			fail_msg("%s was opened: %s", outside[i], content(fd));
	}
	snprintf(named, sizeof(named), "%s/secret", fixture_directory);
	assert_true(file_open_path(captive, named) < 0);
	/* It is the root that refuses it. */
	assert_string_equal(content(file_open_path(0, named)), "outside");
	/* Nor is a link followed that is none, but a way of the kernel's own. */
	assert_int_equal(file_open_path(0, "/proc/self/cwd/secret"), -ELOOP);
}

static void a_direct_path_has_no_links(void **state)
{
	(void)state;
	need_cage();
	assert_string_equal(content(file_open_path_direct(captive, "/inside")), "inside");
	assert_int_equal(file_open_path_direct(captive, "/again"), -ELOOP);
	assert_int_equal(file_open_path_direct(captive, "/deep/parent/inside"), -ELOOP);
	assert_int_equal(file_open_path_direct(captive, "/absolute"), -ELOOP);
}

static void a_mount_is_not_left(void **state)
{
	(void)state;
	need_cage();
	assert_string_equal(content(file_open_mounted(captive, "/deep", "secret")), "inside");
	assert_true(file_open_mounted(captive, "/deep", "../inside") < 0);
	assert_true(file_open_mounted(captive, "/deep", "parent/inside") < 0);
	assert_true(file_open_mounted(captive, "/door", "secret") < 0);
	/* Another file system is mounted there. */
	assert_true(file_open_mounted(captive, "/", "proc/version") < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_end_inside),
		cmocka_unit_test(nothing_outside_is_opened),
		cmocka_unit_test(a_direct_path_has_no_links),
		cmocka_unit_test(a_mount_is_not_left),
	};

	return cmocka_run_group_tests_name("symbols/opening", tests, make_cage, open_cage);
}
