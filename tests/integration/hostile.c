/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A load under odd names: the name of the process and of a thread, a file that a mutex's holder
 * syncs, generated code that a perf map names. Threads compute, wait for a mutex, and sleep.
 *
 *   hostile COMM FILE FUNCTION    until a signal; prints a line when all is under way
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define CODE_BYTES 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *comm, *file;
static char map[64];

static void map_remove(int signal)
{
	(void)signal;
	unlink(map);
	_exit(0);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/*
 * Its symbol gets an odd name when the program is built. It computes by itself, and not in the
 * clock: the reports are to name it.
 */
__attribute__((noinline, used)) void hostile_symbol(double seconds)
{
	for (double end = now() + seconds; now() < end;)
		for (int i = 0; i < 20000; i++)
			__asm__ volatile("");
}

static void *locker(void *unused)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	prctl(PR_SET_NAME, comm);
	for (;;) {
		pthread_mutex_lock(&lock);
		hostile_symbol(0.004);
		if (write(fd, comm, 1) == 1)
			fdatasync(fd);
		pthread_mutex_unlock(&lock);
		usleep(1000);
	}
	return unused;
}

/* mov $N, %ecx; 1: dec %ecx; jnz 1b; ret: with a name by /tmp/perf-PID.map alone. */
static void generated_run(const char *function)
{
	static const unsigned char code[] = {0xb9, 0, 0, 0, 0x04, 0xff, 0xc9, 0x75, 0xfc, 0xc3};
	void *at = mmap(NULL, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*run)(void);
	FILE *out;

	snprintf(map, sizeof(map), "/tmp/perf-%d.map", (int)getpid());
	unlink(map);
	out = fopen(map, "we");
	if (at == MAP_FAILED || !out)
		exit(77);
	fprintf(out, "%lx %x %s\n", (unsigned long)at, CODE_BYTES, function);
	fclose(out);
	memcpy(at, code, sizeof(code));
	memcpy(&run, &at, sizeof(run));
	puts("ready");
	fflush(stdout);
	for (;;) {
#ifdef __x86_64__
		run();
#endif
		usleep(2000);
	}
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc != 4)
		return 2;
	comm = argv[1];
	file = argv[2];
	signal(SIGTERM, map_remove);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_NAME, comm);
	for (int i = 0; i < 3; i++)
		pthread_create(&thread, NULL, locker, NULL);
	generated_run(argv[3]);
}
