/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel side tells of an address of a process, made from /proc/PID/maps. */
#ifndef STRAIT_TESTS_SYMBOLS_SIGHTING_H
#define STRAIT_TESTS_SYMBOLS_SIGHTING_H

#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fixture.h"
#include "symbols/symbols.h"
#include "util/index.h"
#include "wire.h"

/* ---- programs that sleep in a function of that name ---- */

/* Starts a program of the fixture that sleeps in its `main`, and waits until it does. */
static inline uint32_t program_start(const char *path)
{
	int ready[2];
	pid_t child;
	char byte;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ready[1], 1);
		execl(path, path, NULL);
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return (uint32_t)child;
}

static inline void program_stop(uint32_t pid)
{
	kill((pid_t)pid, SIGKILL);
	waitpid((pid_t)pid, NULL, 0);
}

static inline void program_build(const char *path, const char *function)
{
	char source[512];

	snprintf(source, sizeof(source),
		 "#include <unistd.h>\n"
		 "__attribute__((noinline)) int %s(void) { return pause(); }\n"
		 "int main(void) { write(1, \"r\", 1); return %s(); }\n",
		 function, function);
	fixture_write("sleeper.c", source);
	fixture_run("env -u ASAN_OPTIONS cc -w -O1 -no-pie -fno-pie -o '%s' sleeper.c", path);
}

/* ---- sightings ---- */

/* One frame, and the file in which it is. */
struct sight {
	uint64_t file, offset;     /* as in struct wire_frame */
	struct file_sighting seen; /* seen.id is 0 where there is no file */
	char path[8192];
};

static inline uint32_t sight_generation(const char *path)
{
	uint32_t generation[2] = {};
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, FS_IOC_GETVERSION, generation))
		generation[0] = 0;
	close(fd);
	return generation[0];
}

/* /proc shows a newline as "\012", and the kernel side tells no " (deleted)". */
static inline void sight_path(struct sight *sight, const char *shown, bool deleted)
{
	size_t used = 0, length = strlen(shown) - (deleted ? strlen(" (deleted)") : 0);

	for (size_t i = 0; i < length; i++) {
		bool newline = !strncmp(shown + i, "\\012", 4);

		sight->path[used++] = newline ? '\n' : shown[i];
		i += newline ? 3 : 0;
	}
	sight->path[used] = '\0';
}

/* Of a file: `where` is a path or link to it, `shown` its path as /proc shows it. */
static inline void sight_file(struct sight *sight, const char *where, const char *shown)
{
	struct stat stat_;

	assert_int_equal(stat(where, &stat_), 0);
	sight->seen.id = WIRE_FILE_INODE |
			 hash_mix(hash_mix(stat_.st_dev, stat_.st_ino),
				  hash_mix((uint64_t)stat_.st_size, sight_generation(where)));
	sight->seen.inode = stat_.st_ino;
	sight->seen.size = (uint64_t)stat_.st_size;
	sight->seen.generation = sight_generation(where);
	sight_path(sight, shown, !stat_.st_nlink);
	sight->seen.path = sight->path;
	sight->file = sight->seen.id;
}

/* `mount`: where the file system is mounted, "" for the root. */
static inline void sight_take(struct sight *sight, uint32_t pid, uint64_t address,
			      const char *mount)
{
	char line[4096 + 256], where[96], *name;
	uint64_t start, end, offset;
	FILE *maps;

	*sight = (struct sight){.file = WIRE_FILE_NONE, .offset = address};
	snprintf(line, sizeof(line), "/proc/%u/maps", pid);
	maps = fopen(line, "r");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %*c%*c%*c%*c %lx", &start, &end, &offset) != 3 ||
		    address < start || address >= end)
			continue;
		name = strchr(line, '/');
		line[strcspn(line, "\n")] = '\0';
		if (strstr(line, "[vdso]")) {
			sight->file = WIRE_FILE_VDSO;
			sight->offset = address - start;
		} else if (!name) {
			sight->file = WIRE_FILE_ANONYMOUS | pid;
		} else {
			snprintf(where, sizeof(where), "/proc/%u/map_files/%lx-%lx", pid, start,
				 end);
			sight->seen.pid = pid;
			sight->seen.start = start;
			sight->seen.end = end;
			sight->seen.offset = offset;
			sight->offset = address - start + offset;
			sight_file(sight, where, name + strlen(mount));
		}
	}
	fclose(maps);
}

#endif
