/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process whose threads spend known times in known states, and then say what the kernel itself
 * accounted for them. Each thread prints: name, tid, life in ns (CLOCK_MONOTONIC, from its first
 * instruction to its last), time on a CPU and time waiting for one (/proc/self/task/TID/schedstat).
 *
 *   ledger          those threads
 *   ledger exec     a thread that is not the first one calls exec(); what it does then is `image`
 */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000ULL

static int pipe_fds[2], socket_fds[2];
static atomic_uint word;

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

static void sleep_ms(uint64_t ms)
{
	struct timespec time = {(time_t)(ms / 1000), (long)(ms % 1000 * MS)};

	nanosleep(&time, NULL);
}

/* 700 ms of CPU time, as its own CPU clock sees it. */
static void burn(void)
{
	while (now_ns(CLOCK_THREAD_CPUTIME_ID) < 700 * MS)
		for (volatile int i = 0; i < 500000; i++)
			;
}

static void nap(void)
{
	for (int i = 0; i < 5; i++)
		sleep_ms(160);
}

static void wait_pipe(void)
{
	char byte;

	if (read(pipe_fds[0], &byte, 1) != 1)
		perror("read");
}

static void wait_socket(void)
{
	char byte;

	if (recv(socket_fds[0], &byte, 1, 0) != 1)
		perror("recv");
}

static void wait_futex(void)
{
	while (!atomic_load(&word))
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void yield(void)
{
	while (now_ns(CLOCK_THREAD_CPUTIME_ID) < 300 * MS)
		syscall(SYS_getppid);
}

static const struct role {
	const char *name;
	void (*run)(void);
} roles[] = {
	{"burn", burn},          {"nap", nap},          {"pipe", wait_pipe},
	{"socket", wait_socket}, {"futex", wait_futex}, {"calls", yield},
};

#define ROLES (sizeof(roles) / sizeof(roles[0]))

static void tell(const char *name, uint64_t began)
{
	char path[64], text[128] = "";
	int tid = (int)syscall(SYS_gettid), fd;
	uint64_t run = 0, delay = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", tid);
	fd = open(path, O_RDONLY);
	if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0)
		sscanf(text, "%" SCNu64 " %" SCNu64, &run, &delay);
	if (fd >= 0)
		close(fd);
	printf("%s %d %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", name, tid,
	       now_ns(CLOCK_MONOTONIC) - began, run, delay);
}

static void *thread_run(void *argument)
{
	const struct role *role = argument;
	uint64_t began = now_ns(CLOCK_MONOTONIC);

	role->run();
	tell(role->name, began);
	return NULL;
}

/* The first thread's id and begin are this one's from now on, and the first thread is gone. */
static void *image_start(void *program)
{
	sleep_ms(600);
	execl(program, program, "image", NULL);
	perror("exec");
	return NULL;
}

static void image(void)
{
	burn();
	sleep_ms(300);
}

int main(int argc, char **argv)
{
	pthread_t threads[ROLES];

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "image")) {
		thread_run((void *)&(struct role){"image", image});
		return 0;
	}
	if (argc > 1) {
		pthread_create(&threads[0], NULL, image_start, argv[0]);
		pause();
		return 1;
	}
	if (pipe(pipe_fds) || socketpair(AF_UNIX, SOCK_STREAM, 0, socket_fds))
		return 1;
	for (size_t i = 0; i < ROLES; i++)
		pthread_create(&threads[i], NULL, thread_run, (void *)&roles[i]);
	sleep_ms(900);
	if (write(pipe_fds[1], "x", 1) != 1 || send(socket_fds[1], "x", 1, 0) != 1)
		return 1;
	atomic_store(&word, 1);
	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	for (size_t i = 0; i < ROLES; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
