/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of libbpf that user/capture reads by, with what the input says instead of a kernel. */
#ifndef STRAIT_FUZZ_KERNEL_H
#define STRAIT_FUZZ_KERNEL_H

#include <stddef.h>
#include <stdint.h>

struct strait_bpf;

/* Sets the maps and programs of the skeleton that are played; all are empty. */
void kernel_begin(struct strait_bpf *skeleton);
void kernel_end(void);

/* More for what `where` chooses: a map, the context cache, the threads, the listening sockets. */
void kernel_tell(uint8_t where, const uint8_t *bytes, size_t length);

#endif
