/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/fields.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/escape.h"
#include "util/output.h"

/* Significant digits of real numbers: more than any of them is accurate to. */
#define JSON_DIGITS 6

void field_put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value))
		abort();
}

void row_append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value))
		abort();
}

/* No "-0.0". */
json_t *real_value(double value)
{
	return isfinite(value) ? json_real(value == 0 ? 0 : value) : json_null();
}

void field_text(json_t *object, const char *key, const char *text)
{
	char *escaped = escape_text(text, ESCAPE_JSON);

	field_put(object, key, json_string(escaped));
	free(escaped);
}

void field_known(json_t *object, const char *key, const char *text)
{
	if (text && *text)
		field_text(object, key, text);
}

void field_real(json_t *object, const char *key, double value)
{
	field_put(object, key, real_value(value));
}

void field_count(json_t *object, const char *key, uint64_t value)
{
	field_put(object, key, json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value));
}

void fields_spread(json_t *object, const struct spread *spread)
{
	field_real(object, "avg", spread->avg);
	field_real(object, "min", spread->min);
	field_real(object, "max", spread->max);
	field_real(object, "p50", spread->p50);
	field_real(object, "p95", spread->p95);
	field_real(object, "p99", spread->p99);
	field_count(object, "count", spread->count);
}

void fields_lost(json_t *object, const struct document *doc)
{
	json_t *rows = json_array();

	field_count(object, "lost_events", doc->coverage.lost_events);
	field_count(object, "lost_samples", doc->coverage.lost_samples);
	vec_each(&doc->coverage.lost, reason) {
		json_t *row = json_object();

		field_known(row, "what", reason->what);
		field_count(row, "count", reason->count);
		row_append(rows, row);
	}
	field_put(object, "lost", rows);
}

/*
 * Only ASCII leaves: a browser of text (less, cat) on a terminal then cannot be driven by the C1
 * controls and directional characters that valid UTF-8 may hold.
 */
int fields_write(json_t *root, FILE *out)
{
	char *text = json_dumps(root, JSON_INDENT(2) | JSON_ENSURE_ASCII |
					      JSON_REAL_PRECISION(JSON_DIGITS));
	int result;

	json_decref(root);
	if (!text)
		abort();
	result = output_write(out, text, strlen(text));
	free(text);
	return result ? result : output_write(out, "\n", 1);
}
