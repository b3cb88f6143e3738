/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Samples inside system calls: a kernel part, and behind it a whole user part.
 *
 * chain short: ROOT ask_pid asking *getppid@libc|getppid?
 * chain zeroes: ROOT read_zeroes reading *read@libc|read?
 * chain raw: ROOT read_raw
 * chain burn: ROOT burning
 * kernel zeroes 0.5: *read*
 * kernel raw 0.4: *read*
 * kernel short 0.1: *
 */
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "burn.h"

#define BYTES (256 * 1024)

static char bytes[BYTES];
static int zero;

static NOINLINE void asking(void)
{
	for (int i = 0; i < 1000; i++)
		getppid();
}

static NOINLINE void ask_pid(void)
{
	asking();
	NO_TAIL();
}

static NOINLINE void reading(void)
{
	if (read(zero, bytes, BYTES) != BYTES)
		_exit(1);
}

static NOINLINE void read_zeroes(void)
{
	reading();
	NO_TAIL();
}

static NOINLINE void burning(void)
{
	burn();
}

/* A system call of the program's own, without the C library. */
static NOINLINE void read_raw(void)
{
#ifdef __x86_64__
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(SYS_read), "D"(zero), "S"(bytes), "d"(BYTES)
			 : "rcx", "r11", "memory");
	if (result != BYTES)
		_exit(1);
#endif
}

int main(void)
{
	struct choice choices[] = {
		{.chain = "short", .call = ask_pid, .weight = 1},
		{.chain = "zeroes", .call = read_zeroes, .weight = 1},
		{.chain = "raw", .call = read_raw, .weight = 1},
		{.chain = "burn", .call = burning, .weight = 1},
	};

	zero = open("/dev/zero", O_RDONLY);
	if (zero < 0)
		return 1;
	/* What they cost is the kernel's matter: no split is printed. */
	choose(choices, COUNT(choices), SECONDS);
	return 0;
}
