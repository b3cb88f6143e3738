/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/error.h"

int error_set(struct error *error, int code, const char *format, ...)
{
	va_list args;

	if (!error)
		return code;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return code;
}

int error_wrap(struct error *error, int code, const char *format, ...)
{
	char prefix[ERROR_TEXT], old[ERROR_TEXT];
	va_list args;

	if (!error)
		return code;
	va_start(args, format);
	vsnprintf(prefix, sizeof(prefix), format, args);
	va_end(args);
	memcpy(old, error->text, sizeof(old));
	/* Both halves are bounded, so that the cause is never pushed out by its context. */
	snprintf(error->text, sizeof(error->text), "%.200s: %.300s", prefix, old);
	return code;
}
