/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/state_file.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols/opening.h"

#define FILE_MAX      (16 << 20)  /* bytes of a state file */
#define USER_JSON_MAX (128 << 10) /* of a user's: what it is read into is many times as large */

bool state_source_user(const char *root, uid_t uid, struct state_source *out)
{
	char path[PATH_MAX], buffer[4096];
	struct passwd entry, *got;
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/etc/passwd", root);
	file = fopen(path, "re");
	while (file && !found && !fgetpwent_r(file, &entry, buffer, sizeof(buffer), &got))
		found = entry.pw_uid == uid && entry.pw_dir[0] == '/';
	if (file)
		fclose(file);
	if (!found)
		return false;
	out->root = root;
	out->uid = uid;
	return snprintf(out->home, sizeof(out->home), "%s%s", root, entry.pw_dir) < PATH_MAX;
}

static int root_open(const char *root, const char *path)
{
	char full[PATH_MAX];

	if (snprintf(full, sizeof(full), "%s%s", root, path) >= (int)sizeof(full))
		return -1;
	return open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
}

/* No link is followed that the user could have made. */
static int user_open(const char *home, const char *path)
{
	int folder = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;

	if (folder < 0)
		return -1;
	fd = file_open_below(folder, path + strspn(path, "/"));
	close(folder);
	return fd;
}

int state_file_open(const struct state_source *source, const char *path, struct stat *st)
{
	int fd = source->uid ? user_open(source->home, path) : root_open(source->root, path);

	if (fd < 0)
		return -1;
	if (!fstat(fd, st) && S_ISREG(st->st_mode) && st->st_size <= FILE_MAX &&
	    (!source->uid || st->st_uid == source->uid))
		return fd;
	close(fd);
	return -1;
}

json_t *state_file_load(const struct state_source *source, int fd, const struct stat *st)
{
	size_t size = (size_t)st->st_size;
	json_t *state = NULL;
	char *text;

	if (source->uid && size > USER_JSON_MAX)
		return NULL;
	text = malloc(size + 1);
	/* As large as it was: whoever writes it meanwhile does not keep us. */
	if (text && pread(fd, text, size, 0) == (ssize_t)size)
		state = json_loadb(text, size, 0, NULL);
	free(text);
	return state;
}

json_t *state_file_read(const struct state_source *source, const char *path)
{
	struct stat st;
	int fd = state_file_open(source, path, &st);
	json_t *state;

	if (fd < 0)
		return NULL;
	state = state_file_load(source, fd, &st);
	close(fd);
	return state;
}

bool state_file_text(const json_t *object, const char *key, char out[CONTAINER_NAME])
{
	const char *text = json_string_value(json_object_get(object, key));

	if (!text || !*text)
		return false;
	snprintf(out, CONTAINER_NAME, "%s", text);
	return true;
}
