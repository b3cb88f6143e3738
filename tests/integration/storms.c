/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * More of something than a host usually has, for storms.sh. Linked statically, so that a process
 * takes little to start.
 *
 *   processes RATE SECONDS    starts itself RATE times a second (vfork and exec), to end at once;
 *                             prints "STARTED FAILED MILLISECONDS"
 *   groups COUNT DIRECTORY…   a process in each of these cgroups, which sleeps and wakes; prints
 *                             "sleeper PID DIRECTORY" for each, then "ready"; on SIGUSR1 COUNT
 *                             processes that are born in the last cgroups, a moment each, in turn:
 *                             "passer PID DIRECTORY", then "done"; ends with SIGTERM
 *   connections N PORT        N connections to itself over 127.0.0.1, a byte each way over each;
 *                             prints "PID MADE MILLISECONDS"; all are open until SIGTERM
 *   mappings N FILE           maps a page of a file N times, every second one to be executed, so
 *                             that no two of them are one; prints "PID MADE MILLISECONDS"; then
 *                             computes and maps one anew now and then, until SIGTERM
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS UINT64_C(1000000)

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

static void sleep_ns(uint64_t ns)
{
	struct timespec time = {(time_t)(ns / (1000 * MS)), (long)(ns % (1000 * MS))};

	nanosleep(&time, NULL);
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- processes ---- */

static void do_processes(double rate, double seconds)
{
	char *const leaf[] = {"leaf", NULL};
	uint64_t begin = now_ns(), started = 0, failed = 0, ended = 0;
	uint64_t all = (uint64_t)(rate * seconds);

	while (started + failed < all) {
		uint64_t due = begin + (uint64_t)((double)(started + failed) / rate * 1e9);
		uint64_t now = now_ns();
		pid_t child;

		if (due > now)
			sleep_ns(due - now);
		child = vfork();
		if (!child) {
			execv("/proc/self/exe", leaf);
			_exit(127);
		}
		if (child > 0)
			started++;
		else
			failed++;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			ended++;
	}
	while (ended < started && waitpid(-1, NULL, 0) > 0)
		ended++;
	printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", started, failed, (now_ns() - begin) / MS);
}

/* ---- cgroups ---- */

static void sleeper_run(void)
{
	volatile uint64_t sum = 0;

	signal(SIGTERM, SIG_DFL);
	signal(SIGUSR1, SIG_IGN);
	for (;;) {
		sleep_ns(300 * MS);
		for (uint64_t i = 0; i < 20000; i++)
			sum += i * sum;
	}
}

/* A child that is in the cgroup from its first instruction on (5.7). */
static pid_t fork_into(const char *directory)
{
	struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD};
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pid_t child;

	if (fd < 0)
		return -1;
	args.cgroup = (uint64_t)fd;
	child = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	close(fd);
	return child;
}

static volatile sig_atomic_t asked, ended;

static void note(int signal)
{
	if (signal == SIGUSR1)
		asked = 1;
	else
		ended = 1;
}

/* `count` processes, one after the other, each in another one of the directories. */
static void passers_run(int count, char **directories, int all)
{
	for (int i = 0; i < count && i < all; i++) {
		pid_t child = fork_into(directories[all - 1 - i]);

		if (!child)
			_exit(0);
		if (child < 0)
			fail("clone3");
		waitpid(child, NULL, 0);
		printf("passer %d %s\n", (int)child, directories[all - 1 - i]);
	}
	puts("done");
	fflush(stdout);
}

static void do_groups(int passers, char **directories, int count)
{
	struct sigaction action = {.sa_handler = note};

	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	for (int i = 0; i < count - passers; i++) {
		pid_t child = fork_into(directories[i]);

		if (!child)
			sleeper_run();
		if (child < 0)
			fail("clone3");
		printf("sleeper %d %s\n", (int)child, directories[i]);
	}
	puts("ready");
	fflush(stdout);
	while (!ended) {
		sleep_ns(50 * MS);
		if (asked)
			passers_run(passers, directories, count);
		asked = 0;
	}
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (waitpid(-1, NULL, 0) > 0)
		;
}

/* ---- connections ---- */

static int socket_new(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		fail("socket");
	return fd;
}

static void do_connections(int count, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((uint16_t)port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket_new(), one = 1, made = 0;
	uint64_t begin = now_ns();
	char byte = 'x';

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 64))
		fail("listen");
	for (; made < count; made++) {
		int client = socket_new(), server;

		if (connect(client, (struct sockaddr *)&address, sizeof(address)))
			fail("connect");
		server = accept(listener, NULL, NULL);
		if (server < 0)
			fail("accept");
		if (write(client, &byte, 1) != 1 || read(server, &byte, 1) != 1 ||
		    write(server, &byte, 1) != 1 || read(client, &byte, 1) != 1)
			fail("a byte each way");
	}
	printf("%d %d %" PRIu64 "\n", getpid(), made, (now_ns() - begin) / MS);
	fflush(stdout);
	while (!ended)
		pause();
}

/* ---- mappings ---- */

__attribute__((noinline)) static uint64_t compute(uint64_t sum)
{
	for (uint64_t i = 0; i < 1000000; i++)
		sum += i * sum + 1;
	return sum;
}

static void *map_page(const char *file, int fd, bool code)
{
	void *page = mmap(NULL, 4096, PROT_READ | (code ? PROT_EXEC : 0), MAP_PRIVATE, fd, 0);

	if (page == MAP_FAILED && errno != ENOMEM)
		fail(file);
	return page;
}

static void do_mappings(int count, const char *file)
{
	int fd = open(file, O_RDONLY), made = 0;
	uint64_t begin = now_ns();
	volatile uint64_t sum = 0;

	if (fd < 0)
		fail(file);
	while (made < count && map_page(file, fd, made & 1) != MAP_FAILED)
		made++;
	printf("%d %d %" PRIu64 "\n", getpid(), made, (now_ns() - begin) / MS);
	fflush(stdout);
	while (!ended) {
		void *page;

		sum = compute(sum);
		page = map_page(file, fd, true);
		if (page != MAP_FAILED)
			munmap(page, 4096);
	}
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = note};
	const char *what = argc > 1 ? argv[1] : "";

	if (argc == 4 && !strcmp(what, "processes")) {
		do_processes(atof(argv[2]), atof(argv[3]));
	} else if (argc > 3 && !strcmp(what, "groups")) {
		do_groups(atoi(argv[2]), argv + 3, argc - 3);
	} else if (argc == 4) {
		sigaction(SIGTERM, &action, NULL);
		if (!strcmp(what, "connections"))
			do_connections(atoi(argv[2]), atoi(argv[3]));
		else
			do_mappings(atoi(argv[2]), argv[3]);
	}
	return 0;
}
