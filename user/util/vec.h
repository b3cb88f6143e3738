/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A growing array of any type: `VEC(struct frame) frames = {};`. Zero-initialised is empty.
 * Growth aborts the program when memory is exhausted: nothing sensible can follow.
 */
#ifndef STRAIT_VEC_H
#define STRAIT_VEC_H

#include <stddef.h>
#include <stdint.h>

#define VEC(type)                                                                                  \
	struct {                                                                                   \
		type *at;                                                                          \
		size_t len, cap;                                                                   \
	}

/* Appends one value; evaluates to a pointer to it, valid until the next growth. */
#define vec_push(v, ...)                                                                           \
	({                                                                                         \
		vec_reserve((void **)&(v)->at, &(v)->cap, (v)->len + 1, sizeof(*(v)->at));         \
		(v)->at[(v)->len] = (__VA_ARGS__);                                                 \
		&(v)->at[(v)->len++];                                                              \
	})

/* Appends n zeroed elements; evaluates to a pointer to the first of them. */
#define vec_extend(v, n)                                                                           \
	({                                                                                         \
		size_t vec_old_ = (v)->len;                                                        \
		vec_reserve((void **)&(v)->at, &(v)->cap, vec_old_ + (n), sizeof(*(v)->at));       \
		__builtin_memset(&(v)->at[vec_old_], 0, (n) * sizeof(*(v)->at));                   \
		(v)->len += (n);                                                                   \
		&(v)->at[vec_old_];                                                                \
	})

#define vec_each(v, it) for (__typeof__((v)->at + 0) it = (v)->at; it < (v)->at + (v)->len; it++)

#define vec_free(v)                                                                                \
	do {                                                                                       \
		__builtin_free((v)->at);                                                           \
		(v)->at = NULL;                                                                    \
		(v)->len = (v)->cap = 0;                                                           \
	} while (0)

#define vec_sort(v, compare)                                                                       \
	do {                                                                                       \
		if ((v)->len > 1)                                                                  \
			qsort((v)->at, (v)->len, sizeof(*(v)->at), compare);                       \
	} while (0)

void vec_reserve(void **at, size_t *cap, size_t need, size_t size);

#endif
