/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/command.h"
#include "cli/signals.h"

#define ARGV(...) ((char *[]){__VA_ARGS__, NULL})

static struct command start(char **argv)
{
	struct command command = {};
	struct error error = {};

	if (command_start(&command, argv, false, &error))
		fail_msg("%s", error.text);
	return command;
}

static void stop_wait(void)
{
	for (int i = 0; i < 500 && !*signals_stop(); i++)
		usleep(10000);
	assert_true(*signals_stop());
}

static void test_waits_for_the_word(void **state)
{
	char path[] = "/tmp/strait-command-XXXXXX";
	int fd = mkstemp(path), status = -1;
	struct command command;
	struct error error;

	(void)state;
	close(fd);
	unlink(path);
	command = start(ARGV("touch", path));
	signals_watch(command.pid);
	usleep(100000);
	assert_int_equal(access(path, F_OK), -1);
	assert_false(*signals_stop());
	assert_int_equal(write(command.go, "", 1), 1);
	stop_wait(); /* its end ends the window */
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(command_finish(&command, &status, &error), 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	signals_release();
	unlink(path);
}

static void test_status(void **state)
{
	struct command command = start(ARGV("sh", "-c", "exit 3"));
	struct error error;
	char text[80];
	int status;

	(void)state;
	assert_int_equal(write(command.go, "", 1), 1);
	signals_watch(command.pid); /* also when it ended before anybody watched */
	stop_wait();
	assert_int_equal(command_finish(&command, &status, &error), 0);
	signals_release();
	command_outcome(status, text, sizeof(text));
	assert_string_equal(text, "exited with 3");
}

static void test_is_ended_with_the_window(void **state)
{
	struct command command = start(ARGV("sleep", "60"));
	struct error error;
	char text[80];
	int status;

	(void)state;
	assert_int_equal(write(command.go, "", 1), 1);
	for (int i = 0; i < 500; i++) { /* until it is sleep and no longer a copy of this test */
		char link[64], exe[64] = "";

		snprintf(link, sizeof(link), "/proc/%d/exe", command.pid);
		if (readlink(link, exe, sizeof(exe) - 1) > 0 && !strstr(exe, "command_test"))
			break;
		usleep(10000);
	}
	assert_int_equal(command_finish(&command, &status, &error), 0);
	command_outcome(status, text, sizeof(text));
	assert_string_equal(text, "was ended by signal 15 (Terminated)");
}

static void test_never_told_to_go(void **state)
{
	struct command command = start(ARGV("sleep", "60"));
	struct error error;
	int status;
	time_t began = time(NULL);

	(void)state;
	/* strait could not begin: nothing runs, nothing is waited for. */
	assert_int_equal(command_finish(&command, &status, &error), 0);
	assert_true(time(NULL) - began < 5);
}

static void refused(char *name, int expected, const char *why)
{
	struct command command = {.pid = -7};
	struct error error = {};

	assert_int_equal(command_start(&command, ARGV(name), false, &error), expected);
	if (!strstr(error.text, why))
		fail_msg("'%s' lacks '%s'", error.text, why);
	assert_int_equal(command.pid, -7);
}

static void test_refused(void **state)
{
	(void)state;
	refused("/no/such/program", -ENOENT, "No such file");
	refused("no-such-program-here", -ENOENT, "no such command in PATH");
	refused("", -ENOENT, "no such command");
	refused("/etc/passwd", -EACCES, "no program");
	refused("/tmp", -EACCES, "no program");
}

static void test_exec_fails_late(void **state)
{
	char path[] = "/tmp/strait-command-XXXXXX";
	int fd = mkstemp(path), status = -1;
	struct command command;
	struct error error = {};
	static const char script[] = "#!/no/such/interpreter\n";

	(void)state;
	assert_int_equal(write(fd, script, sizeof(script) - 1), sizeof(script) - 1);
	fchmod(fd, 0755);
	close(fd);
	command = start(ARGV(path));
	signals_watch(command.pid);
	assert_int_equal(write(command.go, "", 1), 1);
	stop_wait();
	assert_int_equal(command_finish(&command, &status, &error), -ENOENT);
	signals_release();
	assert_non_null(strstr(error.text, "No such file"));
	assert_int_equal(status, -1);
	unlink(path);
}

static void test_signals(void **state)
{
	struct sigaction before, after;

	(void)state;
	sigaction(SIGTERM, NULL, &before);
	signals_watch(0);
	assert_false(*signals_stop());
	raise(SIGTERM);
	assert_true(*signals_stop());
	/* A watch inside another loses no signal. */
	signals_watch(0);
	assert_true(*signals_stop());
	signals_release();
	/* The second of a kind would end the program. */
	sigaction(SIGTERM, NULL, &after);
	assert_ptr_equal(after.sa_handler, SIG_DFL);
	signals_release();
	sigaction(SIGTERM, NULL, &after);
	assert_ptr_equal(after.sa_handler, before.sa_handler);

	/* nohup: what was ignored stays ignored. */
	signal(SIGHUP, SIG_IGN);
	signals_watch(0);
	assert_false(*signals_stop());
	raise(SIGHUP);
	assert_false(*signals_stop());
	signals_release();
	signal(SIGHUP, SIG_DFL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits_for_the_word),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_is_ended_with_the_window),
		cmocka_unit_test(test_never_told_to_go),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_exec_fails_late),
		cmocka_unit_test(test_signals),
	};

	return cmocka_run_group_tests_name("cli/command", tests, NULL, NULL);
}
