/* SPDX-License-Identifier: BSD-2-Clause */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols/beside.h"
#include "symbols/fetcher.h"
#include "symbols/names_cache.h"
#include "symbols/naming.h"
#include "symbols/opening.h"
#include "util/reader.h"

#define DEBUG_ROOT "/usr/lib/debug"
#define PATH_TEXT  (4096 + 512)

/* It has no directory in it, and none that it leads to. */
static bool is_plain_name(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static bool is_hex(const char *id)
{
	size_t length = strlen(id);

	return length > 2 && length < IMAGE_ID && strspn(id, "0123456789abcdef") == length;
}

/* ---- the separate debug file ---- */

enum debug_place {
	DEBUG_BY_ID,
	DEBUG_BY_ID_THERE, /* in the root of the process */
	DEBUG_BY_LINK,     /* three of them */
	DEBUG_FETCHED = DEBUG_BY_LINK + 3,
	DEBUG_PLACES,
};

/* The places in which gdb looks too: its manual, "Debugging Information in Separate Files". */
static int debug_find(const struct naming *naming, uint32_t place, const char *link)
{
	static const char *const forms[] = {"%.*s%s", "%.*s.debug/%s", DEBUG_ROOT "%.*s%s"};
	const char *slash = strrchr(naming->path, '/'), *id = naming->build_id;
	char path[PATH_TEXT];

	if (!is_hex(id))
		return -ENOENT;
	if (place == DEBUG_FETCHED)
		return naming->fetcher ? fetcher_get(naming->fetcher, id) : -ENOENT;
	if (place < DEBUG_BY_LINK) {
		if (place == DEBUG_BY_ID_THERE && !naming->pid)
			return -ENOENT;
		snprintf(path, sizeof(path), DEBUG_ROOT "/.build-id/%.2s/%s.debug", id, id + 2);
		return file_open_path(place == DEBUG_BY_ID ? 0 : naming->pid, path);
	}
	if (!slash || !is_plain_name(link))
		return -ENOENT;
	snprintf(path, sizeof(path), forms[place - DEBUG_BY_LINK], (int)(slash - naming->path + 1),
		 naming->path, link);
	return file_open_path(naming->pid, path);
}

/* ---- others ---- */

/* The path is the file's word for it: only the directory for such files is looked into. */
static int dwz_find(const char *below)
{
	char path[sizeof(DEBUG_ROOT) + BESIDE_TEXT];

	if (strncmp(below, "/.dwz/", 6) != 0 || strstr(below, "/../"))
		return -ENOENT;
	snprintf(path, sizeof(path), DEBUG_ROOT "%s", below);
	return file_open_path(0, path);
}

static int package_find(const struct naming *naming)
{
	char path[PATH_TEXT];

	if (*naming->path != '/' ||
	    snprintf(path, sizeof(path), "%s.dwp", naming->path) >= (int)sizeof(path))
		return -ENOENT;
	return file_open_path(naming->pid, path);
}

/* The path is the file's word for it, and so is each link on it: it must lead to such a file. */
static int unit_find(const struct naming *naming, const char *path)
{
	char link[32], led_to[PATH_TEXT];
	ssize_t length;
	int fd = *naming->path == '/' && *path == '/' ? file_open_path(naming->pid, path) : -ENOENT;

	if (fd < 0)
		return fd;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, led_to, sizeof(led_to));
	if (length > 4 && (size_t)length < sizeof(led_to) &&
	    !memcmp(led_to + length - 4, ".dwo", 4))
		return fd;
	close(fd);
	return -ENOENT;
}

static int kept_find(const struct naming *naming, uint32_t *place, const char *layout)
{
	struct names_claim claim;

	if (!naming->names || !is_hex(naming->build_id))
		return -ENOENT;
	claim = names_claim_of(naming->fd);
	return names_cache_open(naming->names, naming->build_id, strtoull(layout, NULL, 16), &claim,
				place);
}

static bool is_elf(int fd)
{
	char magic[SELFMAG];

	return pread(fd, magic, SELFMAG, 0) == SELFMAG && !memcmp(magic, ELFMAG, SELFMAG);
}

/* At one place: the descriptor, if it is one of an ELF file. */
static int place_find(const struct naming *naming, enum beside_kind kind, uint32_t place,
		      const char *text)
{
	int fd = -ENOENT;

	if (kind == BESIDE_DEBUG)
		fd = debug_find(naming, place, text);
	else if (kind == BESIDE_DWZ)
		fd = dwz_find(text);
	else if (kind == BESIDE_PACKAGE)
		fd = package_find(naming);
	else if (kind == BESIDE_UNIT)
		fd = unit_find(naming, text);
	if (fd < 0 || is_elf(fd))
		return fd;
	close(fd);
	return -ENOENT;
}

int beside_find(const struct naming *naming, enum beside_kind kind, uint32_t *place,
		const char *text)
{
	uint32_t places = kind == BESIDE_DEBUG ? DEBUG_PLACES : 1;
	struct naming_keep *keep = naming->keep;
	int fd = -ENOENT;

	if (kind == BESIDE_KEPT)
		return kept_find(naming, place, text);
	while (fd < 0 && *place < places)
		fd = place_find(naming, kind, (*place)++, text);
	if (fd >= 0 && kind == BESIDE_DEBUG && keep) {
		if (keep->debug_fd >= 0)
			close(keep->debug_fd);
		keep->debug_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	}
	return fd;
}

/* ---- in the process that reads ---- */

static int beside_ask(enum beside_kind kind, uint32_t *place, const char *text)
{
	struct message message = MESSAGE_EMPTY;
	size_t length = strlen(text);
	int fd;

	if (length >= BESIDE_TEXT)
		return -ENOENT;
	message.kind = kind;
	memcpy(message.bytes, place, sizeof(*place));
	memcpy(message.bytes + sizeof(*place), text, length + 1);
	message.size = (uint32_t)(sizeof(*place) + length + 1);
	if (reader_question(&message))
		return -ENOENT;
	fd = message.result ? -1 : message.fds[0];
	if (fd >= 0) {
		memcpy(place, message.bytes, sizeof(*place));
		message.fds[0] = message.fds[1];
		message.fds[1] = message.fds[2];
		message.fds[2] = -1;
	}
	message_close(&message);
	return fd < 0 ? -ENOENT : fd;
}

int beside_open(const struct naming *naming, enum beside_kind kind, uint32_t *place,
		const char *text)
{
	return naming->apart ? beside_ask(kind, place, text)
			     : beside_find(naming, kind, place, text);
}
