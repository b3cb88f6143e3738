/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer's target for what recordings say: the input is a list of rows, and each value is bent
 * until it keeps to the rules that store_open() checks. Whatever a stranger's recording then holds,
 * the whole analysis must end, and every output must be in its form. And a file holds a recording
 * as it was.
 */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "parts.h"
#include "store/schema.h"
#include "store/store.h"

static bool column_equal(const struct column *column, const void *a, const void *b)
{
	double real[2];

	if (column->kind == COLUMN_TEXT)
		return !strcmp(*(char *const *)a, *(char *const *)b);
	if (column->kind != COLUMN_REAL)
		return column_number(column, a) == column_number(column, b);
	memcpy(&real[0], (const char *)a + column->offset, sizeof(double));
	memcpy(&real[1], (const char *)b + column->offset, sizeof(double));
	return real[0] == real[1] || (isnan(real[0]) && isnan(real[1]));
}

static void recordings_compare(const struct recording *a, const struct recording *b)
{
	for (int id = 0; id < TABLE_COUNT; id++) {
		const struct table *table = &schema_tables[id];

		require(table_len(table, a) == table_len(table, b), table->name);
		for (size_t i = 0; i < table_len(table, a); i++)
			for (const struct column *c = table->columns; c->name; c++)
				require(column_equal(c, table_row(table, a, i),
						     table_row(table, b, i)),
					c->name);
	}
}

static void recording_store(const struct recording *rec)
{
	static const struct store_options replace = {.replace = true};
	struct recording *read;
	struct store *store;
	struct error error;

	require(!store_create(&store, scratch_path(), &replace, &error), error.text);
	require(!store_finish(store, rec, &error), error.text);
	store_close(store);
	require(!store_open(scratch_path(), &read, &error), error.text);
	unlink(scratch_path());
	recordings_compare(rec, read);
	recording_free(read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed feed = {data, size};
	struct recording *rec = recording_new();

	recording_fill(rec, &feed);
	recording_check(rec);
	recording_show(rec, feed_style(data, size));
	if (feed_style(data, size) / 64 % 8 == 0)
		recording_store(rec);
	recording_free(rec);
	return 0;
}
