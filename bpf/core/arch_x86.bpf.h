/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* x86-64; what each of these is, arch.bpf.h says. */
#ifndef STRAIT_ARCH_X86_BPF_H
#define STRAIT_ARCH_X86_BPF_H

#define ARCH_REGISTERS   16
#define ARCH_THREAD_SIZE 16384 /* without KASAN */

static __always_inline __u32 arch_page_shift(void)
{
	return 12;
}

#define arch_user pt_regs

/*
 * 6.9: where the kernel is built with CONFIG_X86_FRED, something is above. Until 5.15
 * there is not: ordinary programs need not ask.
 */
struct fred_frame {
	struct pt_regs regs;
};

#if defined(KERNEL_UNTYPED)
#define ARCH_STACK_PADDING (bpf_core_type_exists(struct fred_frame) ? 16 : 0)
#else
#define ARCH_STACK_PADDING 0
#endif

/* At the top. */
static __always_inline __u64 arch_registers_offset(void)
{
	return ARCH_THREAD_SIZE - ARCH_STACK_PADDING - sizeof(struct pt_regs);
}

static __always_inline void arch_registers_copy(__u64 *registers, const struct arch_user *user)
{
	registers[0] = user->ax;
	registers[1] = user->dx;
	registers[2] = user->cx;
	registers[3] = user->bx;
	registers[4] = user->si;
	registers[5] = user->di;
	registers[6] = user->bp;
	registers[7] = user->sp;
	registers[8] = user->r8;
	registers[9] = user->r9;
	registers[10] = user->r10;
	registers[11] = user->r11;
	registers[12] = user->r12;
	registers[13] = user->r13;
	registers[14] = user->r14;
	registers[15] = user->r15;
}

static __always_inline __u64 arch_user_ip(const struct arch_user *user)
{
	return user->ip;
}

static __always_inline __u64 arch_user_sp(const struct arch_user *user)
{
	return user->sp;
}

static __always_inline __u64 arch_user_fp(const struct arch_user *user)
{
	return user->bp;
}

/* All return addresses are on the stack. */
#define ARCH_HAS_LINK false

static __always_inline __u64 arch_link(struct pt_regs *regs)
{
	return 0;
}

/* The task is marked for the duration of the call (TS_COMPAT). */
struct thread_info___x86 {
	__u32 status;
} __attribute__((preserve_access_index));

struct task_struct___x86 {
	struct thread_info___x86 thread_info;
} __attribute__((preserve_access_index));

#define ARCH_TS_COMPAT 0x0002
#define ARCH_KNOWS_32BIT                                                                           \
	bpf_core_field_exists(((struct task_struct___x86 *)NULL)->thread_info.status)

static __always_inline bool arch_task_is_32bit(struct task_struct *task)
{
	struct task_struct___x86 *x86 = (void *)task;

	return BPF_CORE_READ(x86, thread_info.status) & ARCH_TS_COMPAT;
}

static __always_inline bool arch_typed_task_is_32bit(struct task_struct *task)
{
	struct task_struct___x86 *x86 = (void *)task;

	return x86->thread_info.status & ARCH_TS_COMPAT;
}

/*
 * An exception leaves its error code where the number is: the `syscall` instruction alone copies
 * the instruction pointer into rcx. The 32-bit ways in do not; they mark the task.
 */
static __always_inline struct arch_call arch_call_read(struct task_struct *task,
						       struct pt_regs *regs)
{
	struct arch_call call = {-1, 0};
	__u64 number, ip, cx, first, first_32;

	/* Not all of struct pt_regs: it does not fit on the stack beside what is there. */
	if (ARCH_REGISTERS_TYPED) {
		number = regs->orig_ax;
		ip = regs->ip;
		cx = regs->cx;
		first = regs->di;
		first_32 = regs->bx;
	} else {
		number = BPF_CORE_READ(regs, orig_ax);
		ip = BPF_CORE_READ(regs, ip);
		cx = BPF_CORE_READ(regs, cx);
		first = BPF_CORE_READ(regs, di);
		first_32 = BPF_CORE_READ(regs, bx);
	}
	/* What could not be read is 0: ip and cx then, too. */
	if ((__s64)number < 0 || !ip)
		return call;
	if (cx == ip) {
		call.number = (__s32)number;
		call.argument = (__s32)first;
	} else if (ARCH_KNOWS_32BIT && arch_task_is_32bit(task)) {
		call.number = (__s32)number | WIRE_SYSCALL_COMPAT;
		call.argument = (__s32)first_32;
	}
	return call;
}

#endif
