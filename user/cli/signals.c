/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/signals.h"

#include <errno.h>
#include <stddef.h>
#include <sys/wait.h>

/* Handlers have no context but these. */
static volatile sig_atomic_t stop, pause_wanted;
static volatile pid_t command_pid;

static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
#define ENDING (sizeof(ending) / sizeof(ending[0]))

static struct sigaction before[ENDING], before_child, before_pause;
static unsigned int depth; /* of nested watches: the outermost counts */

static void end_window(int number)
{
	stop = 1;
	signal(number, SIG_DFL);
}

/* The second one was not listened to: strait is about to do something else than to watch. */
static void want_pause(int number)
{
	(void)number;
	if (pause_wanted)
		raise(SIGSTOP);
	pause_wanted = !pause_wanted;
}

/* Several ends may come as one signal, so it is asked for the one that matters. */
static void command_check(int number)
{
	siginfo_t info = {};
	int saved = errno;

	(void)number;
	if (waitid(P_PID, (id_t)command_pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid)
		stop = 1;
	errno = saved;
}

static void endings_catch(void)
{
	struct sigaction end = {.sa_handler = end_window, .sa_flags = SA_RESTART};

	for (size_t i = 0; i < ENDING; i++)
		if (before[i].sa_handler != SIG_IGN)
			sigaction(ending[i], &end, NULL);
}

void signals_watch_again(void)
{
	if (!depth)
		return;
	stop = 0;
	endings_catch();
}

void signals_watch(pid_t command)
{
	struct sigaction child = {.sa_handler = command_check,
				  .sa_flags = SA_RESTART | SA_NOCLDSTOP};
	struct sigaction pause = {.sa_handler = want_pause, .sa_flags = SA_RESTART};

	if (depth++)
		return;
	stop = 0;
	pause_wanted = 0;
	command_pid = command;
	for (size_t i = 0; i < ENDING; i++)
		sigaction(ending[i], NULL, &before[i]);
	endings_catch();
	sigaction(SIGTSTP, NULL, &before_pause);
	if (before_pause.sa_handler == SIG_DFL)
		sigaction(SIGTSTP, &pause, NULL);
	sigaction(SIGCHLD, NULL, &before_child);
	if (command) {
		sigaction(SIGCHLD, &child, NULL);
		command_check(SIGCHLD); /* it may have ended before */
	}
}

void signals_release(void)
{
	if (!depth || --depth)
		return;
	for (size_t i = 0; i < ENDING; i++)
		sigaction(ending[i], &before[i], NULL);
	sigaction(SIGTSTP, &before_pause, NULL);
	sigaction(SIGCHLD, &before_child, NULL);
}

const volatile sig_atomic_t *signals_stop(void)
{
	return &stop;
}

volatile sig_atomic_t *signals_pause(void)
{
	return &pause_wanted;
}
