/* SPDX-License-Identifier: BSD-2-Clause */
/* How the values of options are read: strictly, and within their range. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"

#define NS_PER_SECOND 1e9

bool decimal_parse(const char *text, double *out)
{
	size_t digits = 0, points = 0;

	for (const char *c = text; *c; c++) {
		if (*c == '.')
			points++;
		else if (*c >= '0' && *c <= '9')
			digits++;
		else
			return false;
	}
	if (!digits || points > 1)
		return false;
	*out = strtod(text, NULL);
	return isfinite(*out);
}

int option_flag(const struct option *option, const char *text, struct error *error)
{
	(void)text;
	(void)error;
	*(bool *)option->value = true;
	return 0;
}

int option_text(const struct option *option, const char *text, struct error *error)
{
	if (!*text)
		return error_set(error, -EINVAL, "it must not be empty");
	*(const char **)option->value = text;
	return 0;
}

static int number_parse(const struct option *option, const char *text, double *out,
			struct error *error)
{
	double number;

	if (!decimal_parse(text, &number) || number < option->low || number > option->high)
		return error_set(error, -EINVAL, "'%.40s' is not %s, %.10g to %.10g", text,
				 option->what, option->low, option->high);
	*out = number;
	return 0;
}

int option_number(const struct option *option, const char *text, struct error *error)
{
	return number_parse(option, text, option->value, error);
}

int option_percent(const struct option *option, const char *text, struct error *error)
{
	size_t length = strlen(text);
	char digits[32];
	double number = 0;
	int err;

	if (length && text[length - 1] == '%')
		length--;
	/* Too long for any number in range: not cut, but read as it is, and refused. */
	if (length < sizeof(digits)) {
		memcpy(digits, text, length);
		digits[length] = 0;
	}
	err = number_parse(option, length < sizeof(digits) ? digits : text, &number, error);
	if (!err)
		*(double *)option->value = number / 100;
	return err;
}

int option_count(const struct option *option, const char *text, struct error *error)
{
	double number = 0;
	int err = number_parse(option, text, &number, error);

	if (!err && (strchr(text, '.') || number > UINT32_MAX))
		err = error_set(error, -EINVAL, "'%.40s' is not %s: a whole number", text,
				option->what);
	if (!err)
		*(uint32_t *)option->value = (uint32_t)number;
	return err;
}

int option_duration(const struct option *option, const char *text, struct error *error)
{
	double seconds = 0;
	int err = number_parse(option, text, &seconds, error);

	if (!err)
		*(uint64_t *)option->value = (uint64_t)llround(seconds * NS_PER_SECOND);
	return err;
}

int option_pids(const struct option *option, const char *text, struct error *error)
{
	struct option_pids pids = {};
	const char *at = text;

	for (;;) {
		char *end;
		long pid;

		errno = 0;
		pid = *at >= '0' && *at <= '9' ? strtol(at, &end, 10) : 0;
		if (pid <= 0 || pid > INT32_MAX || errno || (*end && *end != ','))
			return error_set(error, -EINVAL,
					 "'%.80s' is not a list of pids, such as 12 or 12,34",
					 text);
		if (pids.count == OPTION_PIDS)
			return error_set(error, -EINVAL,
					 "at most %d pids: name their cgroup instead", OPTION_PIDS);
		for (size_t i = 0; i < pids.count; i++)
			if (pids.at[i] == pid)
				return error_set(error, -EINVAL, "pid %ld is named twice", pid);
		pids.at[pids.count++] = (pid_t)pid;
		if (!*end)
			break;
		at = end + 1;
	}
	*(struct option_pids *)option->value = pids;
	return 0;
}
