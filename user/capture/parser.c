/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/parser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* libLLVM takes 40 ms, the largest browsers some 200. */
#define CPU_MS  3000
#define WALL_MS 10000
/* The limits of unwind/table.c come to 700 MiB. */
#define MEMORY ((size_t)1 << 30)
/* Of a table: 16 million rows and their pages. */
#define TABLE_BYTES_MOST (256u << 20)
#define WHY_TEXT         160

static const struct parser_options usual = {unwind_table_build, CPU_MS, WALL_MS, MEMORY};

static struct reader parser = READER_NONE;
static int (*build)(int fd, struct unwind_table *out, struct error *error);

/* ---- in the process that reads ---- */

/* The answer has the words in anonymous memory, and what they are of; or why there are none. */
static void table_serve(const struct message *request, struct message *answer)
{
	struct unwind_table table = {};
	struct error why = {};

	answer->result = build(request->fds[0], &table, &why);
	if (answer->result) {
		answer->size = (uint32_t)strnlen(why.text, WHY_TEXT - 1) + 1;
		memcpy(answer->bytes, why.text, answer->size - 1);
		return;
	}
	memcpy(answer->bytes, &table.stats, sizeof(table.stats));
	answer->size = sizeof(table.stats);
	answer->fds[0] =
		memory_put("strait-table", table.words, table.word_count * sizeof(*table.words));
	if (answer->fds[0] < 0)
		answer->result = answer->fds[0];
	unwind_table_free(&table);
}

/* ---- strait's side ---- */

struct reader *parser_reader(const struct parser_options *options)
{
	if (!options)
		options = &usual;
	build = options->build;
	parser.job = (struct reader_job){table_serve, options->cpu_ms, options->wall_ms,
					 options->memory};
	return &parser;
}

uint64_t parser_cpu_ns(void)
{
	return atomic_load(&parser.cpu_ns);
}

static int words_take(const struct message *answer, struct unwind_table *out)
{
	struct unwind_table table = {};
	size_t size = 0;

	if (answer->size != sizeof(table.stats))
		return -EBADMSG;
	memcpy(&table.stats, answer->bytes, sizeof(table.stats));
	table.words = memory_copy(answer->fds[0], TABLE_BYTES_MOST, &size);
	table.word_count = size / sizeof(*table.words);
	if (!table.words || size % sizeof(*table.words) ||
	    !unwind_table_check(table.words, table.word_count)) {
		unwind_table_free(&table);
		return -EBADMSG;
	}
	*out = table;
	return 0;
}

int parser_table(int fd, struct unwind_table *out, struct error *error)
{
	struct message request = MESSAGE_EMPTY, answer = MESSAGE_EMPTY;
	int err;

	if (!reader_is_there(&parser))
		return unwind_table_build(fd, out, error);
	request.fds[0] = fd;
	err = reader_request(&parser, &request, NULL, NULL, &answer, error);
	if (err)
		return err;
	if (answer.result < 0)
		err = error_set(error, answer.result, "%.*s", WHY_TEXT - 1, answer.bytes);
	else if (words_take(&answer, out))
		err = error_set(error, -EIO, "what was read of it is no table");
	message_close(&answer);
	return err;
}
