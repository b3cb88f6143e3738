/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that make one connection to a Unix socket after the other: a number out, a number in.
 *
 *   connect SECONDS THREADS PATH
 */
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "life.h"

static struct sockaddr_un address = {.sun_family = AF_UNIX};

static void *thread_run(void *arg)
{
	uint64_t number = (uintptr_t)arg;

	for (;;) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
		    write(fd, &number, sizeof(number)) != sizeof(number) ||
		    read(fd, &number, sizeof(number)) < 0)
			exit(1);
		close(fd);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	long seconds, threads;
	pthread_t thread;

	if (argc != 4 || strlen(argv[3]) >= sizeof(address.sun_path))
		return 2;
	seconds = number_parse(argv[1], 1, 3600);
	threads = number_parse(argv[2], 1, 512);
	strcpy(address.sun_path, argv[3]);
	life_bound((int)seconds);
	sleep_us(300000); /* until it is listened to */
	for (long i = 0; i < threads; i++)
		if (pthread_create(&thread, NULL, thread_run, (void *)i))
			return 1;
	sleep_us((double)seconds * 1e6);
	_exit(0);
}
