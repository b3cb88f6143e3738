/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps that are smaller than they are built, so that tests can fill them. */
#ifndef STRAIT_LIMITS_H
#define STRAIT_LIMITS_H

#include <stdbool.h>

#include "util/error.h"

struct bpf_object;

/*
 * "MAP=ENTRIES,…", NULL = none: before the object is loaded. Pairs of generations go by their
 * common name; that of the ring buffer is in bytes. *storage is set to false where ledger_hash is
 * limited: ledgers are then kept there, as before 5.11. -EINVAL: no such map, or not less than it
 * has.
 */
int limits_apply(struct bpf_object *object, const char *text, bool *storage, struct error *error);

#endif
