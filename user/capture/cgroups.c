/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/cgroups.h"
#include "capture/containers.h"

/* The part of a path like "docker-<64 hex>.scope" that is the container's id. */
static bool container_id(const char *name, const char *prefix, char *out, size_t size)
{
	size_t skip = strlen(prefix), digits = 0;

	if (strncmp(name, prefix, skip))
		return false;
	name += skip;
	while (isxdigit((unsigned char)name[digits]))
		digits++;
	if (digits < 12)
		return false;
	/* Twelve digits are what the runtimes themselves show. */
	snprintf(out, size, "%.12s", name);
	return true;
}

/* Container runtimes name the cgroup of a container in these ways (folder or scope). */
static const struct {
	const char *folder; /* parent folder, NULL = any */
	const char *prefix;
	const char *runtime;
} runtimes[] = {
	{"docker", "", "docker"},    {NULL, "docker-", "docker"},
	{NULL, "libpod-", "podman"}, {NULL, "cri-containerd-", "containerd"},
	{NULL, "crio-", "crio"},     {"libpod_parent", "libpod-", "podman"},
};

static bool component_container(const char *parent, const char *name, char *out, size_t size)
{
	char id[32];

	for (size_t i = 0; i < sizeof(runtimes) / sizeof(runtimes[0]); i++) {
		if (runtimes[i].folder && strcmp(runtimes[i].folder, parent))
			continue;
		if (!container_id(name, runtimes[i].prefix, id, sizeof(id)))
			continue;
		snprintf(out, size, "%s:%s", runtimes[i].runtime, id);
		return true;
	}
	if (!strncmp(name, "lxc.payload.", 12)) {
		snprintf(out, size, "lxc:%.100s", name + 12);
		return true;
	}
	return false;
}

static bool component_unit(const char *name, char *out, size_t size)
{
	size_t length = strlen(name);

	if (length > 8 && !strcmp(name + length - 8, ".service")) {
		snprintf(out, size, "unit:%.150s", name);
		return true;
	}
	return false;
}

void cgroup_container(const char *path, char *out, size_t size)
{
	char copy[PATH_MAX], *save = NULL, *part;
	const char *parent = "";

	out[0] = 0;
	snprintf(copy, sizeof(copy), "%s", path);
	for (part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		/* The innermost container wins, and any container wins over a unit. */
		if (!component_container(parent, part, out, size) && !out[0])
			component_unit(part, out, size);
		parent = part;
	}
}

/* Finds the line of one hierarchy ("N:controllers:/path") in /proc/PID/cgroup. */
static bool cgroup_read_path(pid_t pid, unsigned hierarchy, char *path, size_t size)
{
	char name[32], line[PATH_MAX + 64];
	bool found = false;
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/cgroup", pid);
	file = fopen(name, "re");
	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file)) {
		char *end, *colon;
		unsigned long number = strtoul(line, &end, 10);

		if (number != hierarchy || *end != ':')
			continue;
		colon = strchr(end + 1, ':');
		if (!colon)
			continue;
		line[strcspn(line, "\n")] = 0;
		snprintf(path, size, "%s", colon + 1);
		found = true;
	}
	fclose(file);
	return found;
}

/* The number of the hierarchy mounted at `dir`, by the controllers in its mount options. */
static int hierarchy_number(const struct mntent *mount)
{
	char line[512];
	int number = -1;
	FILE *file;

	if (!strcmp(mount->mnt_type, "cgroup2"))
		return 0;
	file = fopen("/proc/self/cgroup", "re");
	if (!file)
		return -1;
	while (number < 0 && fgets(line, sizeof(line), file)) {
		char *controllers = strchr(line, ':'), *end;

		if (!controllers)
			continue;
		controllers++;
		end = strchr(controllers, ':');
		if (!end || end == controllers)
			continue;
		*end = 0;
		/* "cpu,cpuacct" is mounted with exactly these options among others. */
		if (hasmntopt(mount, strtok(controllers, ",")))
			number = (int)strtol(line, NULL, 10);
	}
	fclose(file);
	return number;
}

/* File handles of kernfs: FILEID_KERNFS of the kernel's include/linux/exportfs.h, then the id. */
#define HANDLE_KERNFS 0xfe
#define KERNFS_ROOT   1 /* the id of the root */

/* Where hierarchies are mounted, open since they were first asked for. */
static struct {
	int fd; /* 0 = not looked for yet, -1 = nowhere */
	size_t length;
} hierarchies[64];

