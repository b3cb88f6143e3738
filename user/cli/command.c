/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

#define END_TRIES    20
#define END_PAUSE_NS 100000000L

static bool is_program(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK);
}

/* Said before anything is traced; the exec later may still fail, and says so then. */
static int program_check(const char *name, struct error *error)
{
	const char *path = getenv("PATH");
	char full[PATH_MAX];
	size_t length;

	if (strchr(name, '/')) {
		if (is_program(name))
			return 0;
		if (access(name, F_OK))
			return error_set(error, -ENOENT, "cannot run '%.200s': %s", name,
					 strerror(errno));
		return error_set(error, -EACCES, "cannot run '%.200s': it is no program", name);
	}
	for (path = path ? path : "/usr/bin:/bin"; *name && path; path += length + !!path[length]) {
		length = strcspn(path, ":");
		if ((size_t)snprintf(full, sizeof(full), "%.*s%s%s", (int)length, path,
				     length ? "/" : "./", name) < sizeof(full) &&
		    is_program(full))
			return 0;
		if (!path[length])
			break;
	}
	return error_set(error, -ENOENT, "cannot run '%.200s': there is no such command in PATH",
			 name);
}

static _Noreturn void child_run(char **argv, int go, int failed, bool quiet_stdout)
{
	char byte;
	ssize_t got;
	int err;

	do
		got = read(go, &byte, 1);
	while (got < 0 && errno == EINTR);
	if (got != 1) /* strait has ended, or could not begin */
		_exit(EXIT_OK);
	cli_streams_restore();
	if (quiet_stdout)
		dup2(STDERR_FILENO, STDOUT_FILENO);
	execvp(argv[0], argv);
	err = errno;
	(void)!write(failed, &err, sizeof(err));
	_exit(127);
}

int command_start(struct command *command, char **argv, bool quiet_stdout, struct error *error)
{
	int go[2], failed[2], err = program_check(argv[0], error);
	pid_t pid;

	if (err)
		return err;
	if (pipe2(go, O_CLOEXEC))
		return error_set(error, -errno, "cannot make a pipe: %s", strerror(errno));
	if (pipe2(failed, O_CLOEXEC)) {
		err = error_set(error, -errno, "cannot make a pipe: %s", strerror(errno));
		close(go[0]);
		close(go[1]);
		return err;
	}
	pid = fork();
	if (!pid) {
		close(go[1]);
		close(failed[0]);
		child_run(argv, go[0], failed[1], quiet_stdout);
	}
	err = errno;
	close(go[0]);
	close(failed[1]);
	if (pid < 0) {
		close(go[1]);
		close(failed[0]);
		return error_set(error, -err, "cannot start '%.200s': %s", argv[0], strerror(err));
	}
	*command = (struct command){pid, go[1], failed[0], argv[0]};
	return 0;
}

/* Waits; a command that outlives the window is ended. */
static int command_wait(pid_t pid)
{
	struct timespec pause = {.tv_nsec = END_PAUSE_NS};
	int status = 0;

	for (int i = 0; i < END_TRIES; i++) {
		if (waitpid(pid, &status, WNOHANG) != 0)
			return status;
		if (!i)
			kill(pid, SIGTERM);
		nanosleep(&pause, NULL);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return status;
}

int command_finish(struct command *command, int *status, struct error *error)
{
	int err = 0, result;

	close(command->go);
	result = command_wait(command->pid);
	if (read(command->failed, &err, sizeof(err)) != sizeof(err))
		err = 0;
	close(command->failed);
	if (err)
		return error_set(error, -err, "cannot run '%.200s': %s", command->name,
				 strerror(err));
	*status = result;
	return 0;
}

void command_outcome(int status, char *out, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(out, size, "was ended by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(out, size, "exited with %d", WEXITSTATUS(status));
}
