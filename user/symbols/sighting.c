/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "symbols/mounts.h"
#include "symbols/opening.h"
#include "symbols/sighting.h"

#define MAX_TRIES 256 /* mounts in which one file is looked for */
#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

bool path_is_plain(const char *path)
{
	if (*path != '/' || strnlen(path, PATH_MAX) == PATH_MAX)
		return false;
	for (const char *at = path; *at;) {
		size_t length = strcspn(++at, "/");

		if (!length || length > NAME_MAX || (length == 1 && *at == '.') ||
		    (length == 2 && at[0] == '.' && at[1] == '.'))
			return false;
		at += length;
	}
	return true;
}

/*
 * Numbers of files are used again, so that a file compiled anew often has the number of the old
 * one: these file systems count that. Others are not asked, for FUSE would ask a stranger.
 */
static bool generation_agrees(int fd, const struct statfs *fs, const struct file_sighting *seen)
{
	uint32_t generation[2] = {}; /* declared as a long, written as an int */

	if (!seen->generation)
		return true;
	if (fs->f_type != EXT4_SUPER_MAGIC && fs->f_type != XFS_SUPER_MAGIC &&
	    fs->f_type != BTRFS_SUPER_MAGIC && fs->f_type != F2FS_SUPER_MAGIC)
		return true;
	return ioctl(fd, FS_IOC_GETVERSION, generation) || generation[0] == seen->generation;
}

/*
 * overlayfs shows numbers of its own: the kernel maps the file below, whose number it has in the
 * low bits, or, once it was copied up, not at all.
 */
static bool agrees(int fd, const struct file_sighting *seen, bool by_link)
{
	struct stat stat;
	struct statfs fs;

	if (fstat(fd, &stat) || fstatfs(fd, &fs) || (uint64_t)stat.st_size != seen->size)
		return false;
	if (stat.st_ino == seen->inode)
		return generation_agrees(fd, &fs, seen);
	if (fs.f_type != OVERLAYFS_SUPER_MAGIC)
		return false;
	return by_link || (uint32_t)stat.st_ino == (uint32_t)seen->inode;
}

/* Takes the descriptor; -1 if it is not the file. */
static int accept_fd(int fd, const struct file_sighting *seen, bool by_link)
{
	if (fd < 0 || agrees(fd, seen, by_link))
		return fd;
	close(fd);
	return -1;
}

/* The executable, if that has the name: what it maps besides is found by other ways. */
static int executable_open(const struct file_sighting *seen)
{
	const char *name = strrchr(seen->path, '/'), *slash;
	char path[PATH_MAX];

	if (!name || !file_executable_path(seen->pid, path))
		return -1;
	slash = strrchr(path, '/');
	/* What may follow the name is " (deleted)". */
	if (!slash || strncmp(slash, name, strlen(name)) != 0)
		return -1;
	return accept_fd(file_open_executable(seen->pid), seen, true);
}

/* ---- by its path, in any file system that may be the one ---- */

struct search {
	const struct file_sighting *seen;
	uint32_t pid; /* in whose root, 0 = our own */
	unsigned int tried;
	int fd;
};

/*
 * Where the file's own file system is not known, only such are looked into that answer from memory
 * or a disk of this host: a dead server would be waited for.
 */
static bool type_is_local(const char *type)
{
	static const char *const local[] = {
		"ext4", "xfs",      "btrfs", "overlay", "tmpfs",    "ext3", "ext2",
		"f2fs", "squashfs", "erofs", "ramfs",   "bcachefs", "zfs",  "iso9660",
		"vfat", "exfat",    "ntfs3", "udf",     "rootfs",   "jfs",  "devtmpfs"};

	for (size_t i = 0; i < sizeof(local) / sizeof(*local); i++)
		if (!strcmp(type, local[i]))
			return true;
	return false;
}

static bool mount_may_hold(const struct mount *mount, const struct file_sighting *seen)
{
	/* Of a file in an overlay the kernel may tell the file system below. */
	if (seen->dev && strcmp(mount->type, "overlay") != 0)
		return mount->dev == seen->dev;
	return type_is_local(mount->type);
}

static bool mount_try(void *context, const struct mount *mount)
{
	struct search *search = context;
	const struct file_sighting *seen = search->seen;
	size_t length = strlen(mount->root);
	const char *rest;

	if (!mount_may_hold(mount, seen) || !path_is_plain(mount->point[1] ? mount->point : "/a"))
		return true;
	if (length == 1)
		length = 0;
	rest = seen->path + length;
	if (strncmp(seen->path, mount->root, length) != 0 || (*rest && *rest != '/'))
		return true;
	rest += *rest == '/';
	search->fd = accept_fd(file_open_mounted(search->pid, mount->point, rest), seen, false);
	return search->fd < 0 && ++search->tried < MAX_TRIES;
}

static int mounted_open(const struct file_sighting *seen, uint32_t pid)
{
	struct search search = {.seen = seen, .pid = pid, .fd = -1};

	mounts_each(pid, mount_try, &search);
	return search.fd;
}

int sighting_open(const struct file_sighting *seen)
{
	bool plain = path_is_plain(seen->path);
	int fd = -1;

	if (seen->pid && seen->end > seen->start && seen->start)
		fd = accept_fd(file_open_mapped(seen->pid, seen->start, seen->end), seen, true);
	if (fd < 0 && seen->pid && plain)
		fd = executable_open(seen);
	if (fd < 0 && seen->pid && plain)
		fd = accept_fd(file_open_mounted(seen->pid, "/", seen->path + 1), seen, false);
	if (fd < 0 && plain)
		fd = accept_fd(file_open_mounted(0, "/", seen->path + 1), seen, false);
	if (fd < 0 && seen->pid && plain && mounts_differ(seen->pid))
		fd = mounted_open(seen, seen->pid);
	if (fd < 0 && plain)
		fd = mounted_open(seen, 0);
	return fd < 0 ? -ENOENT : fd;
}
