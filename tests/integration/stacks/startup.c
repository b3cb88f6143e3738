/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls in _init and _fini, which the C library brings without call frame information.
 *
 * chain init: _start __libc_start_main*@libc|__libc_start_main*|nameless@libc _init in_init first
 * chain fini: _start ... exit@libc|exit ... _fini in_fini last
 */
#include "burn.h"

static NOINLINE void first(void)
{
	burn();
}

static NOINLINE void last(void)
{
	burn();
}

static struct choice choices[] = {{"init", first, 1}, {"fini", last, 1}};

/* Half of the time each, whatever the other took. */
void in_init(void);
void in_fini(void);

NOINLINE void in_init(void)
{
	choose(&choices[0], 1, SECONDS / 2);
}

NOINLINE void in_fini(void)
{
	choose(&choices[1], 1, SECONDS / 2);
	print_split(choices, COUNT(choices));
}

#ifdef __aarch64__
#define CALL "bl "
#else
#define CALL "call "
#endif
__asm__(".pushsection .init\n\t" CALL "in_init\n\t.popsection\n\t"
	".pushsection .fini\n\t" CALL "in_fini\n\t.popsection");

int main(void)
{
	return 0;
}
