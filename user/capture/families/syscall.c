/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * syscall: count, errors and time of system calls by process and call. Its programs also tell the
 * thread ledger what a thread does in the kernel; the classes they go by are filled in here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include <bpf/libbpf.h>

#include "capture/budget.h"
#include "capture/calls.h"
#include "capture/families.h"
#include "strait.skel.h"

/* Numbers and names of this architecture; the build lists them from <sys/syscall.h>. */
static const struct {
	uint32_t nr;
	const char *name;
} syscall_names[] = {
#include <syscall_names.h>
};

/*
 * What a call waits for when it blocks. Which calls exist differs between architectures, so they
 * are looked up by name. A call that is not listed is CLASS_OTHER. wait4() and its kin are not:
 * they wait for a child's work, which is not new work arriving.
 */
static const struct {
	enum syscall_class class;
	const char *names; /* each between spaces */
} syscall_classes[] = {
	{CLASS_READ, " read readv pread64 preadv preadv2 recvfrom recvmsg recvmmsg splice tee "
		     "copy_file_range getdents getdents64 readahead "},
	{CLASS_WRITE, " write writev pwrite64 pwritev pwritev2 sendto sendmsg sendmmsg sendfile "
		      "vmsplice connect fallocate ftruncate "},
	{CLASS_SYNC, " fsync fdatasync sync syncfs sync_file_range sync_file_range2 msync "},
	{CLASS_LOCK, " futex futex_time64 futex_wait futex_waitv flock fcntl semop semtimedop "},
	{CLASS_TIMER, " nanosleep clock_nanosleep "},
	{CLASS_POLL, " poll ppoll select pselect6 epoll_wait epoll_pwait epoll_pwait2 "
		     "epoll_wait_old accept accept4 io_getevents io_pgetevents io_uring_enter "
		     "pause rt_sigsuspend rt_sigtimedwait mq_timedreceive msgrcv "},
	{CLASS_EXIT, " exit exit_group "},
	{CLASS_RETURN, " rt_sigreturn sigreturn "},
};

static enum syscall_class class_by_name(const char *name)
{
	char word[64];

	snprintf(word, sizeof(word), " %s ", name);
	for (size_t i = 0; i < sizeof(syscall_classes) / sizeof(syscall_classes[0]); i++)
		if (strstr(syscall_classes[i].names, word))
			return syscall_classes[i].class;
	return CLASS_OTHER;
}

static int syscall_prepare(struct session *session, struct error *error)
{
	(void)error;
	/* Attached and detached by calls_observe(). */
	bpf_program__set_autoattach(session->skeleton->progs.syscall__enter, false);
	bpf_program__set_autoattach(session->skeleton->progs.syscall__exit, false);
	for (size_t i = 0; i < sizeof(syscall_names) / sizeof(syscall_names[0]); i++)
		if (syscall_names[i].nr < WIRE_SYSCALLS)
			session->skeleton->rodata->syscall_class[syscall_names[i].nr] =
				(uint8_t)class_by_name(syscall_names[i].name);
	return 0;
}

/* "read", or the number where this build knows no name. */
static void syscall_label(uint32_t nr, char *label, size_t size)
{
	const char *space = nr & WIRE_SYSCALL_COMPAT ? "32-bit " : "";

	if (!*space)
		for (size_t i = 0; i < sizeof(syscall_names) / sizeof(syscall_names[0]); i++)
			if (syscall_names[i].nr == nr) {
				snprintf(label, size, "%s", syscall_names[i].name);
				return;
			}
	snprintf(label, size, "%ssyscall %u", space, nr & ~WIRE_SYSCALL_COMPAT);
}

/* A sum of weights in whole units. */
static uint64_t weight_round(uint64_t sum, double scale)
{
	return (uint64_t)((double)sum * scale / WIRE_CALL_WEIGHT + 0.5);
}

static void syscall_counted(struct session *session, const void *key, const void *value)
{
	const struct syscall_key *call = key;
	const struct syscall_value *sum = value;
	struct recording *rec = session->recording;
	uint32_t process = session_process(session, call->tgid);
	double scale = budget_scale(session->budget, false);
	char label[64];

	syscall_label(call->nr, label, sizeof(label));
	if (sum->count)
		recording_count(rec, "syscall.count", process, label,
				weight_round(sum->count, scale));
	if (sum->errors)
		recording_count(rec, "syscall.errors", process, label,
				weight_round(sum->errors, scale));
	if (sum->again)
		recording_count(rec, "syscall.again", process, label,
				weight_round(sum->again, scale));
	if (sum->empty)
		recording_count(rec, "syscall.empty", process, label,
				weight_round(sum->empty, scale));
	if (sum->expired)
		recording_count(rec, "syscall.expired", process, label,
				weight_round(sum->expired, scale));
	if (sum->ns)
		recording_count(rec, "syscall.ns", process, label, weight_round(sum->ns, scale));
}

