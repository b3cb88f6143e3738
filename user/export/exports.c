/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/exports.h"

#include <string.h>

#define ROW(name, what) {#name, what, export_##name},
const struct export export_formats[] = {EXPORT_FORMATS(ROW){NULL, NULL, NULL}};
#undef ROW

const struct export *export_find(const char *name)
{
	for (const struct export *export = export_formats; export->name; export ++)
		if (!strcmp(export->name, name))
			return export;
	return NULL;
}
