/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Figures of the unwinder that only the inside can tell, for tests/bench/stacks. As root.
 *
 *   unwind walk FRAMES SECONDS      user stacks of so many frames, walked at 999 Hz
 *   unwind load FILE COUNT DIR      exec of copies of FILE until their tables are there: copies
 *                                   that nobody has seen, then the same ones with cached tables
 *   unwind pieces FRAMES SECONDS FILE    a program to be slowed: what each of its pieces of work
 *                                   took, as numbers of 32 bits in FILE
 *   unwind timers HERTZ             timers as sampling needs them, and nothing else
 *   unwind empty                    programs that do nothing, where threads switch and are woken
 *   unwind least                    the least ledger that there can be, at the same two places
 *
 * Each result is a line of words, the first of which names it; times in nanoseconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "wire.h"
#include "bench.h"
#include "bench.skel.h"
#include "copies.h"
#include "capture/session.h"
#include "strait.skel.h"

#define CACHE_DIR "/var/cache/strait"

static void sleep_ns(uint64_t ns)
{
	struct timespec time = {(time_t)(ns / SECOND), (long)(ns % SECOND)};

	nanosleep(&time, NULL);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("cannot pin to a CPU");
}

static int last_cpu(void)
{
	return (int)sysconf(_SC_NPROCESSORS_ONLN) - 1;
}

static int compare_ns(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* NAME COUNT MEDIAN P99; of `values`, which are sorted. */
static void print_spread(const char *name, uint64_t *values, size_t count)
{
	if (!count) {
		fprintf(stderr, "unwind: nothing was observed for %s\n", name);
		exit(1);
	}
	qsort(values, count, sizeof(*values), compare_ns);
	printf("%s %zu %lu %lu\n", name, count, values[count / 2], values[count * 99 / 100]);
}

/* ---- a session, and the clock on its tables ---- */

struct bench {
	struct session *session;
	struct bench_bpf *clock;
	struct bpf_link *links[2];
	pthread_t thread;
	volatile sig_atomic_t stop;
};

static void *session_work(void *context)
{
	struct bench *bench = context;
	struct error error;

	if (session_run(bench->session, &error)) {
		fprintf(stderr, "unwind: %s\n", error.text);
		exit(1);
	}
	return NULL;
}

static void clock_load(struct bench *bench)
{
	bench->clock = bench_bpf__open();
	if (!bench->clock)
		die("cannot open the programs");
	if (bpf_map__reuse_fd(bench->clock->maps.unwind_files,
			      bpf_map__fd(bench->session->skeleton->maps.unwind_files)) ||
	    bpf_map__reuse_fd(bench->clock->maps.unwind_tables,
			      bpf_map__fd(bench->session->skeleton->maps.unwind_tables)) ||
	    bench_bpf__load(bench->clock))
		die("cannot load the programs");
}

/* On an address: the thread and the stop flag point into it. */
static void bench_begin(struct bench *bench)
{
	struct session_options options = {
		.sample_hz = 99,
		.slice_ns = SECOND,
		.wait_threshold_ns = SECOND / 1000,
		.command_fd = -1,
		.target_name = "",
		.stop = &bench->stop,
	};
	struct error error;

	memset(bench, 0, sizeof(*bench));
	if (session_open(&bench->session, &options, &error)) {
		fprintf(stderr, "unwind: %s\n", error.text);
		exit(1);
	}
	clock_load(bench);
	if (pthread_create(&bench->thread, NULL, session_work, bench))
		die("cannot start a thread");
	sleep_ns(SECOND / 2);
}

static void bench_end(struct bench *bench)
{
	bench->stop = 1;
	pthread_join(bench->thread, NULL);
	for (size_t i = 0; i < 2; i++)
		bpf_link__destroy(bench->links[i]);
	bench_bpf__destroy(bench->clock);
	session_close(bench->session);
}

/* ---- walks ---- */

__attribute__((noinline)) static void burn(void)
{
	for (volatile uint64_t i = 0; i < UINT64_MAX; i++)
		;
}

/* Frames of a known number: no call of these may be merged, or jumped to. */
__attribute__((noinline)) static void descend(int left, void (*work)(void))
{
	if (left > 0)
		descend(left - 1, work);
	else
		work();
	__asm__ volatile("");
}

static pid_t burner_start(int depth)
{
	pid_t child = fork();

	if (child < 0)
		die("cannot fork");
	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin(last_cpu());
	descend(depth, burn);
	_exit(0);
}

/* Fills clock->bss->walks for so long. */
static void walks_take(struct bench *bench, int depth, uint64_t ns)
{
	struct bench_bpf__bss *shared = bench->clock->bss;
	pid_t child = burner_start(depth);

	sleep_ns(SECOND / 2); /* its table */
	shared->walk_count = 0;
	shared->watched = (uint32_t)child;
	sleep_ns(ns);
	shared->watched = 0;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* The depth of recursion at which a stack has so many frames. */
static int walks_depth(struct bench *bench, uint32_t frames)
{
	struct bench_bpf__bss *shared = bench->clock->bss;
	int depth = 10;

	walks_take(bench, depth, SECOND / 2);
	if (shared->walk_count)
		depth += (int)frames - (int)shared->walks[shared->walk_count - 1].frames;
	if (!shared->walk_count || depth < 0) {
		fprintf(stderr, "unwind: no walks, or too few frames wanted\n");
		exit(1);
	}
	return depth;
}

static int walk(char **argv)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_SW_CPU_CLOCK,
				       .freq = 1,
				       .sample_freq = 999};
	uint32_t frames = (uint32_t)atoi(argv[0]);
	struct bench_bpf__bss *shared;
	struct bench bench;
	uint64_t *ns = calloc(BENCH_WALKS, sizeof(*ns));
	size_t count = 0;
	int fd;

	bench_begin(&bench);
	shared = bench.clock->bss;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, last_cpu(), -1, PERF_FLAG_FD_CLOEXEC);
	bench.links[0] = bpf_program__attach_perf_event(bench.clock->progs.bench__walk, fd);
	if (fd < 0 || !bench.links[0] || !ns)
		die("cannot sample");
	walks_take(&bench, walks_depth(&bench, frames), (uint64_t)atoi(argv[1]) * SECOND);
	for (uint32_t i = 0; i < shared->walk_count; i++)
		if (shared->walks[i].frames == frames && shared->walks[i].end == WIRE_END_ROOT)
			ns[count++] = shared->walks[i].ns;
	print_spread("walk", ns, count);
	printf("others %zu\n", shared->walk_count - count);
	bench_end(&bench);
	free(ns);
	return 0;
}

