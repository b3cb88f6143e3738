/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's types that the BPF programs read. libbpf adapts the programs to the kernel they run
 * on: it looks for each struct that they touch in the kernel's BTF by going through all of it, 1 ms
 * for each. Given these few types instead, all of them take less than one.
 */
#ifndef STRAIT_KERNEL_TYPES_H
#define STRAIT_KERNEL_TYPES_H

struct btf;

/*
 * Those structs, unions and enumerations of `kernel` whose names `object` has too, without what
 * their pointers lead to: nothing is read through a pointer but as a struct of its own. The caller
 * frees it. NULL where memory is out or a type is of a kind that is not known here.
 */
struct btf *kernel_types_needed(const struct btf *kernel, const struct btf *object);

#endif
