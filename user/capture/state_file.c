/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/state_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define STATE_MAX (16 << 20) /* bytes of a state file */

int state_file_open(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);

	if (fd < 0)
		return -1;
	if (!fstat(fd, st) && S_ISREG(st->st_mode) && st->st_size <= STATE_MAX)
		return fd;
	close(fd);
	return -1;
}

json_t *state_file_read(const char *path, struct stat *st)
{
	struct stat was;
	int fd = state_file_open(path, st ? st : &was);
	json_t *state;

	if (fd < 0)
		return NULL;
	state = json_loadfd(fd, 0, NULL);
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