/* ---- from exec to table ---- */

struct looker {
	pthread_t thread;
	volatile uint32_t tid;
	volatile bool stop;
};

/* System calls every 20 µs or so: at each the programs look whether the table is there. */
static void *look(void *context)
{
	struct looker *looker = context;

	prctl(PR_SET_TIMERSLACK, 1);
	pin(last_cpu());
	looker->tid = (uint32_t)gettid();
	while (!looker->stop)
		sleep_ns(10000);
	return NULL;
}

/* Runs the file as a shell that reads until its input is closed. ns from exec to table, 0 = never.
 */
static uint64_t exec_measure(struct bench_bpf__bss *shared, const char *path)
{
	uint64_t until = now_ns() + 2 * SECOND;
	int input[2];
	pid_t child;
	char byte = 0;

	if (pipe2(input, O_CLOEXEC))
		die("pipe");
	child = fork();
	if (!child) {
		dup2(input[0], STDIN_FILENO);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (read(STDIN_FILENO, &byte, 1) == 1)
			execl(path, path, "-c", "read -r line", NULL);
		_exit(1);
	}
	close(input[0]);
	shared->found_ns = 0;
	shared->watched = (uint32_t)child;
	if (write(input[1], &byte, 1) != 1)
		die("pipe");
	while (!*(volatile __u64 *)&shared->found_ns && now_ns() < until)
		sleep_ns(SECOND / 1000);
	close(input[1]);
	waitpid(child, NULL, 0);
	shared->watched = 0;
	shared->exec_file = 0; /* long before the next, or the last one would be found */
	return shared->found_ns ? shared->found_ns - shared->exec_ns : 0;
}

