/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Burns CPU time in a known tree until it is ended: `often` has three quarters of it, `seldom` one,
 * and a system call in each round has the kernel do something, too. NAME sets their suffix apart.
 */
#include <sys/syscall.h>
#include <unistd.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

volatile unsigned long sink;

static inline __attribute__((always_inline)) void chain(int n)
{
	unsigned long x = sink;

	for (int i = 0; i < n; i++)
		x = x * 6364136223846793005UL + 1;
	sink = x;
}

__attribute__((noinline)) void JOIN(often_, NAME)(void)
{
	chain(300000);
	sink++;
}

__attribute__((noinline)) void JOIN(seldom_, NAME)(void)
{
	chain(100000);
	sink++;
}

__attribute__((noinline)) void JOIN(rounds_, NAME)(int n)
{
	while (n--) {
		JOIN(often_, NAME)();
		JOIN(seldom_, NAME)();
		for (int i = 0; i < 300; i++)
			syscall(SYS_getppid);
	}
	sink++;
}

int main(void)
{
	for (;;)
		JOIN(rounds_, NAME)(100);
}
