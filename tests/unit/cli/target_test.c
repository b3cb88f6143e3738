/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/target.h"

static struct target_found found(const struct target_options *options)
{
	struct target_found target = {};
	struct error error = {};

	if (target_find(options, &target, &error))
		fail_msg("%s", error.text);
	return target;
}

static void refused(const struct target_options *options, int expected, const char *why)
{
	struct target_found target = {.cgroup = 42};
	struct error error = {};

	assert_int_equal(target_find(options, &target, &error), expected);
	if (!strstr(error.text, why))
		fail_msg("'%s' lacks '%s'", error.text, why);
	assert_int_equal(target.cgroup, 42);
}

static void test_kinds(void **state)
{
	struct target_options options = {};
	char text[64];

	(void)state;
	assert_int_equal(found(&options).kind, TARGET_HOST);
	options.pids = (struct option_pids){{getpid(), getppid()}, 2};
	snprintf(text, sizeof(text), "%d,%d", getpid(), getppid());
	assert_int_equal(found(&options).kind, TARGET_PID);
	assert_string_equal(found(&options).name, text);
	options = (struct target_options){.tids = {{getpid()}, 1}};
	snprintf(text, sizeof(text), "%d", getpid());
	assert_int_equal(found(&options).kind, TARGET_TID);
	assert_string_equal(found(&options).name, text);
	options = (struct target_options){.command = (char *[]){"make", "-j8", NULL}};
	assert_int_equal(found(&options).kind, TARGET_COMMAND);
	assert_string_equal(found(&options).name, "make -j8");
}

static void test_long_command(void **state)
{
	char word[300];
	struct target_options options = {.command = (char *[]){word, word, NULL}};

	(void)state;
	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = 0;
	assert_int_equal(strlen(found(&options).name), sizeof(found(&options).name) - 1);
}

static pthread_barrier_t barrier;
static pid_t other_thread;

static void *thread_run(void *unused)
{
	(void)unused;
	other_thread = gettid();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

static void test_a_thread_is_no_process(void **state)
{
	struct target_options options = {};
	char text[64];
	pthread_t thread;

	(void)state;
	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&thread, NULL, thread_run, NULL);
	pthread_barrier_wait(&barrier);
	options.pids = (struct option_pids){{other_thread}, 1};
	snprintf(text, sizeof(text), "thread of process %d", getpid());
	refused(&options, -ESRCH, text);
	options = (struct target_options){.tids = {{other_thread}, 1}};
	snprintf(text, sizeof(text), "%d", other_thread);
	assert_int_equal(found(&options).kind, TARGET_TID);
	assert_string_equal(found(&options).name, text);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&barrier);
}

static void test_not_there(void **state)
{
	struct target_options options = {.pids = {{getpid(), 4194304}, 2}};

	(void)state;
	/* One above the largest pid there can be. */
	refused(&options, -ESRCH, "no process 4194304");
	refused(&(struct target_options){.tids = {{4194304}, 1}}, -ESRCH, "no thread 4194304");
	refused(&(struct target_options){.cgroup = "/no-such-group"}, -ENOENT, "/no-such-group");
	refused(&(struct target_options){.container = "no-such-box"}, -ENOENT, "'no-such-box'");
	refused(&(struct target_options){.container = "no-such-unit.service"}, -ENOENT, "unit");
	refused(&(struct target_options){.cgroup = "99999999999"}, -ENOENT, "no cgroup");
	refused(&(struct target_options){.cgroup = "18446744073709551616"}, -ENOENT, "no cgroup");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_long_command),
		cmocka_unit_test(test_a_thread_is_no_process),
		cmocka_unit_test(test_not_there),
	};

	return cmocka_run_group_tests_name("cli/target", tests, NULL, NULL);
}
