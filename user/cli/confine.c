/* SPDX-License-Identifier: BSD-2-Clause */
/* Before what strangers wrote is read and shown: nothing is left that needs any right. */
#include <string.h>

#include "cli/cli.h"
#include "util/confine.h"
#include "util/rights.h"

static const char *why_not;

void cli_confine(bool file)
{
	int err = rights_enter(RIGHTS_NONE, file ? RIGHTS_FILES : 0);

	why_not = NULL;
	if (!err)
		err = confine(CONFINE_REPORT);
	if (err)
		why_not = strerror(-err);
}

const char *cli_unconfined(void)
{
	return why_not;
}
