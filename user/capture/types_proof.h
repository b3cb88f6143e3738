/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether types from a file are the running kernel's, where that tells none to compare them with:
 * wrong ones would be read as if they were right, and nobody would see it in the figures.
 */
#ifndef STRAIT_TYPES_PROOF_H
#define STRAIT_TYPES_PROOF_H

#include "capture/session.h"

struct btf;

/*
 * Before anything is loaded: the file is of the same build, if it is an ELF file, and has the
 * tracepoints that the kernel has, by its symbols. Kernels of other versions differ in a tenth of
 * them and more, of other configurations in some.
 */
int types_prove_kernel(const struct btf *types, const char *file, struct error *error);

/*
 * The programs are loaded, and nothing is attached: what they read of this thread through these
 * types is what it knows of itself.
 */
int types_prove_thread(struct session *session, const char *file, struct error *error);

#endif
