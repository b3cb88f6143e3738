/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* aarch64; what each of these is, arch.bpf.h says. */
#ifndef STRAIT_ARCH_ARM64_BPF_H
#define STRAIT_ARCH_ARM64_BPF_H

#define ARCH_REGISTERS 32 /* x0 to x30, sp */
#define ARCH_FP        29
#define ARCH_LINK      30
#define ARCH_SP        31

/* Kernels have pages of 4, 16 or 64 KiB: user space knows. */
extern const volatile __u32 page_shift;

static __always_inline __u32 arch_page_shift(void)
{
	return page_shift;
}

/* The head of struct pt_regs, whose rest differs between kernels. */
#define arch_user user_pt_regs

/* At the top of THREAD_SIZE: 16 KiB, or a page where that is more; without KASAN. */
static __always_inline __u64 arch_registers_offset(void)
{
	__u64 page = 1ULL << page_shift;

	return (page > 16384 ? page : 16384) - bpf_core_type_size(struct pt_regs);
}

static __always_inline void arch_registers_copy(__u64 *registers, const struct arch_user *user)
{
	__builtin_memcpy(registers, user->regs, sizeof(user->regs));
	registers[ARCH_SP] = user->sp;
}

static __always_inline __u64 arch_user_ip(const struct arch_user *user)
{
	return user->pc;
}

static __always_inline __u64 arch_user_sp(const struct arch_user *user)
{
	return user->sp;
}

static __always_inline __u64 arch_user_fp(const struct arch_user *user)
{
	return user->regs[ARCH_FP];
}

/* Code that has saved nothing yet was called from where x30 says. */
#define ARCH_HAS_LINK true

static __always_inline __u64 arch_link(struct pt_regs *regs)
{
	return BPF_CORE_READ(regs, regs[ARCH_LINK]);
}

#define ARCH_TIF_32BIT   (1ULL << 22)
#define ARCH_KNOWS_32BIT true

static __always_inline bool arch_task_is_32bit(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread_info.flags) & ARCH_TIF_32BIT;
}

static __always_inline bool arch_typed_task_is_32bit(struct task_struct *task)
{
	return task->thread_info.flags & ARCH_TIF_32BIT;
}

/* The kernel keeps the number beside the registers: -1 for an exception. */
static __always_inline struct arch_call arch_call_read(struct task_struct *task,
						       struct pt_regs *regs)
{
	struct arch_call call = {-1, 0};

	if (!regs)
		return call;
	if (ARCH_REGISTERS_TYPED) {
		call.number = regs->syscallno;
		call.argument = (__s32)regs->orig_x0;
	} else {
		if (bpf_core_read(&call.number, sizeof(call.number), &regs->syscallno))
			call.number = -1;
		call.argument = (__s32)BPF_CORE_READ(regs, orig_x0);
	}
	if (call.number >= 0 && arch_task_is_32bit(task))
		call.number |= WIRE_SYSCALL_COMPAT;
	return call;
}

#endif
