/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols/answers.h"
#include "symbols/apart.h"
#include "symbols/beside.h"
#include "symbols/names_image.h"
#include "symbols/state.h"
#include "util/reader.h"

/* Of one file. */
#define WALL_MS 10000
/* Headers and notes: microseconds. */
#define IDENTIFY_CPU_MS  300
#define IDENTIFY_WALL_MS 2000
/* Tables of symbols and lines are streams; inlined functions take the units of one file. */
#define MEMORY ((size_t)1 << 30)
/* names_image.c's limits come to that. */
#define NAMES_BYTES_MOST (64u << 20)
#define PLACES_BYTES     (32u << 20)

enum request_kind {
	IDENTIFY = 1, /* fds: the file */
	NAME,         /* the file, and memory with the offsets */
	MAKE,         /* the file, and its debug file */
};

struct name_head {
	uint64_t count, deadline_ns, inlines_deadline_ns;
	uint32_t kind; /* enum group_kind */
	uint32_t functions_only;
	char build_id[IMAGE_ID];
};

/* What is told of a file with names, besides them. */
struct name_tail {
	uint64_t layout;
	uint32_t wanted, from_debug;
};

static_assert(sizeof(struct name_head) < MESSAGE_BYTES, "it fits");

static struct reader reader = READER_NONE;
static void (*before)(int fd, bool names);

/* ---- in the process that reads ---- */

static int identify(int fd, struct file_identity *out)
{
	*out = (struct file_identity){};
	if (image_identity(fd, out->id))
		return -ENOEXEC;
	out->layout = image_layout_of(fd);
	return 0;
}

static void identify_serve(const struct message *request, struct message *answer)
{
	struct file_identity identity;

	answer->result = identify(request->fds[0], &identity);
	memcpy(answer->bytes, &identity, sizeof(identity));
	answer->size = sizeof(identity);
}

/* The offsets of a request, as requests of their own; to be freed. */
static struct name_request *requests_read(const struct message *message, uint64_t count)
{
	size_t size = 0;
	uint64_t *offsets = memory_copy(message->fds[1], PLACES_BYTES, &size);
	struct name_request *requests = calloc(count + 1, sizeof(*requests));

	if (!offsets || !requests || size != count * sizeof(*offsets)) {
		free(offsets);
		free(requests);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		requests[i].offset = offsets[i];
	free(offsets);
	return requests;
}

static int requests_answer(const struct naming *naming, const struct name_head *head,
			   struct name_request *requests)
{
	struct name_request **order = calloc(head->count + 1, sizeof(struct name_request *));
	size_t size = 0;
	void *bytes = NULL;
	int err = order ? 0 : -ENOMEM, fd;

	for (size_t i = 0; order && i < head->count; i++)
		order[i] = &requests[i];
	if (order)
		err = group_answer(naming, head->kind, order, head->count);
	free(order);
	if (!err)
		bytes = answers_pack(requests, head->count, &size);
	if (!bytes)
		return err ? err : -ENOMEM;
	fd = memory_put("strait-answers", bytes, size);
	free(bytes);
	return fd;
}

static void name_serve(const struct message *request, struct message *answer)
{
	struct naming_keep keep = {.debug_fd = -1};
	struct text_arena arena = {};
	struct name_request *requests;
	struct name_head head;
	struct naming naming;
	struct name_tail tail;

	memcpy(&head, request->bytes, sizeof(head));
	naming = (struct naming){
		.fd = request->fds[0],
		.apart = true,
		.path = "",
		.build_id = head.build_id,
		.functions_only = head.functions_only,
		.arena = &arena,
		.keep = &keep,
		.deadline_ns = head.deadline_ns,
		.inlines_deadline_ns = head.inlines_deadline_ns,
	};
	requests = requests_read(request, head.count);
	answer->result = -ENOMEM;
	if (requests)
		answer->fds[0] = requests_answer(&naming, &head, requests);
	if (requests)
		answer->result = answer->fds[0] < 0 ? answer->fds[0] : 0;
	tail = (struct name_tail){keep.layout, keep.wanted, keep.from_debug};
	memcpy(answer->bytes, &tail, sizeof(tail));
	answer->size = sizeof(tail);
	text_arena_clear(&arena);
	free(requests);
}

/* Of an image that cannot be opened all is empty. The descriptor stays the caller's. */
static bool duplicate_open(struct image *image, int fd)
{
	int own = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);

	*image = (struct image){.fd = -1};
	if (own >= 0 && !image_open(image, own))
		return true;
	if (own >= 0)
		close(own);
	return false;
}

static void *names_make(int fd, int source_fd, size_t *size)
{
	struct image image, source;
	bool has_image = duplicate_open(&image, fd),
	     has_source = duplicate_open(&source, source_fd);
	void *bytes = NULL;

	if (!has_image || names_image_make(&image, has_source ? &source : &image, &bytes, size))
		bytes = NULL;
	image_close(&image);
	image_close(&source);
	return bytes;
}

static void make_serve(const struct message *request, struct message *answer)
{
	size_t size;
	void *bytes = names_make(request->fds[0], request->fds[1], &size);

	answer->result = -ENOENT;
	if (!bytes)
		return;
	answer->fds[0] = memory_put("strait-names", bytes, size);
	answer->result = answer->fds[0] < 0 ? answer->fds[0] : 0;
	free(bytes);
}

static void symbols_serve(const struct message *request, struct message *answer)
{
	if (before)
		before(request->fds[0], request->kind == NAME);
	if (request->kind == IDENTIFY)
		identify_serve(request, answer);
	else if (request->kind == NAME)
		name_serve(request, answer);
	else
		make_serve(request, answer);
}

/* ---- strait's side ---- */