static void execs_measure(const char *name, const char *directory, int count)
{
	uint64_t *ns = calloc((size_t)count, sizeof(*ns));
	struct looker looker = {};
	struct bench bench;
	char path[4096];
	size_t seen = 0;

	bench_begin(&bench);
	bench.links[0] = bpf_program__attach(bench.clock->progs.bench__exec);
	bench.links[1] = bpf_program__attach(bench.clock->progs.bench__look);
	if (!ns || !bench.links[0] || !bench.links[1] ||
	    pthread_create(&looker.thread, NULL, look, &looker))
		die("cannot attach");
	while (!looker.tid)
		sched_yield();
	bench.clock->bss->looker = looker.tid;
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/copy-%d", directory, i);
		ns[seen] = exec_measure(bench.clock->bss, path);
		seen += ns[seen] ? 1 : 0;
		sleep_ns(SECOND / 20);
	}
	looker.stop = true;
	pthread_join(looker.thread, NULL);
	bench_end(&bench);
	print_spread(name, ns, seen);
	free(ns);
}

static int load(char **argv)
{
	int count = atoi(argv[1]);
	char path[4096], *bytes;
	size_t size;

	/* The cache of this host is not filled with copies. */
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    (mkdir(CACHE_DIR, 0700) && errno != EEXIST) ||
	    mount("bench", CACHE_DIR, "tmpfs", 0, "mode=0700"))
		die("cannot have a cache of its own");
	bytes = file_read(argv[0], &size);
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/copy-%d", argv[2], i);
		copy_make(bytes, size, i, path);
	}
	free(bytes);
	execs_measure("first", argv[2], count);
	execs_measure("cached", argv[2], count);
	return 0;
}

/* ---- a program that is slowed ---- */

#define PIECES_MAX    (1U << 20)
#define PIECE_STEPS   20000 /* some tens of microseconds */
#define PIECES_BESIDE 8     /* frames that are not descend()'s: four of them up to main() */

static struct {
	uint32_t data[8192], ns[PIECES_MAX];
	size_t count;
	uint64_t until;
} pieces;

__attribute__((noinline)) static void piece(void)
{
	uint32_t state = 1;

	for (uint32_t i = 0; i < PIECE_STEPS; i++) {
		state = state * 1664525U + 1013904223U;
		pieces.data[state >> 19] += state;
	}
}

__attribute__((noinline)) static void pieces_work(void)
{
	uint64_t begin = now_ns(), end;

	do {
		piece();
		end = now_ns();
		pieces.ns[pieces.count++] = (uint32_t)(end - begin);
		begin = end;
	} while (end < pieces.until && pieces.count < PIECES_MAX);
}

static int pieces_note(char **argv)
{
	FILE *file = fopen(argv[2], "we");

	if (!file)
		die(argv[2]);
	pieces.until = now_ns() + (uint64_t)(atof(argv[1]) * SECOND);
	descend(atoi(argv[0]) - PIECES_BESIDE, pieces_work);
	if (fwrite(pieces.ns, sizeof(*pieces.ns), pieces.count, file) != pieces.count ||
	    fclose(file))
		die(argv[2]);
	return 0;
}

/* The timers of samples, with nobody whom they would wake: until a signal comes. */
static int timers(char **argv)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_SW_CPU_CLOCK,
				       .freq = 1,
				       .sample_freq = (__u64)atoi(argv[0])};

	for (int cpu = 0; cpu <= last_cpu(); cpu++)
		if (syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC) < 0)
			die("cannot sample");
	pause();
	return 0;
}

/* What anybody pays who looks at each switch and wakeup (`least`: and has a sum for each thread):
 * until a signal comes.
 */
static int at_switches(bool least)
{
	struct bench_bpf *bench = bench_bpf__open_and_load();

	if (!bench)
		die("cannot load");
	if (!bpf_program__attach(least ? bench->progs.bench__least_switch
				       : bench->progs.bench__switch) ||
	    !bpf_program__attach(least ? bench->progs.bench__least_waking
				       : bench->progs.bench__waking))
		die("cannot attach");
	pause();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "walk"))
		return walk(argv + 2);
	if (argc == 5 && !strcmp(argv[1], "load"))
		return load(argv + 2);
	if (argc == 5 && !strcmp(argv[1], "pieces"))
		return pieces_note(argv + 2);
	if (argc == 3 && !strcmp(argv[1], "timers"))
		return timers(argv + 2);
	if (argc == 2 && (!strcmp(argv[1], "empty") || !strcmp(argv[1], "least")))
		return at_switches(!strcmp(argv[1], "least"));
	fprintf(stderr, "usage: unwind walk FRAMES SECONDS | load FILE COUNT DIR | "
			"pieces FRAMES SECONDS FILE | timers HERTZ | empty | least\n");
	return 2;
}
