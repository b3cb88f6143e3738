/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct step_up {
	double least; /* from here on, in the base unit */
	double size;  /* of the unit, in the base unit */
	const char *unit;
};

static const struct step_up times[] = {
	{1e9, 1e9, "s"},
	{1e6, 1e6, "ms"},
	{1e3, 1e3, "µs"},
	{0, 1, "ns"},
};
static const struct step_up sizes[] = {
	{0x1p40, 0x1p40, "TiB"},
	{0x1p30, 0x1p30, "GiB"},
	{0x1p20, 0x1p20, "MiB"},
	{0x1p10, 0x1p10, "KiB"},
	{0, 1, "B"},
};
/* Counts stay as they are, with commas, as long as that is readable. */
static const struct step_up counts[] = {{1e10, 1e9, "G"}, {1e7, 1e6, "M"}, {0, 1, ""}};

static const struct {
	const char *name;
	double base; /* in units of the family's base */
	const struct step_up *steps;
	const char *suffix;
} units[] = {
	{"ns", 1, times, ""},     {"us", 1e3, times, ""},      {"µs", 1e3, times, ""},
	{"ms", 1e6, times, ""},   {"s", 1e9, times, ""},       {"bytes", 1, sizes, ""},
	{"B", 1, sizes, ""},      {"bytes/s", 1, sizes, "/s"}, {"B/s", 1, sizes, "/s"},
	{"count", 1, counts, ""}, {"1/s", 1, counts, "/s"},    {"", 1, counts, ""},
};

struct scale scale_choose(double magnitude, const char *unit)
{
	struct scale scale = {.factor = 1};

	unit = unit ? unit : "";
	if (!strcmp(unit, "percent") || !strcmp(unit, "%") || !strcmp(unit, "share")) {
		scale.measured = true;
		scale.factor = *unit == 's' ? 100 : 1;
		snprintf(scale.unit, sizeof(scale.unit), "%%");
		return scale;
	}
	snprintf(scale.unit, sizeof(scale.unit), "%s", unit);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		const struct step_up *step = units[i].steps;
		double base = fabs(magnitude) * units[i].base;

		if (strcmp(units[i].name, unit) != 0)
			continue;
		if (!isfinite(base) || base == 0) {
			/* Any size is right: keep the unit as it came, in our spelling. */
			base = units[i].base;
		}
		while (base < step->least)
			step++;
		scale.factor = units[i].base / step->size;
		scale.measured = units[i].steps != counts || step->least > 0;
		snprintf(scale.unit, sizeof(scale.unit), "%s%s", step->unit, units[i].suffix);
		break;
	}
	return scale;
}

/* Thousands, separated by commas. */
static void group_digits(double value, struct number *number)
{
	char digits[NUMBER_TEXT];
	int length = snprintf(digits, sizeof(digits), "%.0f", fabs(value)), used = 0;

	if (value < 0)
		number->text[used++] = '-';
	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			number->text[used++] = ',';
		number->text[used++] = digits[i];
	}
	number->text[used] = '\0';
}

static struct number format(double value, bool measured)
{
	struct number number;
	double size = fabs(value);
	int decimals;

	if (!isfinite(value)) {
		snprintf(number.text, sizeof(number.text), "%s", NOT_OBSERVED);
	} else if (size >= 1e12) {
		snprintf(number.text, sizeof(number.text), "%.3g", value);
	} else if (size >= 999.5) {
		group_digits(value, &number);
	} else if (size == 0 || (!measured && size == floor(size))) {
		snprintf(number.text, sizeof(number.text), "%.0f", value == 0 ? 0 : value);
	} else if (size < 0.0005) {
		snprintf(number.text, sizeof(number.text), "%s", value < 0 ? "-0.000" : "<0.001");
	} else {
		decimals = size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.0995 ? 2 : 3;
		snprintf(number.text, sizeof(number.text), "%.*f", decimals, value);
	}
	return number;
}

struct number number_format(double value, const struct scale *scale)
{
	return format(value * scale->factor, scale->measured);
}

struct number count_format(uint64_t count)
{
	return format((double)count, false);
}

struct number part_format(double part)
{
	struct number number;

	if (part > 0.9994 && part < 1)
		snprintf(number.text, sizeof(number.text), "%s", ">99.9 %");
	else if (part == 1)
		snprintf(number.text, sizeof(number.text), "%s", "100 %");
	else
		number = number_with_unit(part, "share");
	return number;
}

struct number number_with_unit(double value, const char *unit)
{
	struct scale scale = scale_choose(value, unit);
	struct number number = number_format(value, &scale), full;

	if (!isfinite(value)) {
		snprintf(number.text, sizeof(number.text), "%s", "not observed");
		return number;
	}
	if (!*scale.unit)
		return number;
	/* Cut rather than refused where a unit is absurdly long. */
	if (snprintf(full.text, sizeof(full.text), "%s %s", number.text, scale.unit) >=
	    (int)sizeof(full.text))
		full.text[sizeof(full.text) - 1] = '\0';
	return full;
}

static void percent_format(char *text, size_t size, double share)
{
	double percent = share * 100;

	if (percent != 0 && fabs(percent) < 0.05)
		snprintf(text, size, "%s0.1", percent < 0 ? ">-" : "<");
	else if (percent == 0 || fabs(percent) >= 9.95)
		snprintf(text, size, "%.0f", percent == 0 ? 0 : fmin(percent, 1e9));
	else
		snprintf(text, size, "%.1f", percent);
}

struct number share_format(double share)
{
	struct number number;
	char text[16];

	if (!isfinite(share)) {
		snprintf(number.text, sizeof(number.text), "%s", NOT_OBSERVED);
		return number;
	}
	percent_format(text, sizeof(text), share);
	snprintf(number.text, sizeof(number.text), "%s %%", text);
	return number;
}

struct number share_interval(double low, double high)
{
	struct number number = {};
	char from[12], to[12];

	/* One of no width is none that was computed. */
	if (!isfinite(low) || !isfinite(high) || low == high)
		return number;
	percent_format(from, sizeof(from), low);
	percent_format(to, sizeof(to), high);
	snprintf(number.text, sizeof(number.text), "%s–%s %%", from, to);
	return number;
}

struct number speedup_format(double speedup)
{
	struct number number = {};

	if (!isfinite(speedup) || speedup < 0)
		return number;
	if (speedup > 1000)
		snprintf(number.text, sizeof(number.text), "%s", ">1000×");
	else
		snprintf(number.text, sizeof(number.text), speedup < 1.095 ? "%.2f×" : "%.1f×",
			 speedup);
	return number;
}

struct number hours_format(const double hours[2])
{
	struct number number = {};

	if (!isfinite(hours[0]) || !isfinite(hours[1]) || hours[1] <= 0)
		return number;
	if (hours[0] == hours[1])
		snprintf(number.text, sizeof(number.text), "%.3g h", hours[0]);
	else
		snprintf(number.text, sizeof(number.text), "%.3g–%.3g h", hours[0], hours[1]);
	return number;
}
