/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/namespace.h"

#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

/* PROC_PID_INIT_INO of the kernel's include/linux/proc_ns.h: the same on every host since 3.8. */
#define PID_NAMESPACE_INITIAL 0xEFFFFFFCU

const char namespace_why[] =
	"strait runs in a pid namespace of its own: threads outside it are seen only if they began "
	"during the window, pids are those of the host, and user code may have no names; run it in "
	"the host's pid namespace (docker run --pid=host)";

bool namespace_is_own(void)
{
	struct stat st;

	return !stat("/proc/self/ns/pid", &st) && st.st_ino != PID_NAMESPACE_INITIAL;
}

/* A program of three instructions that tells who runs it: nothing in /proc does. 0 = it cannot. */
static uint32_t pid_ask(void)
{
	const struct bpf_insn instructions[] = {
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_current_pid_tgid},
		{.code = BPF_ALU64 | BPF_RSH | BPF_K, .dst_reg = BPF_REG_0, .imm = 32},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_test_run_opts, run);
	int program =
		bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "own_pid", "Dual BSD/GPL", instructions,
			      sizeof(instructions) / sizeof(instructions[0]), NULL);
	int err;

	if (program < 0)
		return 0;
	err = bpf_prog_test_run_opts(program, &run);
	close(program);
	return err ? 0 : run.retval;
}

uint32_t namespace_own_pid(void)
{
	uint32_t pid = namespace_is_own() ? pid_ask() : 0;

	return pid ? pid : (uint32_t)getpid();
}
