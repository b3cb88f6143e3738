/* SPDX-License-Identifier: BSD-2-Clause */
#include "util/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/perf_event.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include <seccomp.h>

/*
 * A list of what is allowed, not of what is dangerous: the second is never complete, and grows with
 * every kernel. The price is that a C library may use a call that is not in here. So the others
 * fail with ENOSYS: the libraries are made for older kernels too, and fall back to calls that are.
 */

/* What every process needs: memory, time, its own files, its end. By name: not all machines have
 * all of them. */
static const char *const always[] = {
	"read",
	"write",
	"readv",
	"writev",
	"pread64",
	"pwrite64",
	"preadv",
	"pwritev",
	"preadv2",
	"pwritev2",
	"lseek",
	"close",
	"fstat",
	"fcntl",
	"dup",
	"dup2",
	"dup3",
	"ftruncate",
	"poll",
	"ppoll",
	"ppoll_time64",
	"brk",
	"munmap",
	"mremap",
	"madvise",
	"futex",
	"futex_time64",
	"futex_waitv",
	"rseq",
	"set_robust_list",
	"get_robust_list",
	"set_tid_address",
	"membarrier",
	"sched_yield",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sigaltstack",
	"restart_syscall",
	"clock_gettime",
	"clock_gettime64",
	"clock_getres",
	"clock_nanosleep",
	"nanosleep",
	"gettimeofday",
	"time",
	"times",
	"getrusage",
	"getrandom",
	"getpid",
	"gettid",
	"getppid",
	"getuid",
	"geteuid",
	"getgid",
	"getegid",
	"uname",
	"exit",
	"exit_group",
};

static const char *const report[] = {
	"open",       "openat",          "openat2",
	"stat",       "lstat",           "newfstatat",
	"fstatat64",  "statx",           "statfs",
	"fstatfs",    "access",          "faccessat",
	"faccessat2", "readlink",        "readlinkat",
	"getcwd",     "getdents64",      "flock",
	"fallocate",  "fadvise64",       "fsync",
	"fdatasync",  "sync_file_range", "unlink",
	"unlinkat",   "rename",          "renameat",
	"renameat2",  "mkdir",           "mkdirat",
	"rmdir",      "fchmod",          "fchown",
	"utimensat",  "utimes",          "umask",
	"select",     "pselect6",        "sched_getaffinity",
	"sysinfo",    "getrlimit",       "ugetrlimit",
	"sendmsg",    "recvmsg", /* to and from what reads files for it */
};

/*
 * Besides: programs and their maps, samples, threads; and processes in the place of those that read
 * files, which confine themselves further.
 */
static const char *const watch[] = {
	"bpf",
	"perf_event_open",
	"epoll_create1",
	"epoll_ctl",
	"epoll_wait",
	"epoll_pwait",
	"open_by_handle_at",
	"memfd_create",
	"clone",
	"clone3",
	"fork",
	"wait4",
	"waitid",
	"kill",
	"setpgid",
	"close_range",
	"socketpair",
	"setsockopt",
	"sendto",
	"recvfrom",
	"setitimer",
	"prctl",
	"capget",
	"capset",
	"seccomp",
	"getpriority",
	"setpriority",
	"setrlimit",
};

static const char *const parse[] = {"memfd_create", "sendmsg", "recvmsg", "setitimer"};

static int calls_allow(scmp_filter_ctx filter, const char *const names[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int number = seccomp_syscall_resolve_name(names[i]);
		int err;

		if (number == __NR_SCMP_ERROR)
			continue; /* newer than the library, or of another machine */
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
		/* A number below 0: this machine has no such call. */
		if (err && number >= 0)
			return err;
	}
	return 0;
}

#define ALLOW(filter, names) calls_allow(filter, names, sizeof(names) / sizeof((names)[0]))

static const unsigned long terminal[] = {TCGETS, TIOCGWINSZ};
static const unsigned long watched[] = {PERF_EVENT_IOC_ENABLE, PERF_EVENT_IOC_DISABLE,
					PERF_EVENT_IOC_PERIOD, PERF_EVENT_IOC_SET_BPF,
					FS_IOC_GETVERSION};

static int requests_allow(scmp_filter_ctx filter, const unsigned long *requests, size_t count)
{
	int err = 0;

	for (size_t i = 0; !err && i < count; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				       SCMP_A1(SCMP_CMP_EQ, requests[i]));
	return err;
}

#define ALLOW_REQUESTS(filter, list) requests_allow(filter, list, sizeof(list) / sizeof((list)[0]))

/*
 * Memory that is not to be run, signals to itself, which is how abort() ends, and what fstat() is
 * in newer libraries.
 */
static int calls_allow_partly(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp data = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const struct scmp_arg_cmp self = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid());
	const struct scmp_arg_cmp zero = SCMP_A0(SCMP_CMP_EQ, 0);
	const struct scmp_arg_cmp by_fd = SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH);
	int err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, data);

	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, data);
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, self);
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, zero);
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1, by_fd);
	return err ? err : ALLOW_REQUESTS(filter, terminal);
}

static int job_allow(scmp_filter_ctx filter, enum confine_job job)
{
	int err;

	if (job == CONFINE_PARSE)
		return ALLOW(filter, parse);
	err = ALLOW(filter, report);
	if (!err && job == CONFINE_WATCH)
		err = ALLOW(filter, watch);
	if (!err && job == CONFINE_WATCH)
		err = ALLOW_REQUESTS(filter, watched);
	return err;
}

int confine(enum confine_job job)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int err;

	if (!filter)
		return -ENOMEM;
	err = ALLOW(filter, always);
	if (!err)
		err = calls_allow_partly(filter);
	if (!err)
		err = job_allow(filter, job);
	if (!err)
		err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err == -ECANCELED ? -errno : err;
}
