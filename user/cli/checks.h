/* SPDX-License-Identifier: BSD-2-Clause */
/* What `strait doctor` looks at on the host, one check a row; a new one is one line in checks.c. */
#ifndef STRAIT_CHECKS_H
#define STRAIT_CHECKS_H

#include "util/rights.h"

enum check_status {
	CHECK_OK,
	CHECK_LIMITED, /* strait works, with something missing */
	CHECK_MISSING, /* strait cannot trace */
};

struct check {
	const char *name;
	const char *btf; /* the file of types that was given instead of the kernel's, NULL = none */
	enum check_status status;
	char found[160];            /* what is there */
	char fix[RIGHTS_LOST_TEXT]; /* what is missing for it, what to do; "" = all is well */
};

typedef void check_run(struct check *check);

struct check_row {
	const char *name;
	check_run *run;
};

/* Ends with a row without a name. */
extern const struct check_row check_rows[];

const char *check_status_name(enum check_status status); /* "ok", "limited", "missing" */

#endif
