/* SPDX-License-Identifier: BSD-2-Clause */
#include "util/bolt.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC      0xED0CDAED
#define VERSION    2
#define PAGE_LEAST 512
#define PAGE_MOST  (64 << 10)
#define SPAN_MOST  (1 << 20) /* bytes of one page with those that it flows over into */
#define DEPTH_MOST 16        /* pages from the root of a bucket to a leaf */
#define TRIES      3         /* where the file is written meanwhile */

enum { BRANCH = 1, LEAF = 2 }; /* what a page is */
enum { IS_BUCKET = 1 };        /* what an element of a leaf is */

struct page_head {
	uint64_t id;
	uint16_t flags, count;
	uint32_t overflow; /* pages that follow it and belong to it */
};

/* In the first two pages; the one that was written last counts. */
struct meta {
	uint32_t magic, version, page_size, flags;
	uint64_t root, sequence, freelist, pages, transaction, checksum;
};

/* An element is told from its own place in the page: its key is `at` bytes behind that. */
struct branch_element {
	uint32_t at, key_size;
	uint64_t page;
};

struct leaf_element {
	uint32_t flags, at, key_size, value_size;
};

/* A value that is a bucket; with a root of 0, its only page follows. */
struct bucket {
	uint64_t root, sequence;
};

_Static_assert(sizeof(struct page_head) == 16 && sizeof(struct meta) == 64 &&
		       sizeof(struct branch_element) == 16 && sizeof(struct leaf_element) == 16,
	       "as in the file");

/* Bytes of a page. Not aligned: a bucket's page may begin anywhere in another's. */
struct span {
	const uint8_t *at;
	size_t size;
};

/* ---- the file ---- */