static int syscall_drain(struct session *session, struct error *error)
{
	budget_observe(session->budget, session, session->slice_end_ns);
	return generation_drain(session, session->skeleton->maps.syscalls_0,
				session->skeleton->maps.syscalls_1, syscall_counted, error);
}

/* With one end of the calls alone the ledger would be wrong: then neither is used. */
static int syscall_loaded(struct session *session, struct error *error)
{
	struct bpf_program *enter = session->skeleton->progs.syscall__enter;
	struct bpf_program *leave = session->skeleton->progs.syscall__exit;

	if (bpf_program__fd(enter) >= 0 && bpf_program__fd(leave) >= 0)
		return 0;
	bpf_program__unload(enter);
	bpf_program__unload(leave);
	return error_set(error, -ENOTSUP, "the kernel takes only one end of system calls");
}

/* ---- attaching and detaching ---- */

struct calls {
	struct bpf_link *enter, *leave;
	uint32_t phase; /* the last value of calls_on that was not 0 */
};

static struct calls *calls_of(struct session *session)
{
	return session->family_data[family_index(&family_syscall)];
}

const char *calls_family(void)
{
	return family_syscall.name;
}

static void calls_detach(struct calls *calls)
{
	bpf_link__destroy(calls->enter);
	bpf_link__destroy(calls->leave);
	calls->enter = calls->leave = NULL;
}

/* The end first: a call whose begin was seen is not to end unseen. */
static int calls_attach(struct session *session, struct calls *calls)
{
	if (calls->enter)
		return 0;
	calls->leave = bpf_program__attach(session->skeleton->progs.syscall__exit);
	if (calls->leave)
		calls->enter = bpf_program__attach(session->skeleton->progs.syscall__enter);
	if (calls->enter)
		return 0;
	calls_detach(calls);
	return errno ? -errno : -EIO;
}

static int syscall_attach(struct session *session, struct error *error)
{
	struct calls *calls = calloc(1, sizeof(*calls));
	int err;

	if (!calls)
		return error_set(error, -ENOMEM, "out of memory");
	session->family_data[family_index(&family_syscall)] = calls;
	err = calls_attach(session, calls);
	return err ? error_set(error, err, "cannot attach to system calls: %s", strerror(-err)) : 0;
}

bool calls_observe(struct session *session, double duty)
{
	struct calls *calls = calls_of(session);
	bool fresh = calls && !calls->enter;

	if (!calls || session->family_off[family_index(&family_syscall)] ||
	    calls_attach(session, calls))
		return false;
	session->skeleton->bss->calls_weight = (uint32_t)(WIRE_CALL_WEIGHT / duty + 0.5);
	if (fresh || !calls->phase)
		__atomic_store_n(&session->skeleton->bss->calls_on, ++calls->phase,
				 __ATOMIC_SEQ_CST);
	return true;
}

void calls_end_at(struct session *session, uint64_t time_ns)
{
	__atomic_store_n(&session->skeleton->bss->calls_until, time_ns, __ATOMIC_SEQ_CST);
}

void calls_ignore(struct session *session)
{
	struct calls *calls = calls_of(session);

	__atomic_store_n(&session->skeleton->bss->calls_on, 0, __ATOMIC_SEQ_CST);
	/* Not of the next stretch, which begins before its end is known. */
	calls_end_at(session, 0);
	if (calls)
		calls_detach(calls);
}

static void syscall_close(struct session *session)
{
	struct calls *calls = calls_of(session);

	if (calls)
		calls_detach(calls);
	free(calls);
}

static void call_sampled(struct session *session, const void *record, size_t size)
{
	session_sample(session, SAMPLE_SYSCALL, record, size);
}

const struct family family_syscall = {
	.name = "syscall",
	.what = "count, errors and time of system calls, by process",
	.handlers = {{WIRE_CALL_SAMPLE, call_sampled}},
	.prepare = syscall_prepare,
	.loaded = syscall_loaded,
	.attach = syscall_attach,
	.drain = syscall_drain,
	.close = syscall_close,
};
