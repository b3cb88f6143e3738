/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How the programs get at the kernel's structures. All of them are compiled twice. As they are, the
 * kernel's verifier knows the types of what a tracepoint or an iterator hands over, and fields are
 * loaded. A kernel that was built without BTF knows no types, and takes neither such tracepoints
 * nor iterators: for it, with KERNEL_UNTYPED, tracepoints are raw, each field is read by a helper,
 * and iterators are programs that user space runs once for every thing (walk.bpf.h). Where the
 * fields are comes from a file then (--btf).
 *
 *   TRACEPOINT(name)             what comes before a program at a tracepoint
 *   LOAD(object, field)          a field of an object that a tracepoint or an iterator handed over
 *   LOAD_BITS(object, field)     the same of a field of bits, or one whose size differs
 *   LOAD_REGISTER(regs, which)   the same of PT_REGS_<which>_SYSCALL()
 *   ITERATOR(what)               what comes before a program at an iterator of the kernel
 *   ITERATED(ctx, what)          its task, and after that its file or vma
 *   ITERATED_TELL(ctx, record)   hands a record to user space: one for each thing at most
 */
#ifndef STRAIT_ACCESS_BPF_H
#define STRAIT_ACCESS_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#if defined(KERNEL_UNTYPED)
#include "core/walk.bpf.h"
#define TRACEPOINT(name)           SEC("raw_tp/" name)
#define LOAD(object, field)        BPF_CORE_READ(object, field)
#define LOAD_BITS(object, field)   BPF_CORE_READ_BITFIELD_PROBED(object, field)
#define LOAD_REGISTER(regs, which) PT_REGS_##which##_CORE_SYSCALL(regs)
#define ITERATOR(what)             SEC("raw_tp/run/" what)
#define ITERATED(ctx, what)        walk_##what()
#define ITERATED_TELL(ctx, record) walk_tell(record, sizeof(*(record)))
#else
#define TRACEPOINT(name)           SEC("tp_btf/" name)
#define LOAD(object, field)        ((object)->field)
#define LOAD_BITS(object, field)   BPF_CORE_READ_BITFIELD(object, field)
#define LOAD_REGISTER(regs, which) PT_REGS_##which##_SYSCALL(regs)
#define ITERATOR(what)             SEC("iter/" what)
#define ITERATED(ctx, what)        ((ctx)->what)
#define ITERATED_TELL(ctx, record) bpf_seq_write((ctx)->meta->seq, record, sizeof(*(record)))
#endif

#endif
