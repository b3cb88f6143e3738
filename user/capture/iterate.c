/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/iterate.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/loader.h"
#include "capture/namespace.h"
#include "strait.skel.h"

#define BUFFER_BYTES 65536

/* ---- through the kernel ---- */

static int iterator_open(struct bpf_program *program)
{
	struct bpf_link *link = bpf_program__attach_iter(program, NULL);
	int fd = link ? bpf_iter_create(bpf_link__fd(link)) : -errno;

	bpf_link__destroy(link);
	return fd;
}

/* Returns 1 where `each` wants no more, else 0 or a negative errno. */
static int iterator_read(struct session *session, int fd, size_t size, iterate_each *each,
			 void *context, char *buffer)
{
	size_t have = 0;
	ssize_t got;

	while ((got = read(fd, buffer + have, BUFFER_BYTES - have)) > 0 ||
	       (got < 0 && (errno == EINTR || errno == EAGAIN))) {
		size_t whole;

		have += got > 0 ? (size_t)got : 0;
		whole = have - have % size;
		for (size_t at = 0; at < whole; at += size)
			if (!each(session, buffer + at, context))
				return 1;
		/* A read may end in the middle of a record. */
		have -= whole;
		memmove(buffer, buffer + whole, have);
		/* Ten thousand threads take a while; what ends meanwhile has no room elsewhere. */
		ring_buffer__consume(session->ring);
	}
	return got < 0 ? -errno : 0;
}

static int iterate_kernel(struct session *session, struct bpf_program *program, size_t size,
			  iterate_each *each, void *context)
{
	char *buffer = malloc(BUFFER_BYTES);
	int fd = buffer ? iterator_open(program) : -ENOMEM, err = fd;

	if (fd >= 0) {
		err = iterator_read(session, fd, size, each, context, buffer);
		close(fd);
	}
	free(buffer);
	return err;
}

/* ---- one by one ---- */

int iterate_step(struct session *session, const struct bpf_program *program)
{
	volatile struct wire_walk *walk = (void *)&session->skeleton->bss->walk;
	LIBBPF_OPTS(bpf_test_run_opts, run);
	int err;

	walk->bytes = 0;
	err = bpf_prog_test_run_opts(bpf_program__fd(program), &run);
	if (err)
		return err;
	if (!walk->tid)
		return 0;
	/* It returns 1, as to an iterator, to be called for the same thing once more. */
	if (!run.retval && !walk->more) {
		walk->tid++;
		walk->place = 0;
	}
	return 1;
}

static int iterate_walk(struct session *session, struct bpf_program *program, size_t size,
			iterate_each *each, void *context)
{
	struct wire_walk *walk = (void *)&session->skeleton->bss->walk;
	int found;

	walk->tid = 1;
	walk->place = 0;
	for (uint32_t i = 1; (found = iterate_step(session, program)) > 0; i++) {
		if (walk->bytes == size && !each(session, walk->record, context))
			return 1;
		if (i % (BUFFER_BYTES / sizeof(struct wire_thread)) == 0)
			ring_buffer__consume(session->ring);
	}
	return found;
}

/* Those of one process: where they begin is told here, all else by the kernel. */
static void walk_mappings(struct session *session, const struct bpf_program *program, uint32_t pid)
{
	struct wire_walk *walk = (void *)&session->skeleton->bss->walk;
	char path[32], line[LINE_MAX];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	maps = fopen(path, "re");
	while (maps && fgets(line, sizeof(line), maps)) {
		/* "55d4c0a00000-55d4c0a25000 r-xp …" */
		const char *rights = strchr(line, ' ');

		if (!rights || strnlen(rights, 4) < 4 || rights[3] != 'x')
			continue;
		walk->tid = pid;
		walk->place = strtoul(line, NULL, 16);
		iterate_step(session, program);
	}
	if (maps)
		fclose(maps);
}

static void walk_processes(struct session *session, const struct bpf_program *program)
{
	/* In a namespace of its own it has other names for them than the kernel's programs. */
	DIR *proc = namespace_is_own() ? NULL : opendir("/proc");
	struct dirent *entry;

	while (proc && (entry = readdir(proc)))
		if (isdigit(entry->d_name[0])) {
			walk_mappings(session, program, (uint32_t)strtoul(entry->d_name, NULL, 10));
			ring_buffer__consume(session->ring);
		}
	if (proc)
		closedir(proc);
}

/* ---- either ---- */

static bool in_kernel(const struct bpf_program *program)
{
	return program_iterates(bpf_program__section_name(program));
}

static bool nothing_told(struct session *session, const void *record, void *context)
{
	(void)session, (void)record, (void)context;
	return true;
}

void iterate_mappings(struct session *session, struct bpf_program *program)
{
	if (in_kernel(program))
		iterate_kernel(session, program, 1, nothing_told, NULL);
	else
		walk_processes(session, program);
}

int iterate(struct session *session, struct bpf_program *program, size_t size, iterate_each *each,
	    void *context, struct error *error)
{
	int err = (in_kernel(program) ? iterate_kernel : iterate_walk)(session, program, size, each,
								       context);

	return err < 0 ? error_set(error, err, "cannot iterate (%s): %s",
				   bpf_program__name(program), strerror(-err))
		       : 0;
}
