/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/helper.h"

/*
 * Whatever this process has open is not kept open by that one, and no signal of a terminal ends it.
 * No session of its own: that is a scheduling group of its own, where strait's priority is worth
 * nothing; beside 2,000 busy threads such a process got no CPU for 20 s.
 */
static _Noreturn void helper_begin(void (*run)(int fd), int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setpgid(0, 0);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0 || dup2(fd, STDERR_FILENO + 1) < 0 ||
	    syscall(SYS_close_range, STDERR_FILENO + 2, ~0U, 0))
		_exit(1);
	run(STDERR_FILENO + 1);
	_exit(1);
}

int helper_start(void (*run)(int fd))
{
	int ends[2], err;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	/* Not a child, but a child's: nobody has to wait for its end. */
	child = fork();
	if (!child) {
		if (!fork())
			helper_begin(run, ends[1]);
		_exit(0);
	}
	err = -errno;
	close(ends[1]);
	if (child < 0) {
		close(ends[0]);
		return err;
	}
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return ends[0];
}
