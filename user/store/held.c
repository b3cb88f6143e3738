/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/held.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "util/vec.h"

struct held {
	char *path;
	int fd;
};

static VEC(struct held) held;

typedef int open_call(const char *path, int flags, int mode);
typedef int stat_call(const char *path, struct stat *st);

/* What SQLite called before. */
static open_call *open_before;
static stat_call *stat_before;

static struct held *held_find(const char *path)
{
	vec_each(&held, one)
		if (!strcmp(one->path, path))
			return one;
	return NULL;
}

static int open_call_held(const char *path, int flags, int mode)
{
	const struct held *one = held_find(path);

	if (!one)
		return open_before(path, flags, mode);
	if ((flags & O_ACCMODE) != O_RDONLY && (fcntl(one->fd, F_GETFL) & O_ACCMODE) == O_RDONLY) {
		errno = EACCES;
		return -1;
	}
	return fcntl(one->fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

static int stat_call_held(const char *path, struct stat *st)
{
	const struct held *one = held_find(path);

	return one ? fstat(one->fd, st) : stat_before(path, st);
}

/* All of SQLite's ways to use files here share one table of calls. */
static void calls_take(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find("unix");

	if (open_before || !vfs || vfs->iVersion < 3)
		return;
	open_before = (open_call *)vfs->xGetSystemCall(vfs, "open");
	stat_before = (stat_call *)vfs->xGetSystemCall(vfs, "stat");
	vfs->xSetSystemCall(vfs, "open", (sqlite3_syscall_ptr)open_call_held);
	vfs->xSetSystemCall(vfs, "stat", (sqlite3_syscall_ptr)stat_call_held);
}

void held_put(const char *path, int fd)
{
	calls_take();
	if (!vec_push(&held, (struct held){.path = strdup(path), .fd = fd})->path) {
		fprintf(stderr, "strait: out of memory\n");
		abort();
	}
}

int held_open(const char *path, int more_flags)
{
	const int flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | more_flags;
	int fd = open(path, O_RDWR | flags, 0600);
	struct stat st;

	if (fd < 0 && (errno == EACCES || errno == EROFS))
		fd = open(path, O_RDONLY | flags, 0600);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	held_put(path, fd);
	return 0;
}

void held_close(const char *path)
{
	struct held *one = held_find(path);

	if (!one)
		return;
	close(one->fd);
	free(one->path);
	*one = held.at[--held.len];
	if (!held.len)
		vec_free(&held);
}
