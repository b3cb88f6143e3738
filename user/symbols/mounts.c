/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "symbols/mounts.h"

#define MAX_LINE  (48u << 10) /* two paths, of which each byte may take four, and the options */
#define MAX_LINES 16384

/* The next field, its end set to NUL; NULL = there is none. */
static char *field_next(char **at)
{
	char *field = *at, *end;

	if (!field || !*field)
		return NULL;
	end = strchr(field, ' ');
	if (end)
		*end++ = '\0';
	*at = end;
	return field;
}

/* "\040" is a space; so are written all bytes that would end a field or a line. */
static void text_unescape(char *text)
{
	char *to = text;

	for (; *text; text++, to++) {
		bool octal = text[0] == '\\' && text[1] >= '0' && text[1] <= '3' &&
			     text[2] >= '0' && text[2] <= '7' && text[3] >= '0' && text[3] <= '7';

		*to = *text;
		if (octal) {
			*to = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
			text += 3;
		}
	}
	*to = '\0';
}

/* "98:0" */
static bool device_parse(const char *text, uint64_t *dev)
{
	char *at, *end;
	unsigned long major = strtoul(text, &at, 10), minor;

	if (at == text || *at != ':')
		return false;
	minor = strtoul(at + 1, &end, 10);
	if (end == at + 1 || *end)
		return false;
	*dev = makedev(major, minor);
	return true;
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue" */
bool mount_parse(struct mount *mount, char *line)
{
	char *field[5], *at = line, *type;
	uint64_t dev;

	line[strcspn(line, "\n")] = '\0';
	for (size_t i = 0; i < 5; i++) {
		field[i] = field_next(&at);
		if (!field[i])
			return false;
	}
	do
		type = field_next(&at);
	while (type && strcmp(type, "-") != 0);
	type = field_next(&at);
	if (!type || !device_parse(field[2], &dev) || *field[3] != '/' || *field[4] != '/')
		return false;
	text_unescape(field[3]);
	text_unescape(field[4]);
	*mount = (struct mount){
		.dev = dev,
		.root = field[3],
		.point = field[4],
		.type = type,
	};
	return true;
}

int mounts_each(uint32_t pid, mount_visit *visit, void *context)
{
	char path[32] = "/proc/self/mountinfo", *line;
	bool more = true, whole = true;
	FILE *list;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%u/mountinfo", pid);
	list = fopen(path, "re");
	line = list ? malloc(MAX_LINE) : NULL;
	if (!line) {
		int err = list ? -ENOMEM : -errno;

		if (list)
			fclose(list);
		return err;
	}
	for (size_t i = 0; more && i < MAX_LINES && fgets(line, MAX_LINE, list); i++) {
		bool begins = whole;
		struct mount mount;

		/* Of a line that is too long all parts are left out. */
		whole = strchr(line, '\n');
		if (begins && whole && mount_parse(&mount, line))
			more = visit(context, &mount);
	}
	free(line);
	fclose(list);
	return 0;
}

bool mounts_differ(uint32_t pid)
{
	struct stat own, theirs;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u/ns/mnt", pid);
	return !stat(path, &theirs) && !stat("/proc/self/ns/mnt", &own) &&
	       (own.st_ino != theirs.st_ino || own.st_dev != theirs.st_dev);
}
