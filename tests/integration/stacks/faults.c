/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page faults: by a store of the program's own, and inside the C library's memset.
 *
 * chain touch: ROOT grow touch
 * chain fill: ROOT grow fill *@libc
 * chain map: ROOT grow *@libc
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "burn.h"

#define PAGES  1024u
#define ROUNDS 40

static NOINLINE void touch(volatile char *pages)
{
	for (unsigned int i = 0; i < PAGES; i++)
		pages[i * 4096] = 1;
}

static NOINLINE void fill(char *pages)
{
	memset(pages, 1, (size_t)PAGES * 4096);
	NO_TAIL();
}

static NOINLINE void grow(int by_store)
{
	char *pages = mmap(NULL, (size_t)PAGES * 4096, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		_exit(1);
	madvise(pages, (size_t)PAGES * 4096, MADV_NOHUGEPAGE);
	if (by_store)
		touch(pages);
	else
		fill(pages);
	munmap(pages, (size_t)PAGES * 4096);
}

int main(void)
{
	settle();
	for (int i = 0; i < ROUNDS; i++)
		grow(i & 1);
	printf("faults touch %u\nfaults fill %u\n", PAGES * ROUNDS / 2, PAGES * ROUNDS / 2);
	return 0;
}
