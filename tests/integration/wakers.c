/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that wait long, for known others: each wait is ended in a function of its own. Prints how
 * many waits of each pair there are, and how long each is at least, ns.
 *
 *   produce → consume    through a pipe, between threads
 *   signal_it → await    through a condition variable
 *   answer → ask         through a loopback connection, between processes; the server is in epoll
 *   (a timer) → expire   a condition variable that nobody signals
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TURNS 200
#define PAUSE 10000000 /* ns: of all pairs together fewer a second than a CPU may tell */

#define PLACE __attribute__((noinline, noclone))

static void check(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static void doze(void)
{
	struct timespec pause = {0, PAUSE};

	nanosleep(&pause, NULL);
}

/* ---- a pipe ---- */

static int pipe_ends[2];

static PLACE void produce(void)
{
	check(write(pipe_ends[1], "x", 1) == 1, "write");
	__asm__ volatile("");
}

static PLACE void consume(void)
{
	char c;

	check(read(pipe_ends[0], &c, 1) == 1, "read");
	__asm__ volatile("");
}

static void *producer(void *unused)
{
	(void)unused;
	prctl(PR_SET_NAME, "producer");
	for (int i = 0; i < TURNS; i++) {
		doze();
		produce();
	}
	return NULL;
}

static void *consumer(void *unused)
{
	(void)unused;
	prctl(PR_SET_NAME, "consumer");
	for (int i = 0; i < TURNS; i++)
		consume();
	return NULL;
}

/* ---- a condition variable ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int items;

static PLACE void signal_it(void)
{
	pthread_mutex_lock(&mutex);
	items++;
	pthread_mutex_unlock(&mutex);
	pthread_cond_signal(&condition);
	__asm__ volatile("");
}

static PLACE void await(void)
{
	pthread_mutex_lock(&mutex);
	while (!items)
		pthread_cond_wait(&condition, &mutex);
	items--;
	pthread_mutex_unlock(&mutex);
}

static void *signaller(void *unused)
{
	(void)unused;
	prctl(PR_SET_NAME, "signaller");
	for (int i = 0; i < TURNS; i++) {
		doze();
		signal_it();
	}
	return NULL;
}

static void *awaiter(void *unused)
{
	(void)unused;
	prctl(PR_SET_NAME, "awaiter");
	for (int i = 0; i < TURNS; i++)
		await();
	return NULL;
}

/* ---- a time-out ---- */

static PLACE void expire(void)
{
	pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t nobody = PTHREAD_COND_INITIALIZER;
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += PAUSE;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&own);
	while (pthread_cond_timedwait(&nobody, &own, &until) == 0)
		;
	pthread_mutex_unlock(&own);
}

static void *expirer(void *unused)
{
	(void)unused;
	prctl(PR_SET_NAME, "expirer");
	for (int i = 0; i < TURNS; i++)
		expire();
	return NULL;
}

/* ---- a server ---- */

static PLACE void answer(int client)
{
	check(send(client, "y", 1, 0) == 1, "send");
	__asm__ volatile("");
}

static void serve(int listener)
{
	struct epoll_event event = {.events = EPOLLIN};
	int client = accept(listener, NULL, NULL), poll = epoll_create1(0);
	char c;

	prctl(PR_SET_NAME, "server");
	check(client >= 0 && poll >= 0, "accept");
	check(!epoll_ctl(poll, EPOLL_CTL_ADD, client, &event), "epoll_ctl");
	while (epoll_wait(poll, &event, 1, -1) == 1 && recv(client, &c, 1, 0) == 1) {
		doze(); /* its disk */
		answer(client);
	}
	exit(0);
}

static PLACE void ask(int server)
{
	char c;

	check(send(server, "x", 1, 0) == 1, "send");
	check(recv(server, &c, 1, 0) == 1, "recv");
	__asm__ volatile("");
}

static int listen_here(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	*address = (struct sockaddr_in){.sin_family = AF_INET};
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(!bind(listener, (struct sockaddr *)address, length), "bind");
	check(!listen(listener, 1), "listen");
	check(!getsockname(listener, (struct sockaddr *)address, &length), "getsockname");
	return listener;
}

static void *client(void *address)
{
	int server = socket(AF_INET, SOCK_STREAM, 0);

	prctl(PR_SET_NAME, "client");
	check(!connect(server, address, sizeof(struct sockaddr_in)), "connect");
	for (int i = 0; i < TURNS; i++)
		ask(server);
	close(server);
	return NULL;
}

int main(void)
{
	static void *(*const jobs[])(void *) = {producer, consumer, signaller,
						awaiter,  expirer,  client};
	pthread_t threads[sizeof(jobs) / sizeof(jobs[0])];
	struct sockaddr_in address;
	int listener = listen_here(&address);
	pid_t child = fork();

	if (!child)
		serve(listener);
	close(listener);
	check(child > 0 && !pipe(pipe_ends), "pipe");
	for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
		check(!pthread_create(&threads[i], NULL, jobs[i], &address), "pthread_create");
	for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
		pthread_join(threads[i], NULL);
	waitpid(child, NULL, 0);
	printf("waits %d\nns %d\n", TURNS, PAUSE);
	return 0;
}
