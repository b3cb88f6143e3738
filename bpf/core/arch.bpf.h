/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where architectures differ, on this side: registers, system calls, the kernel's stack. Each file
 * arch_*.bpf.h has the same names. How user code finds its caller is in frame_*.bpf.h, and what
 * call frame information says of it in user/unwind/cfi.c.
 *
 *   ARCH_REGISTERS               general registers, by DWARF's number
 *   arch_page_shift()            of what a mapping's place in its file is counted in
 *   struct arch_user             the registers with which a thread entered the kernel, as far as
 *                                they are copied; arch_user_ip(), _sp(), _fp(), and
 *                                arch_registers_copy() by DWARF's number
 *   arch_registers_offset()      where they begin on the thread's kernel stack, before Linux 5.15
 *   arch_link(regs)              the return address that no stack may hold, if ARCH_HAS_LINK
 *   arch_task_is_32bit(task)     whether it is in a system call of a 32-bit program, which numbers
 *                                them differently, if ARCH_KNOWS_32BIT; arch_typed_task_is_32bit()
 *                                of a task that is read without a helper
 *   arch_call_read(task, regs)   the system call that the thread is in, from its registers
 */
#ifndef STRAIT_ARCH_BPF_H
#define STRAIT_ARCH_BPF_H

#include "core/access.bpf.h"
#include "wire.h"

/* A system call's number, -1 = none, and its first argument. */
struct arch_call {
	__s32 number, argument;
};

/* bpf_task_pt_regs() came with 5.15; what it returns is read directly, without a helper. */
#if defined(KERNEL_UNTYPED)
#define ARCH_REGISTERS_TYPED false
#else
#define ARCH_REGISTERS_TYPED bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs)
#endif

#if defined(__TARGET_ARCH_x86)
#include "core/arch_x86.bpf.h"
#elif defined(__TARGET_ARCH_arm64)
#include "core/arch_arm64.bpf.h"
#else
#error "no arch_*.bpf.h for this architecture"
#endif

#endif
