/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/parser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* libLLVM takes 40 ms, the largest browsers some 200. */
#define CPU_MS  3000
#define WALL_MS 10000
/* Where an allocator is: node takes 5 ms, a file that exports 400,000 names 27. */
#define FIND_CPU_MS  500
#define FIND_WALL_MS 2000
/* The limits of unwind/table.c come to 700 MiB. */
#define MEMORY ((size_t)1 << 30)
/* Of a table: 16 million rows and their pages. */
#define TABLE_BYTES_MOST (256u << 20)
#define WHY_TEXT         160

enum request_kind {
	TABLE = 1,
	ALLOCATOR,
};

_Static_assert(ALLOCATOR_PROBES * sizeof(struct allocator_probe) <= MESSAGE_BYTES, "they fit");

static const struct parser_options usual = {unwind_table_build, allocator_probes, CPU_MS, WALL_MS,
					    MEMORY};

static struct reader parser = READER_NONE, prober = READER_NONE;
static const struct parser_options *options = &usual;

/* ---- in the process that reads ---- */

/* The answer has the words in anonymous memory, and what they are of; or why there are none. */
static void table_serve(const struct message *request, struct message *answer)
{
	struct unwind_table table = {};
	struct error why = {};

	answer->result = options->build(request->fds[0], &table, &why);
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

static void allocator_serve(const struct message *request, struct message *answer)
{
	struct allocator_probe found[ALLOCATOR_PROBES] = {};
	size_t count = options->find(request->fds[0], found);

	answer->result = (int32_t)count;
	answer->size = (uint32_t)(count * sizeof(*found));
	memcpy(answer->bytes, found, answer->size);
}

static void request_serve(const struct message *request, struct message *answer)
{
	if (request->kind == ALLOCATOR)
		allocator_serve(request, answer);
	else
		table_serve(request, answer);
}

/* ---- strait's side ---- */

struct reader *parser_reader(const struct parser_options *wanted)
{
	options = wanted ? wanted : &usual;
	parser.job = (struct reader_job){request_serve, options->cpu_ms, options->wall_ms,
					 options->memory};
	return &parser;
}

struct reader *parser_prober(const struct parser_options *wanted)
{
	options = wanted ? wanted : &usual;
	prober.job = (struct reader_job){allocator_serve, FIND_CPU_MS, FIND_WALL_MS,
					 options->memory, .once = true};
	return &prober;
}

uint64_t parser_cpu_ns(void)
{
	return atomic_load(&parser.cpu_ns) + atomic_load(&prober.cpu_ns);
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
	request.kind = TABLE;
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

static bool probes_take(int fd, const struct message *answer, struct allocator_probe *out)
{
	struct allocator_probe probes[ALLOCATOR_PROBES];
	size_t count = answer->size / sizeof(*probes);
	struct stat stat;

	if (answer->result < 0 || count != (size_t)answer->result || count > ALLOCATOR_PROBES ||
	    answer->size != count * sizeof(*probes) || fstat(fd, &stat))
		return false;
	memcpy(probes, answer->bytes, answer->size);
	if (!allocator_probes_check(probes, count, (uint64_t)stat.st_size))
		return false;
	memcpy(out, probes, answer->size);
	return true;
}

static int allocator_ask(struct reader *reader, int fd, struct allocator_probe *out,
			 struct error *error)
{
	struct message request = MESSAGE_EMPTY, answer = MESSAGE_EMPTY;
	int err;

	request.kind = ALLOCATOR;
	request.cpu_ms = FIND_CPU_MS;
	request.wall_ms = FIND_WALL_MS;
	request.fds[0] = fd;
	err = reader_request(reader, &request, NULL, NULL, &answer, error);
	if (err)
		return err;
	err = probes_take(fd, &answer, out)
		      ? answer.result
		      : error_set(error, -EIO, "what was read of it is no allocator");
	message_close(&answer);
	return err;
}

/*
 * The kernel changes the code of all who run a file where it is probed. So that is said by a
 * process that has read nothing else: a stranger's file cannot have it say what ends others.
 */
int parser_allocator(int fd, struct allocator_probe out[ALLOCATOR_PROBES], struct error *error)
{
	struct allocator_probe found[ALLOCATOR_PROBES];
	int count;

	if (!reader_is_there(&parser))
		return (int)allocator_probes(fd, out);
	count = allocator_ask(&parser, fd, found, error);
	return count > 0 ? allocator_ask(&prober, fd, out, error) : count;
}
