/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does a known number of what a probe family counts, for families.sh. Linked statically: the
 * dynamic linker would read and open files of its own.
 *
 *   calls      1000 reads of /dev/zero, 77 opens that fail, 50 receives that would block,
 *              5 sleeps of 40 ms
 *   many_calls N  3 N calls in one function, N in another
 *   faults N   touches N fresh pages; prints the minor faults that getrusage() saw
 *   exchange N sends N bytes over a TCP connection to a child, which answers with 1234 bytes after
 *              one peek; then is refused at a closed port; prints the two pids and the port
 *   hog BYTES  touches so much memory: meant to be killed
 *   grow BYTES touches so many fresh bytes every second, in tenths of it, for ten seconds
 */
#include <arpa/inet.h>
#include <fcntl.h>
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

#define ANSWER 1234

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void do_calls(void)
{
	struct timespec nap = {0, 40000000};
	char byte[64];
	int pair[2], zero = open("/dev/zero", O_RDONLY);

	for (int i = 0; i < 1000; i++)
		if (read(zero, byte, sizeof(byte)) != sizeof(byte))
			fail("read");
	for (int i = 0; i < 77; i++)
		if (open("/nonexistent/strait", O_RDONLY) >= 0)
			fail("open");
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		fail("socketpair");
	for (int i = 0; i < 50; i++)
		if (recv(pair[0], byte, sizeof(byte), MSG_DONTWAIT) >= 0)
			fail("recv");
	for (int i = 0; i < 5; i++)
		nanosleep(&nap, NULL);
}

__attribute__((noinline)) static void call_often(long calls)
{
	for (long i = 0; i < calls; i++)
		syscall(SYS_getppid);
}

__attribute__((noinline)) static void call_seldom(long calls)
{
	for (long i = 0; i < calls; i++)
		syscall(SYS_getuid);
}

/* All of them take a fifth of a second, its unwind table some hundredths. */
static void do_many_calls(long amount)
{
	struct timespec nap = {0, 300000000};

	nanosleep(&nap, NULL);
	call_often(3 * amount);
	call_seldom(amount);
}

static void touch(size_t bytes)
{
	char *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("mmap");
	madvise(memory, bytes, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < bytes; i += (size_t)sysconf(_SC_PAGESIZE))
		memory[i] = 1;
}

static void do_faults(size_t pages)
{
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	touch(pages * (size_t)sysconf(_SC_PAGESIZE));
	getrusage(RUSAGE_SELF, &after);
	printf("%ld\n", after.ru_minflt - before.ru_minflt);
}

static void grow(size_t bytes)
{
	struct timespec next;

	clock_gettime(CLOCK_MONOTONIC, &next);
	for (int tenth = 0; tenth < 100; tenth++) {
		touch(bytes / 10);
		next.tv_nsec += 100000000;
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
}

static void serve(int listener, size_t expected)
{
	int connection = accept(listener, NULL, NULL);
	static char buffer[65536];
	size_t got = 0;
	ssize_t now;

	if (recv(connection, buffer, sizeof(buffer), MSG_PEEK) <= 0)
		_exit(1);
	while ((now = read(connection, buffer, sizeof(buffer))) > 0)
		got += (size_t)now;
	if (write(connection, buffer, ANSWER) != ANSWER)
		_exit(1);
	close(connection);
	_exit(got != expected);
}

static void do_exchange(size_t bytes)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int listener = socket(AF_INET, SOCK_STREAM, 0), client, status = 0;
	socklen_t length = sizeof(address);
	char *data = calloc(1, bytes);
	size_t sent = 0, got = 0;
	ssize_t now;
	pid_t child;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 5) ||
	    getsockname(listener, (struct sockaddr *)&address, &length))
		fail("listen");
	child = fork();
	if (!child)
		serve(listener, bytes);
	client = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(client, (struct sockaddr *)&address, length))
		fail("connect");
	while (sent < bytes) {
		now = write(client, data + sent, bytes - sent);
		if (now <= 0)
			fail("write");
		sent += (size_t)now;
	}
	shutdown(client, SHUT_WR);
	while ((now = read(client, data, bytes)) > 0)
		got += (size_t)now;
	waitpid(child, &status, 0);
	if (status || got != ANSWER)
		fail("exchange");
	printf("%d %d %d\n", getpid(), child, ntohs(address.sin_port));
	/* Servers are looked for at the end of each slice. */
	sleep(2);
	close(listener);
	/* Nobody listens there any more. */
	if (!connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, length))
		fail("connected to a closed port");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	size_t amount = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;

	if (!strcmp(what, "calls"))
		do_calls();
	else if (!strcmp(what, "many_calls") && amount)
		do_many_calls(amount);
	else if (!strcmp(what, "faults") && amount)
		do_faults(amount);
	else if (!strcmp(what, "exchange") && amount)
		do_exchange(amount);
	else if (!strcmp(what, "hog") && amount)
		touch(amount);
	else if (!strcmp(what, "grow") && amount)
		grow(amount);
	else
		return 2;
	return 0;
}
