/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON as all outputs of strait write it: fields in the order in which they are put, text escaped,
 * what was not observed as null. Strings are valid UTF-8 by then, so that only exhausted memory can
 * fail here, and that ends the program as everywhere.
 */
#ifndef STRAIT_FIELDS_H
#define STRAIT_FIELDS_H

#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "model/document.h"

/* Each takes over `value`. */
void field_put(json_t *object, const char *key, json_t *value);
void row_append(json_t *array, json_t *value);

/* JSON knows neither NAN nor infinity: both are "not observed", null. */
json_t *real_value(double value);

/* NULL is "". */
void field_text(json_t *object, const char *key, const char *text);
/* An unknown text, NULL or empty, has no field at all. */
void field_known(json_t *object, const char *key, const char *text);
void field_real(json_t *object, const char *key, double value);
void field_count(json_t *object, const char *key, uint64_t value);
/* "avg", "min", "max", "p50", "p95", "p99", "count". */
void fields_spread(json_t *object, const struct spread *spread);
/* "lost_events", "lost_samples", and "lost" by reason. */
void fields_lost(json_t *object, const struct document *doc);

/* Writes the value and a newline as ASCII, and frees it: 0 or a negative errno. */
int fields_write(json_t *root, FILE *out);

#endif
