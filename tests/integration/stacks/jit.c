/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Code that is made while the program runs: functions with frame pointers, named in a perf map,
 * between functions of C without.
 *
 * chain burn: ROOT run_burn jit_burn@jit
 * chain back: ROOT run_back jit_outer@jit middle jit_inner@jit leaf
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "burn.h"

static unsigned char *code;
static size_t used;
static FILE *map;
static void (*jit_burn)(void), (*jit_outer)(void), (*jit_inner)(void);
static volatile unsigned long sink;

static NOINLINE void leaf(void)
{
	burn();
}

/* rbp is a plain number here: the frame pointer of the generated caller has to be found again. */
static NOINLINE void middle(void)
{
	unsigned long a = sink, b = sink;

	__asm__ volatile("mov $0x77, %%rbp" ::: "rbp", "rbx", "r12", "r13");
	jit_inner();
	sink = a + b;
}

static void *emit(const char *name, const unsigned char *body, size_t size)
{
	static const unsigned char begin[] = {0x55, 0x48, 0x89, 0xe5}, /* push rbp; mov rbp, rsp */
		end[] = {0x5d, 0xc3};                                  /* pop rbp; ret */
	unsigned char *at = code + used;

	memcpy(at, begin, sizeof(begin));
	memcpy(at + sizeof(begin), body, size);
	memcpy(at + sizeof(begin) + size, end, sizeof(end));
	size += sizeof(begin) + sizeof(end);
	fprintf(map, "%lx %zx %s\n", (unsigned long)at, size, name);
	used += (size + 15) & ~15ul;
	return at;
}

static void *emit_call(const char *name, void (*function)(void))
{
	unsigned char body[] = {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xd0}; /* call imm64 */

	memcpy(body + 2, &function, sizeof(function));
	return emit(name, body, sizeof(body));
}

static void *emit_burn(const char *name)
{
	/* mov ecx, 80000; 1: imul rax, rax, 3; dec ecx; jnz 1b */
	static const unsigned char body[] = {0xb9, 0x80, 0x38, 0x01, 0x00, 0x48, 0x6b,
					     0xc0, 0x03, 0xff, 0xc9, 0x75, 0xf8};

	return emit(name, body, sizeof(body));
}

static NOINLINE void run_burn(void)
{
	jit_burn();
	NO_TAIL();
}

static NOINLINE void run_back(void)
{
	jit_outer();
	NO_TAIL();
}

int main(void)
{
	struct choice choices[] = {
		{.chain = "burn", .call = run_burn, .weight = 1},
		{.chain = "back", .call = run_back, .weight = 1},
	};
	char path[64];

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	map = fopen(path, "wx");
	code = mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	if (!map || code == MAP_FAILED)
		return 1;
	jit_burn = (void (*)(void))emit_burn("jit_burn");
	jit_inner = (void (*)(void))emit_call("jit_inner", leaf);
	jit_outer = (void (*)(void))emit_call("jit_outer", middle);
	fclose(map);
	/* It stays for who names frames at the end of the window; the test takes it away. */
	printf("map %s\n", path);
	CHOOSE(choices, SECONDS);
	return 0;
}