struct reader *symbols_reader(const struct symbols_reader_options *options)
{
	static const struct symbols_reader_options usual = {NULL, FILE_CPU_MS, WALL_MS, MEMORY};

	if (!options)
		options = &usual;
	before = options->before;
	reader.job = (struct reader_job){symbols_serve, options->cpu_ms, options->wall_ms,
					 options->memory};
	return &reader;
}

uint64_t symbols_cpu_ns(void)
{
	return atomic_load(&reader.cpu_ns);
}

bool apart_is_there(void)
{
	return reader_is_there(&reader);
}

static bool identity_is_good(const struct file_identity *identity)
{
	size_t length = strnlen(identity->id, sizeof(identity->id));

	return length && length < sizeof(identity->id) &&
	       strspn(identity->id, "0123456789abcdef") == length;
}

int apart_identify(int fd, struct file_identity *out, struct error *error)
{
	struct message request = MESSAGE_EMPTY, answer = MESSAGE_EMPTY;
	int err;

	if (!apart_is_there())
		return identify(fd, out);
	*out = (struct file_identity){};
	request.kind = IDENTIFY;
	request.fds[0] = fd;
	request.cpu_ms = IDENTIFY_CPU_MS;
	request.wall_ms = IDENTIFY_WALL_MS;
	err = reader_request(&reader, &request, NULL, NULL, &answer, error);
	if (err)
		return err;
	if (answer.result || answer.size != sizeof(*out))
		err = -ENOEXEC;
	if (!err)
		memcpy(out, answer.bytes, sizeof(*out));
	if (!err && !identity_is_good(out)) {
		*out = (struct file_identity){};
		err = -ENOEXEC;
	}
	message_close(&answer);
	return err;
}

/* A question of the process that reads: which file is wanted beside the one that it has. */
static void beside_reply(void *context, const struct message *question, struct message *reply)
{
	const struct naming *naming = context;
	const char *text = question->bytes + sizeof(uint32_t);
	uint32_t place, size = question->size;

	if (size <= sizeof(place) || size > sizeof(place) + BESIDE_TEXT ||
	    question->bytes[size - 1] || question->kind > BESIDE_KEPT)
		return;
	memcpy(&place, question->bytes, sizeof(place));
	reply->fds[0] = beside_find(naming, question->kind, &place, text);
	if (reply->fds[0] < 0)
		return;
	reply->result = 0;
	memcpy(reply->bytes, &place, sizeof(place));
	reply->size = sizeof(place);
}

static int offsets_put(struct name_request *const requests[], size_t count)
{
	uint64_t *offsets = malloc((count + 1) * sizeof(*offsets));
	int fd;

	if (!offsets)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		offsets[i] = requests[i]->offset;
	fd = memory_put("strait-places", offsets, count * sizeof(*offsets));
	free(offsets);
	return fd;
}

static int answer_take(const struct message *answer, const struct naming *naming,
		       struct name_request *const requests[], size_t count, struct error *error)
{
	struct name_tail tail;
	size_t size;
	char *bytes;

	if (answer->result == -ENOEXEC)
		return -ENOEXEC;
	if (answer->result)
		return error_set(error, -EIO, "it takes too much memory");
	bytes = memory_copy(answer->fds[0], ANSWERS_BYTES, &size);
	if (answer->size != sizeof(tail) || !bytes ||
	    !answers_unpack(bytes, size, requests, count, naming->arena))
		return error_set(error, -EIO, "what was read of it are no names");
	memcpy(&tail, answer->bytes, sizeof(tail));
	if (naming->keep) {
		naming->keep->wanted = tail.wanted;
		naming->keep->from_debug = tail.from_debug;
		naming->keep->layout = tail.layout;
	}
	return 0;
}

int apart_name(const struct naming *naming, enum group_kind kind, uint32_t cpu_ms,
	       struct name_request *const requests[], size_t count, struct error *error)
{
	struct message request = MESSAGE_EMPTY, answer = MESSAGE_EMPTY;
	struct name_head head = {.count = count,
				 .deadline_ns = naming->deadline_ns,
				 .inlines_deadline_ns = naming->inlines_deadline_ns,
				 .kind = kind,
				 .functions_only = naming->functions_only};
	int places, err;

	if (!apart_is_there())
		return group_answer(naming, kind, requests, count);
	if (strlen(naming->build_id) >= sizeof(head.build_id))
		return -ENOEXEC;
	strcpy(head.build_id, naming->build_id);
	places = offsets_put(requests, count);
	if (places < 0)
		return places;
	request.kind = NAME;
	request.fds[0] = naming->fd;
	request.fds[1] = places;
	request.cpu_ms = cpu_ms < reader.job.cpu_ms ? cpu_ms : reader.job.cpu_ms;
	request.wall_ms =
		(uint32_t)((uint64_t)request.cpu_ms * reader.job.wall_ms / reader.job.cpu_ms);
	memcpy(request.bytes, &head, sizeof(head));
	request.size = sizeof(head);
	err = reader_request(&reader, &request, beside_reply, (void *)naming, &answer, error);
	close(places);
	if (!err)
		err = answer_take(&answer, naming, requests, count, error);
	message_close(&answer);
	return err;
}

void *apart_names_make(int fd, int source_fd, size_t *size)
{
	struct message request = MESSAGE_EMPTY, answer = MESSAGE_EMPTY;
	void *bytes = NULL;

	if (!apart_is_there())
		return names_make(fd, source_fd, size);
	request.kind = MAKE;
	request.fds[0] = fd;
	request.fds[1] = source_fd;
	if (!reader_request(&reader, &request, NULL, NULL, &answer, NULL) && !answer.result)
		bytes = memory_copy(answer.fds[0], NAMES_BYTES_MOST, size);
	message_close(&answer);
	return bytes;
}
