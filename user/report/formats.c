/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/formats.h"

#include <string.h>

#define ROW(name, what) {#name, what, report_##name},
const struct format report_formats[] = {REPORT_FORMATS(ROW){NULL, NULL, NULL}};
#undef ROW

const struct format *format_find(const char *name)
{
	for (const struct format *format = report_formats; format->name; format++)
		if (!strcmp(format->name, name))
			return format;
	return NULL;
}
