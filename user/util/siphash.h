/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SipHash-2-4: a hash of 64 bits under a secret key of 128. Who does not know the key cannot choose
 * inputs that collide (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).
 */
#ifndef STRAIT_SIPHASH_H
#define STRAIT_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t siphash(const uint64_t key[2], const void *bytes, size_t length);

#endif
