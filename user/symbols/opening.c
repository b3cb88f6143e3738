/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "symbols/opening.h"

/*
 * Opens what an O_PATH descriptor stands for, if it is a regular file; takes the descriptor. Only
 * now can opening have an effect: a device or a pipe never gets that far.
 */
static int path_fd_open(int path_fd)
{
	struct stat stat;
	char name[32];
	int fd;

	if (path_fd < 0)
		return -errno;
	if (fstat(path_fd, &stat) || !S_ISREG(stat.st_mode)) {
		close(path_fd);
		return -EINVAL;
	}
	snprintf(name, sizeof(name), "/proc/self/fd/%d", path_fd);
	fd = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	close(path_fd);
	return fd;
}

/* An O_PATH descriptor; sets errno. */
static int path_fd(int at, const char *path, uint64_t resolve)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_NO_MAGICLINKS | resolve,
	};

	return (int)syscall(SYS_openat2, at, path, &how, sizeof(how));
}

static int root_fd(uint32_t pid)
{
	char root[32] = "/";

	if (pid)
		snprintf(root, sizeof(root), "/proc/%u/root", pid);
	return open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int root_open(uint32_t pid, const char *path, uint64_t resolve)
{
	int root = root_fd(pid), fd;

	if (root < 0)
		return -errno;
	fd = path_fd_open(path_fd(root, path, RESOLVE_IN_ROOT | resolve));
	close(root);
	return fd;
}

int file_open_path(uint32_t pid, const char *path)
{
	return root_open(pid, path, 0);
}

int file_open_path_direct(uint32_t pid, const char *path)
{
	return root_open(pid, path, RESOLVE_NO_SYMLINKS);
}

int file_open_mounted(uint32_t pid, const char *point, const char *path)
{
	int root = root_fd(pid), mount, fd;

	if (root < 0)
		return -errno;
	mount = path_fd(root, point, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
	if (mount < 0 || !*path) {
		fd = path_fd_open(mount);
	} else {
		fd = path_fd_open(path_fd(mount, path,
					  RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV));
		close(mount);
	}
	close(root);
	return fd;
}

int file_open_below(int folder, const char *path)
{
	return path_fd_open(
		path_fd(folder, path, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV));
}

int file_open_mapped(uint32_t pid, uint64_t start, uint64_t end)
{
	char name[96];

	snprintf(name, sizeof(name), "/proc/%u/map_files/%lx-%lx", pid, start, end);
	return path_fd_open(open(name, O_PATH | O_CLOEXEC));
}

size_t file_executable_path(uint32_t pid, char path[PATH_MAX])
{
	char link[32];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/%u/exe", pid);
	length = readlink(link, path, PATH_MAX);
	if (length <= 0 || length == PATH_MAX)
		return 0;
	path[length] = '\0';
	return (size_t)length;
}

int file_open_executable(uint32_t pid)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/%u/exe", pid);
	return path_fd_open(open(name, O_PATH | O_CLOEXEC));
}

static bool vdso_range(unsigned long *start, unsigned long *end)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512], *at;
	bool found = false;

	while (!found && maps && fgets(line, sizeof(line), maps)) {
		if (strstr(line, " [vdso]\n")) {
			*start = strtoul(line, &at, 16);
			*end = *at == '-' ? strtoul(at + 1, NULL, 16) : 0;
			found = *end > *start;
		}
	}
	if (maps)
		fclose(maps);
	return found;
}

int file_open_vdso(void)
{
	unsigned long start, end;
	int fd;

	if (!vdso_range(&start, &end))
		return -ENOENT;
	fd = memfd_create("strait-vdso", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, (const void *)start, end - start) != (ssize_t)(end - start)) {
		close(fd);
		return -EIO;
	}
	return fd;
}
