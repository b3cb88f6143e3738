/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/cgroups.h"
#include "capture/containers.h"

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

/* The root of a hierarchy, not to be closed; -1 = it is not to be seen. */
static int hierarchy_folder(unsigned number)
{
	if (number >= sizeof(hierarchies) / sizeof(hierarchies[0]))
		return -1;
	if (!hierarchies[number].fd)
		hierarchies[number].fd = hierarchy_open(number, &hierarchies[number].length);
	return hierarchies[number].fd;
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

	if (hierarchy_folder(number) < 0)
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
	char path[PATH_MAX], container[CONTAINER_LABEL];

	if (rec->cgroups.at[at].path || !pid)
		return at;
	if (!cgroup_read_path(pid, (unsigned)(id >> 56), path, sizeof(path)) &&
	    !cgroup_look_up(id, path, sizeof(path)))
		return at;
	containers_label("", path, cgroup_owner_find((unsigned)(id >> 56), path), container);
	rec->cgroups.at[at].path = string_intern(rec, path);
	rec->cgroups.at[at].container = string_intern(rec, container);
	return at;
}

/* ---- from a name to an id ---- */

/*
 * On hybrid hosts a cgroup may exist in several hierarchies. The programs look at one of each task:
 * v2 if it is not the root there, else memory, else cpu. The same order is used here; where a
 * cgroup is the target, the programs look at its hierarchy first.
 */
enum { RANK_NONE, RANK_CPU, RANK_MEMORY, RANK_V2 };

int hierarchy_rank(const char *controllers, size_t length)
{
	int rank = length ? RANK_NONE : RANK_V2;

	for (size_t at = 0; at < length;) {
		size_t word = strcspn(controllers + at, ",:");

		if (word == strlen("memory") && !memcmp(controllers + at, "memory", word))
			return RANK_MEMORY;
		if (word == strlen("cpu") && !memcmp(controllers + at, "cpu", word))
			rank = RANK_CPU;
		at += word + 1;
	}
	return rank;
}

static int mount_rank(const struct mntent *mount)
{
	if (!strcmp(mount->mnt_type, "cgroup2"))
		return RANK_V2;
	if (hasmntopt(mount, "memory"))
		return RANK_MEMORY;
	return hasmntopt(mount, "cpu") ? RANK_CPU : RANK_NONE;
}

/* kernfs numbers its nodes: the inode number of a cgroup's folder is its id. */
static uint64_t id_make(uint64_t inode, unsigned hierarchy)
{
	return inode | (uint64_t)(hierarchy & 0xff) << 56;
}

static bool cgroup_at(const char *path, int hierarchy, uint64_t *id)
{
	struct stat st;

	if (stat(path, &st) || !S_ISDIR(st.st_mode) || hierarchy < 0)
		return false;
	*id = id_make(st.st_ino, (unsigned)hierarchy);
	return true;
}

bool cgroup_find_at(unsigned hierarchy, const char *path, uint64_t *id)
{
	int root = hierarchy_folder(hierarchy);
	struct stat st;

	path += strspn(path, "/");
	if (root < 0 || fstatat(root, *path ? path : ".", &st, 0) || !S_ISDIR(st.st_mode))
		return false;
	*id = id_make(st.st_ino, hierarchy);
	return true;
}

/* Folders on a path within which root gives one away; who made it may nest as many as he likes. */
#define OWNER_DEPTH  32
#define OWNER_NOBODY ((uid_t)-2) /* in no list of users */

struct cgroup_owner cgroup_owner_find(unsigned hierarchy, const char *path)
{
	int root = hierarchy_folder(hierarchy);
	char folder[PATH_MAX];
	struct stat st;
	size_t from, end = 0;

	for (int depth = 0; depth < OWNER_DEPTH && path[end + strspn(path + end, "/")]; depth++) {
		from = end + strspn(path + end, "/");
		end = from + strcspn(path + from, "/");
		if (root < 0 || end >= sizeof(folder) || !strncmp(path + from, "..", end - from))
			return (struct cgroup_owner){OWNER_NOBODY, from};
		snprintf(folder, sizeof(folder), "%.*s", (int)end, path);
		/*
		 * Who could make the last one has been seen. Of one that is gone with all below it
		 * nobody can tell whose it was.
		 */
		if (fstatat(root, folder + strspn(folder, "/"), &st, AT_SYMLINK_NOFOLLOW))
			return (struct cgroup_owner){path[end] ? OWNER_NOBODY : 0, from};
		if (st.st_uid)
			return (struct cgroup_owner){st.st_uid, end};
	}
	return (struct cgroup_owner){};
}

/* By path. False if no hierarchy has it. */
static bool path_find(FILE *mounts, const char *name, uint64_t *id)
{
	char buffer[4096], path[PATH_MAX], resolved[PATH_MAX];
	struct mntent entry, *mount;
	int best = -1;

	while ((mount = getmntent_r(mounts, &entry, buffer, sizeof(buffer)))) {
		size_t length = strlen(mount->mnt_dir);
		uint64_t found;

		if (strcmp(mount->mnt_type, "cgroup") && strcmp(mount->mnt_type, "cgroup2"))
			continue;
		if (mount_rank(mount) == RANK_NONE || mount_rank(mount) <= best)
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
	return best >= 0;
}

/* By number, in the hierarchies that the programs look at. Each counts on its own. */
static int number_find(uint64_t number, uint64_t *id, char *shown, size_t size, struct error *error)
{
	char line[512], path[PATH_MAX], first[PATH_MAX] = "";
	FILE *file = fopen("/proc/self/cgroup", "re");
	int found = 0;

	while (file && fgets(line, sizeof(line), file)) {
		char *colon = strchr(line, ':');
		unsigned hierarchy = (unsigned)strtoul(line, NULL, 10);
		uint64_t candidate = number;

		if (!colon || !hierarchy_rank(colon + 1, strcspn(colon + 1, ":")))
			continue;
		if (number >> 56 && number >> 56 != hierarchy)
			continue;
		if (!(number >> 56))
			candidate = id_make(number, hierarchy);
		if (!cgroup_look_up(candidate, path, sizeof(path)))
			continue;
		if (found++)
			break;
		*id = candidate;
		snprintf(first, sizeof(first), "%s", path);
	}
	if (file)
		fclose(file);
	if (found > 1)
		return error_set(error, -ENOTUNIQ,
				 "cgroup %" PRIu64 " is '%.150s' in one hierarchy and '%.150s' in "
				 "another: give the path below /sys/fs/cgroup",
				 number, first, path);
	if (found)
		snprintf(shown, size, "%s", first);
	return found ? 0 : -ENOENT;
}

static bool is_number(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits && digits < 21 && !text[digits];
}

int cgroup_find(const char *name, uint64_t *id, char *shown, size_t size, struct error *error)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	uint64_t found = 0;
	bool known;
	int err;

	if (!mounts)
		return error_set(error, -errno, "cannot read /proc/self/mounts: %s",
				 strerror(errno));
	known = path_find(mounts, name, &found);
	endmntent(mounts);
	if (known) {
		snprintf(shown, size, "%s", name);
		*id = found;
		return 0;
	}
	err = is_number(name) ? number_find(strtoull(name, NULL, 10), &found, shown, size, error)
			      : -ENOENT;
	if (err == -ENOENT)
		return error_set(error, err,
				 "no cgroup '%s': give a path below /sys/fs/cgroup, or one as in "
				 "/proc/PID/cgroup, or the id that stat -c %%i shows of its folder",
				 name);
	if (!err)
		*id = found;
	return err;
}
