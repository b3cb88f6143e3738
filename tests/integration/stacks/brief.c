/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that is gone as soon as it has said who it was: "PID PATH", a line. `brief fork` has a
 * child that does the same, and is awaited.
 */
#include <limits.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(void)
{
	char path[PATH_MAX], line[PATH_MAX + 16];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
	int bytes;

	if (length < 0)
		_exit(1);
	bytes = snprintf(line, sizeof(line), "%d %.*s\n", getpid(), (int)length, path);
	/* One write: others write to the same file. */
	_exit(write(STDOUT_FILENO, line, (size_t)bytes) != bytes);
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		if (!fork())
			say();
		wait(NULL);
	}
	say();
}
