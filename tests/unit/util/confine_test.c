/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/confine.h"

/* What no job may do; each fails as if the kernel did not know it. */
static bool all_refused(void)
{
	char *argv[] = {(char *)"/bin/true", NULL};

	errno = 0;
	if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != ENOSYS)
		return false;
	errno = 0;
	if (execve(argv[0], argv, NULL) != -1 || errno != ENOSYS)
		return false;
	errno = 0;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != -1 || errno != ENOSYS)
		return false;
	errno = 0;
	if (ioctl(STDIN_FILENO, TIOCSTI, "x") != -1 || errno != ENOSYS)
		return false;
	errno = 0;
	if (syscall(SYS_tgkill, 1, 1, 0) != -1 || errno != ENOSYS)
		return false;
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	       MAP_FAILED;
}

/* What none may do that watches nothing. */
static bool watching_refused(void)
{
	errno = 0;
	if (syscall(SYS_bpf, 0, NULL, 0) != -1 || errno != ENOSYS)
		return false;
	errno = 0;
	if (fork() != -1 || errno != ENOSYS)
		return false;
	errno = 0;
	if (kill(1, 0) != -1 || errno != ENOSYS)
		return false;
	return prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) == -1;
}

static bool memory_works(void)
{
	void *large =
		mmap(NULL, 1 << 24, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return large != MAP_FAILED && !mprotect(large, 4096, PROT_READ) && !munmap(large, 1 << 24);
}

static int report_body(void)
{
	char byte;
	int fd;

	if (confine(CONFINE_REPORT))
		return 1;
	fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	return !(fd >= 0 && read(fd, &byte, 1) == 1 && all_refused() && watching_refused() &&
		 memory_works());
}

static int parse_body(void)
{
	int there = open("/dev/zero", O_RDONLY | O_CLOEXEC), made;
	struct stat status;
	char byte;

	if (there < 0 || confine(CONFINE_PARSE))
		return 1;
	made = memfd_create("answer", MFD_CLOEXEC);
	if (fstat(there, &status) || stat(".", &status) != -1)
		return 1;
	errno = 0;
	return !(read(there, &byte, 1) == 1 && made >= 0 && write(made, &byte, 1) == 1 &&
		 open("/proc/self/stat", O_RDONLY | O_CLOEXEC) == -1 && errno == ENOSYS &&
		 all_refused() && watching_refused() && memory_works());
}

/* It may ask for programs, whether or not it has a right to, and have others read files for it. */
static int watch_body(void)
{
	pid_t reader;
	int status;

	if (confine(CONFINE_WATCH) || !all_refused() || !memory_works())
		return 1;
	errno = 0;
	if (syscall(SYS_bpf, -1, NULL, 0) != -1 || errno == ENOSYS)
		return 1;
	errno = 0;
	if (syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0) != -1 || errno == ENOSYS)
		return 1;
	reader = fork();
	if (!reader)
		_exit(parse_body());
	return !(waitpid(reader, &status, 0) == reader && !status);
}

/* It may still end itself. */
static int abort_body(void)
{
	if (!confine(CONFINE_PARSE))
		raise(SIGTERM);
	return 1;
}

static int child_status(int (*body)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child)
		_exit(body());
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void report_is_confined(void **state)
{
	(void)state;
	assert_int_equal(child_status(report_body), 0);
}

static void parser_is_confined(void **state)
{
	(void)state;
	assert_int_equal(child_status(parse_body), 0);
}

static void watch_is_confined(void **state)
{
	(void)state;
	assert_int_equal(child_status(watch_body), 0);
}

static void signals_to_itself(void **state)
{
	int status = child_status(abort_body);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(report_is_confined),
		cmocka_unit_test(parser_is_confined),
		cmocka_unit_test(watch_is_confined),
		cmocka_unit_test(signals_to_itself),
	};

	return cmocka_run_group_tests_name("confine", tests, NULL, NULL);
}
