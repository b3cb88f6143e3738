/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs for a kernel that was built without BTF (bpf/core/access.bpf.h). Their skeleton is
 * that of the ordinary ones, but for the object in it: the Makefile sees to that.
 */
#ifndef STRAIT_UNTYPED_H
#define STRAIT_UNTYPED_H

struct bpf_object_open_opts;
struct strait_bpf;

/* As strait_bpf__open_opts(). */
struct strait_bpf *untyped_open(const struct bpf_object_open_opts *options);

#endif
