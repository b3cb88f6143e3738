/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads a value in a file of bbolt, the key-value store that Go programs have: a tree of pages that
 * are never written over while they are part of it. Source: the packages "common" and "freelist" of
 * bbolt; the layout is that of the machine (little-endian here).
 *
 * Nothing in the file is believed: whatever it holds, a look-up ends, with the value or without.
 */
#ifndef STRAIT_BOLT_H
#define STRAIT_BOLT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Follows `keys` (NULL behind the last), the names of a bucket and of those in it, to the value of
 * the last one. Writes that as a text. False if it is not there, has a zero byte or is too long, or
 * the file is none of bbolt's, or was written all the while.
 */
bool bolt_get(int fd, const char *const keys[], char *out, size_t size);

#endif
