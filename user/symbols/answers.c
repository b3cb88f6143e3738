/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "symbols/answers.h"
#include "util/index.h"
#include "util/vec.h"

/* Of one text: what text_copy() takes at most. */
#define TEXT_MOST (32u << 10)
#define ROWS_MOST (1u << 22)

/* Then the rows, those of inlined functions, and text: its first and last bytes are NUL. */
struct head {
	uint32_t rows, inlined, text, unused;
};

struct row {
	uint64_t start;
	uint32_t function, source; /* in the text, 0 = none */
	uint32_t line;
	uint32_t inlined, inlined_count;
	uint32_t pause;
};

struct inlined {
	uint32_t function, source, line;
};

/* ---- packing ---- */

struct packer {
	VEC(char) text;
	VEC(struct inlined) inlined;
	struct index index; /* of texts, by their position */
};

static bool text_equal(const void *context, uint32_t position, const void *key)
{
	const struct packer *p = context;

	return !strcmp(p->text.at + position, key);
}

static uint32_t text_put(struct packer *p, const char *text)
{
	size_t length = text ? strnlen(text, TEXT_MOST) : 0;
	uint64_t hash;
	uint32_t position;

	if (!length || length == TEXT_MOST || p->text.len + length + 2 > ANSWERS_BYTES / 2)
		return 0;
	hash = hash_bytes(text, length);
	position = index_find(&p->index, hash, text_equal, p, text);
	if (position != INDEX_NONE)
		return position;
	position = (uint32_t)p->text.len;
	memcpy(vec_extend(&p->text, length + 1), text, length + 1);
	index_add(&p->index, hash, position);
	return position;
}

static struct row row_put(struct packer *p, const struct name_request *request)
{
	struct row row = {
		.start = request->start,
		.function = text_put(p, request->function),
		.source = text_put(p, request->source),
		.line = request->line,
		.pause = request->pause,
		.inlined = (uint32_t)p->inlined.len,
	};

	for (size_t i = 0; i < request->inlined_count; i++) {
		const struct name_inlined *from = &request->inlined[i];
		uint32_t function = text_put(p, from->function);

		/* What is in a function without a name is told as the line of its call. */
		if (!function)
			break;
		vec_push(&p->inlined,
			 (struct inlined){function, text_put(p, from->source), from->line});
		row.inlined_count++;
	}
	return row;
}

void *answers_pack(const struct name_request *requests, size_t count, size_t *size)
{
	struct row *rows = calloc(count + 1, sizeof(*rows));
	struct packer p = {};
	struct head head;
	char *bytes, *at;

	if (!rows)
		return NULL;
	vec_push(&p.text, '\0');
	for (size_t i = 0; i < count; i++)
		rows[i] = row_put(&p, &requests[i]);
	head = (struct head){(uint32_t)count, (uint32_t)p.inlined.len, (uint32_t)p.text.len, 0};
	*size = sizeof(head) + count * sizeof(*rows) + p.inlined.len * sizeof(*p.inlined.at) +
		p.text.len;
	at = bytes = malloc(*size);
	if (bytes) {
		at = mempcpy(at, &head, sizeof(head));
		at = mempcpy(at, rows, count * sizeof(*rows));
		if (p.inlined.len)
			at = mempcpy(at, p.inlined.at, p.inlined.len * sizeof(*p.inlined.at));
		memcpy(at, p.text.at, p.text.len);
	}
	free(rows);
	vec_free(&p.text);
	vec_free(&p.inlined);
	index_free(&p.index);
	return bytes;
}

/* ---- unpacking ---- */

struct answers {
	const struct row *rows;
	const struct inlined *inlined;
	const char *text;
	struct head head;
};

static bool parts_find(struct answers *a, const char *bytes, size_t size, size_t count)
{
	size_t rows, inlined;

	if (size < sizeof(a->head))
		return false;
	memcpy(&a->head, bytes, sizeof(a->head));
	if (a->head.rows != count || count > ROWS_MOST)
		return false;
	rows = count * sizeof(*a->rows);
	inlined = (size_t)a->head.inlined * sizeof(*a->inlined);
	if (size != sizeof(a->head) + rows + inlined + a->head.text || !a->head.text)
		return false;
	/* malloc()'s memory, and sizes that are multiples of what is aligned. */
	a->rows = (const void *)(bytes + sizeof(a->head));
	a->inlined = (const void *)(bytes + sizeof(a->head) + rows);
	a->text = bytes + sizeof(a->head) + rows + inlined;
	return !a->text[0] && !a->text[a->head.text - 1];
}

static bool text_is_good(const struct answers *a, uint32_t position)
{
	return position < a->head.text && strnlen(a->text + position, TEXT_MOST) < TEXT_MOST;
}

static bool row_is_good(const struct answers *a, const struct row *row)
{
	if (!text_is_good(a, row->function) || !text_is_good(a, row->source) ||
	    row->inlined_count > SYMBOLS_INLINED || row->inlined > a->head.inlined ||
	    row->inlined_count > a->head.inlined - row->inlined)
		return false;
	for (uint32_t i = 0; i < row->inlined_count; i++) {
		const struct inlined *inlined = &a->inlined[row->inlined + i];

		if (!inlined->function || !text_is_good(a, inlined->function) ||
		    !text_is_good(a, inlined->source))
			return false;
	}
	return true;
}

static const char *text_get(const struct answers *a, uint32_t position)
{
	return position ? a->text + position : NULL;
}

static void row_take(const struct answers *a, const struct row *row, struct name_request *request,
		     struct text_arena *arena)
{
	struct name_inlined *inlined = NULL;

	if (row->inlined_count)
		inlined = text_take(arena, row->inlined_count * sizeof(*inlined));
	request->function = text_get(a, row->function);
	request->source = text_get(a, row->source);
	request->line = row->line;
	request->start = row->start <= request->offset ? row->start : 0;
	request->pause = row->pause == 1;
	for (uint32_t i = 0; inlined && i < row->inlined_count; i++) {
		const struct inlined *from = &a->inlined[row->inlined + i];

		inlined[i] = (struct name_inlined){text_get(a, from->function),
						   text_get(a, from->source), from->line};
		request->inlined = inlined;
		request->inlined_count = row->inlined_count;
	}
}

bool answers_unpack(char *bytes, size_t size, struct name_request *const requests[], size_t count,
		    struct text_arena *arena)
{
	struct answers a;
	bool good = parts_find(&a, bytes, size, count);

	for (size_t i = 0; good && i < count; i++)
		good = row_is_good(&a, &a.rows[i]);
	if (!good) {
		free(bytes);
		return false;
	}
	text_adopt(arena, bytes);
	for (size_t i = 0; i < count; i++)
		row_take(&a, &a.rows[i], requests[i], arena);
	return true;
}
