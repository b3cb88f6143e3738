/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What scripts/test-kernels wants to know inside a booted kernel and no tool of a minimal system
 * tells. Linked with everything of strait but its main.
 *
 *   verified    loads and attaches strait's programs exactly as strait does; prints a line for each
 *               that was loaded: NAME INSTRUCTIONS INSTRUCTIONS, as many as the verifier went
 *               through, as its log says and as bpf_prog_info says (0 before 5.16)
 *   objects     how many BPF programs and links the kernel holds: PROGRAMS LINKS
 *   read FILE N reads N times 4 KiB from it, past the page cache
 *   limited NAMES COMMAND…  runs it with these capabilities alone, "bpf,perfmon"
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <cap-ng.h>

#include "capture/session.h"

#define LOG_SIZE     65536
#define LOG_STATS    4 /* BPF_LOG_STATS of the kernel (5.2): its counts, not its steps */
#define PROGRAMS_MAX 256
#define BLOCK        4096

/*
 * The loader's call goes through here (--wrap), so that what is counted is what strait loads.
 */
int __real_bpf_object__load_skeleton(struct bpf_object_skeleton *skeleton);
int __wrap_bpf_object__load_skeleton(struct bpf_object_skeleton *skeleton);

int __wrap_bpf_object__load_skeleton(struct bpf_object_skeleton *skeleton)
{
	static const char processed[] = "processed ";
	static char logs[PROGRAMS_MAX][LOG_SIZE];
	struct bpf_program *program;
	size_t at = 0;
	int err;

	bpf_object__for_each_program(program, *skeleton->obj)
	{
		if (at == PROGRAMS_MAX)
			return -E2BIG;
		logs[at][0] = 0;
		bpf_program__set_log_level(program, LOG_STATS);
		bpf_program__set_log_buf(program, logs[at++], LOG_SIZE);
	}
	err = __real_bpf_object__load_skeleton(skeleton);
	at = 0;
	bpf_object__for_each_program(program, *skeleton->obj)
	{
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);
		int fd = bpf_program__fd(program);
		const char *log = logs[at++], *line;

		if (err || fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
			continue;
		/* Newer kernels have a line "insns processed" as well, of each function alone. */
		line = !strncmp(log, processed, strlen(processed)) ? log
								   : strstr(log, "\nprocessed ");
		printf("%s %ld %u\n", bpf_program__name(program),
		       line ? strtol(strpbrk(line, " ") + 1, NULL, 10) : -1L, info.verified_insns);
	}
	return err;
}

static int print_verified(const char *btf)
{
	const struct session_options options = {
		.btf = btf,
		.sample_hz = 99,
		.alloc = true,
		.length_ns = 1000000000,
		.slice_ns = 1000000000,
		.wait_threshold_ns = 1000000,
		.command_fd = -1,
	};
	struct session *session;
	struct error error = {};

	if (session_open(&session, &options, &error)) {
		fprintf(stderr, "%s\n", error.text);
		return 1;
	}
	session_close(session);
	return 0;
}

/* Whether the kernel takes a program at a typed tracepoint; its types are in a file. */
static int print_typed(const char *path)
{
	const struct bpf_insn instructions[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct btf *types = btf__parse(path, NULL);
	int id = btf__find_by_name_kind(types, "btf_trace_sched_switch", BTF_KIND_TYPEDEF);
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_RAW_TP,
		    .attach_btf_id = (__u32)id);
	int fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "typed", "GPL", instructions,
			       sizeof(instructions) / sizeof(instructions[0]), &options);

	puts(id < 0 ? "no such type" : fd < 0 ? "refused" : "taken");
	btf__free(types);
	return 0;
}

static int print_objects(void)
{
	unsigned int programs = 0, links = 0;
	__u32 id = 0;

	while (!bpf_prog_get_next_id(id, &id))
		programs++;
	if (errno != ENOENT)
		return 1;
	id = 0;
	while (!bpf_link_get_next_id(id, &id))
		links++;
	if (errno != ENOENT)
		return 1;
	printf("%u %u\n", programs, links);
	return 0;
}

static int read_blocks(const char *path, long count)
{
	void *block = aligned_alloc(BLOCK, BLOCK);
	int fd = open(path, O_RDONLY | O_DIRECT);

	for (long i = 0; i < count; i++) {
		if (pread(fd, block, BLOCK, i * BLOCK) == BLOCK)
			continue;
		perror(path);
		return 1;
	}
	close(fd);
	free(block);
	return 0;
}

/* As root, from whom no program gets more than the bounding set. */
static int run_limited(char *names, char **command)
{
	capng_clear(CAPNG_SELECT_BOTH);
	for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
		int capability = capng_name_to_capability(name);

		if (capability < 0)
			return 2;
		capng_update(CAPNG_ADD, CAPNG_BOUNDING_SET | CAPNG_EFFECTIVE | CAPNG_PERMITTED,
			     (unsigned int)capability);
	}
	/* The second takes away what the first needs. */
	if (capng_apply(CAPNG_SELECT_BOUNDS) || capng_apply(CAPNG_SELECT_CAPS))
		return 2;
	execvp(command[0], command);
	return 2;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "verified"))
		return print_verified(argc > 2 ? argv[2] : NULL);
	if (!strcmp(what, "typed") && argc == 3)
		return print_typed(argv[2]);
	if (!strcmp(what, "objects"))
		return print_objects();
	if (!strcmp(what, "read") && argc == 4)
		return read_blocks(argv[2], strtol(argv[3], NULL, 10));
	if (!strcmp(what, "limited") && argc > 3)
		return run_limited(argv[2], argv + 3);
	return 2;
}
