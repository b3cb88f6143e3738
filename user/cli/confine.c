/* SPDX-License-Identifier: BSD-2-Clause */
/* Before what strangers wrote is read and shown: nothing is left that needs any right. */
#include <string.h>

#include "cli/cli.h"
#include "store/store.h"
#include "util/confine.h"
#include "util/rights.h"

static const char *why_not;

void cli_confine(void)
{
	int err = rights_enter(RIGHTS_NONE, 0);

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

int cli_open(const char *path, struct recording **out, struct error *error)
{
	struct store_file *file;
	int err = store_reach(path, &file, error);

	cli_confine();
	if (err)
		return err;
	err = store_read(file, out, error);
	store_file_close(file);
	return err;
}