/* Its root is to be seen: paths are told from there. */
static int hierarchy_open(unsigned number, size_t *length)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent entry, *mount;
	char buffer[4096];
	int fd = -1;

	if (!mounts)
		return -1;
	while (fd < 0 && (mount = getmntent_r(mounts, &entry, buffer, sizeof(buffer)))) {
		struct stat st;

		if ((strcmp(mount->mnt_type, "cgroup") && strcmp(mount->mnt_type, "cgroup2")) ||
		    hierarchy_number(mount) != (int)number || stat(mount->mnt_dir, &st) ||
		    st.st_ino != KERNFS_ROOT)
			continue;
		fd = open(mount->mnt_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		*length = strlen(mount->mnt_dir);
	}
	endmntent(mounts);
	return fd;
}

/* Of a cgroup whose process is gone, while it is there itself: the path of the node with this id.
 */
static bool cgroup_look_up(uint64_t id, char *path, size_t size)
{
	unsigned number = (unsigned)(id >> 56);
	struct {
		struct file_handle head;
		uint64_t id;
	} handle = {{sizeof(uint64_t), HANDLE_KERNFS}, id & ((1ULL << 56) - 1)};
	char link[32], full[PATH_MAX];
	ssize_t got;
	int fd;

	if (number >= sizeof(hierarchies) / sizeof(hierarchies[0]))
		return false;
	if (!hierarchies[number].fd)
		hierarchies[number].fd = hierarchy_open(number, &hierarchies[number].length);
	if (hierarchies[number].fd < 0)
		return false;
	fd = open_by_handle_at(hierarchies[number].fd, &handle.head, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	got = readlink(link, full, sizeof(full) - 1);
	close(fd);
	if (got <= (ssize_t)hierarchies[number].length)
		return false;
	full[got] = 0;
	snprintf(path, size, "%s", full + hierarchies[number].length);
	return true;
}

uint32_t cgroup_resolve(struct recording *rec, uint64_t id, pid_t pid)
{
	uint32_t at = cgroup_intern(rec, id);
	char path[PATH_MAX], container[256];

	if (rec->cgroups.at[at].path || !pid)
		return at;
	if (!cgroup_read_path(pid, (unsigned)(id >> 56), path, sizeof(path)) &&
	    !cgroup_look_up(id, path, sizeof(path)))
		return at;
	containers_label("", path, container, sizeof(container));
	rec->cgroups.at[at].path = string_intern(rec, path);
	rec->cgroups.at[at].container = string_intern(rec, container);
	return at;
}

/* ---- from a name to an id ---- */

/* kernfs numbers its nodes: the inode number of a cgroup's folder is its id. */
static bool cgroup_at(const char *path, int hierarchy, uint64_t *id)
{
	struct stat st;

	if (stat(path, &st) || !S_ISDIR(st.st_mode) || hierarchy < 0)
		return false;
	*id = (uint64_t)st.st_ino | (uint64_t)(hierarchy & 0xff) << 56;
	return true;
}

/*
 * On hybrid hosts a path may exist in several hierarchies. The programs look at one cgroup of each
 * task: v2 if it is not the root there, else memory, else cpu. The same order is used here.
 */
static int mount_rank(const struct mntent *mount)
{
	if (!strcmp(mount->mnt_type, "cgroup2"))
		return 3;
	if (hasmntopt(mount, "memory"))
		return 2;
	return hasmntopt(mount, "cpu") ? 1 : 0;
}

int cgroup_find(const char *name, uint64_t *id, struct error *error)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent entry, *mount;
	char buffer[4096], path[PATH_MAX], resolved[PATH_MAX];
	int best = -1;

	if (!mounts)
		return error_set(error, -errno, "cannot read /proc/self/mounts: %s",
				 strerror(errno));
	while ((mount = getmntent_r(mounts, &entry, buffer, sizeof(buffer)))) {
		size_t length = strlen(mount->mnt_dir);
		uint64_t found;

		if (strcmp(mount->mnt_type, "cgroup") && strcmp(mount->mnt_type, "cgroup2"))
			continue;
		if (mount_rank(mount) <= 0 || mount_rank(mount) <= best)
			continue;
		if (realpath(name, resolved) && !strncmp(resolved, mount->mnt_dir, length) &&
		    (resolved[length] == '/' || !resolved[length]))
			snprintf(path, sizeof(path), "%s", resolved);
		else
			snprintf(path, sizeof(path), "%s/%s", mount->mnt_dir, name);
		if (!cgroup_at(path, hierarchy_number(mount), &found))
			continue;
		*id = found;
		best = mount_rank(mount);
	}
	endmntent(mounts);
	if (best < 0)
		return error_set(error, -ENOENT,
				 "no cgroup '%s': give a path below /sys/fs/cgroup, or one as in "
				 "/proc/PID/cgroup",
				 name);
	return 0;
}