static uint64_t checksum(const struct meta *meta)
{
	const uint8_t *bytes = (const uint8_t *)meta;
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */

	for (size_t i = 0; i < offsetof(struct meta, checksum); i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3;
	return hash;
}

static bool meta_read(int fd, uint64_t at, struct meta *out)
{
	return pread(fd, out, sizeof(*out), (off_t)(at + sizeof(struct page_head))) ==
		       (ssize_t)sizeof(*out) &&
	       out->magic == MAGIC && out->version == VERSION && out->checksum == checksum(out) &&
	       out->page_size >= PAGE_LEAST && out->page_size <= PAGE_MOST &&
	       !(out->page_size & (out->page_size - 1));
}

/* Where the first page is broken, the second is where this machine's pages end. */
static bool meta_find(int fd, struct meta *out)
{
	struct meta second;
	bool first = meta_read(fd, 0, out);
	uint64_t at = first ? out->page_size : (uint64_t)sysconf(_SC_PAGESIZE);

	if (!meta_read(fd, at, &second))
		return first;
	if (!first || second.transaction > out->transaction)
		*out = second;
	return true;
}

static struct page_head head_of(struct span page)
{
	struct page_head head;

	memcpy(&head, page.at, sizeof(head));
	return head;
}

/* Reads a page; ends with free of its bytes. */
static bool page_read(int fd, const struct meta *meta, uint64_t id, struct span *out)
{
	struct page_head head;
	uint64_t from = id * meta->page_size;
	uint8_t *bytes;

	if (id >= (uint64_t)INT64_MAX / PAGE_MOST ||
	    pread(fd, &head, sizeof(head), (off_t)from) != (ssize_t)sizeof(head) || head.id != id ||
	    head.overflow >= SPAN_MOST / meta->page_size)
		return false;
	out->size = (size_t)(head.overflow + 1) * meta->page_size;
	bytes = malloc(out->size);
	if (!bytes)
		return false;
	out->at = bytes;
	if (pread(fd, bytes, out->size, (off_t)from) == (ssize_t)out->size)
		return true;
	free(bytes);
	return false;
}

/* ---- a page ---- */

/* What lies `at` bytes behind an element at `element`; an empty span if that is not in the page. */
static struct span span_at(struct span page, size_t element, uint64_t at, uint64_t size)
{
	uint64_t from = element + at;

	if (from > page.size || size > page.size - from)
		return (struct span){};
	return (struct span){page.at + from, size};
}

static int key_compare(struct span key, const char *wanted)
{
	size_t length = strlen(wanted), least = key.size < length ? key.size : length;
	int order = least ? memcmp(key.at, wanted, least) : 0;

	return order ? order : (key.size > length) - (key.size < length);
}

/* How many elements of its kind a page can hold, if it says more than that. */
static size_t element_count(struct span page)
{
	size_t most = (page.size - sizeof(struct page_head)) / sizeof(struct leaf_element);
	size_t count = head_of(page).count;

	return count < most ? count : most;
}

/* The page below a branch that has the key if any has: the last that does not begin behind it. */
static bool branch_find(struct span page, const char *key, uint64_t *child)
{
	size_t count = element_count(page);

	for (size_t i = 0; i < count; i++) {
		size_t at = sizeof(struct page_head) + i * sizeof(struct branch_element);
		struct branch_element element;

		memcpy(&element, page.at + at, sizeof(element));
		if (i && key_compare(span_at(page, at, element.at, element.key_size), key) > 0)
			break;
		*child = element.page;
	}
	return count;
}

static bool leaf_find(struct span page, const char *key, struct span *value, bool *bucket)
{
	size_t count = element_count(page);

	for (size_t i = 0; i < count; i++) {
		size_t at = sizeof(struct page_head) + i * sizeof(struct leaf_element);
		struct leaf_element element;

		memcpy(&element, page.at + at, sizeof(element));
		if (key_compare(span_at(page, at, element.at, element.key_size), key) != 0)
			continue;
		*value = span_at(page, at, (uint64_t)element.at + element.key_size,
				 element.value_size);
		*bucket = element.flags & IS_BUCKET;
		return value->at;
	}
	return false;
}

/* ---- look-ups ---- */

/* Where a look-up has got to. Only one page of the file is held at a time. */
struct walk {
	int fd;
	struct meta meta;
	struct span page; /* from page_read(); what follows points into it */
	struct span value;
};

static bool walk_load(struct walk *walk, uint64_t id)
{
	struct span page;

	if (!page_read(walk->fd, &walk->meta, id, &page))
		return false;
	free((void *)walk->page.at);
	walk->page = page;
	return true;
}

/* From a page down to the leaf that has the key. */
static bool walk_down(struct walk *walk, struct span page, const char *key, bool *bucket)
{
	for (int depth = 0; depth < DEPTH_MOST; depth++) {
		uint16_t flags = page.size < sizeof(struct page_head) ? 0 : head_of(page).flags;
		uint64_t child;

		if (flags & LEAF)
			return leaf_find(page, key, &walk->value, bucket);
		if (!(flags & BRANCH) || !branch_find(page, key, &child) || !walk_load(walk, child))
			return false;
		page = walk->page;
	}
	return false;
}

/* walk->value is a bucket; its page. */
static bool bucket_enter(struct walk *walk, struct span *page)
{
	struct bucket bucket;

	if (walk->value.size < sizeof(bucket))
		return false;
	memcpy(&bucket, walk->value.at, sizeof(bucket));
	page->at = walk->value.at + sizeof(bucket);
	page->size = walk->value.size - sizeof(bucket);
	if (!bucket.root)
		return true;
	if (!walk_load(walk, bucket.root))
		return false;
	*page = walk->page;
	return true;
}

static bool walk_keys(struct walk *walk, const char *const keys[])
{
	struct span page;
	bool bucket = false;

	if (!walk_load(walk, walk->meta.root))
		return false;
	page = walk->page;
	for (; *keys; keys++) {
		if (!walk_down(walk, page, *keys, &bucket) || bucket != !!keys[1])
			return false;
		if (bucket && !bucket_enter(walk, &page))
			return false;
	}
	return walk->value.at;
}

static bool value_copy(struct span value, char *out, size_t size)
{
	if (value.size >= size || memchr(value.at, 0, value.size))
		return false;
	memcpy(out, value.at, value.size);
	out[value.size] = 0;
	return true;
}

/* The pages of a transaction are written over only when it is no longer the last one. */
bool bolt_get(int fd, const char *const keys[], char *out, size_t size)
{
	for (int i = 0; i < TRIES; i++) {
		struct walk walk = {.fd = fd};
		struct meta after;
		bool found;

		if (!meta_find(fd, &walk.meta))
			return false;
		found = walk_keys(&walk, keys) && value_copy(walk.value, out, size);
		free((void *)walk.page.at);
		if (meta_find(fd, &after) && after.transaction == walk.meta.transaction)
			return found;
	}
	return false;
}
