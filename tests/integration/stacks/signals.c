/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signals [alt]: a handler that burns CPU time interrupts a known chain at any instruction, with
 * "alt" on a stack of its own. The stack leads through it back into what was interrupted.
 *
 * chain small: ROOT work many small?
 * chain flat: ROOT work flat
 * chain handled: ROOT work many small? SIGNAL handler deeper?
 * chain handled: ROOT work flat SIGNAL handler deeper?
 * chain handled: ROOT SIGNAL handler deeper?
 * chain handled: ROOT work many? SIGNAL handler deeper?
 * chain handled: ROOT *clock_gettime@libc *@[vdso]? SIGNAL handler deeper?
 * chain return: ROOT work many? small? SIGNAL
 * chain return: ROOT work flat SIGNAL
 * chain setup: ROOT sigaction*|sigaltstack*|setitimer*|strcmp*
 * atleast handled 0.05
 */
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "burn.h"

static volatile unsigned int sink;
static char other[65536];

static NOINLINE void deeper(void)
{
	for (int i = 0; i < 8; i++)
		burn();
}

static NOINLINE void handler(int number)
{
	deeper();
	sink = (unsigned int)number;
}

/* Entry and exit are most of it: often interrupted there. */
static NOINLINE unsigned int small(unsigned int a, unsigned int b)
{
	volatile unsigned int room[4] = {a, b};

	return room[b & 1];
}

static NOINLINE void many(void)
{
	for (unsigned int i = 0; i < 20000; i++)
		sink += small(i, sink);
}

static NOINLINE void flat(void)
{
	burn();
}

static NOINLINE void work(void)
{
	many();
	flat();
	NO_TAIL();
}

int main(int argc, char **argv)
{
	struct itimerval every = {{.tv_usec = 2000}, {.tv_usec = 2000}};
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	stack_t stack = {.ss_sp = other, .ss_size = sizeof(other)};

	if (argc > 1 && !strcmp(argv[1], "alt")) {
		action.sa_flags |= SA_ONSTACK;
		sigaltstack(&stack, NULL);
	}
	settle();
	sigaction(SIGPROF, &action, NULL);
	setitimer(ITIMER_PROF, &every, NULL);
	for (double until = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) + SECONDS;
	     cpu_seconds(CLOCK_THREAD_CPUTIME_ID) < until;)
		work();
	return 0;
}
