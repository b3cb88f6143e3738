/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plugins ALPHA.so BETA.so: loads one library, works in it, unloads it, loads the other, which
 * comes to lie in the same place; the libraries call back.
 *
 * chain alpha: ROOT cycle alpha_work@alpha alpha_leaf@alpha
 * chain alpha: ROOT cycle alpha_work@alpha call_back alpha_leaf@alpha
 * chain beta: ROOT cycle beta_work@beta beta_leaf@beta
 * chain beta: ROOT cycle beta_work@beta middle@beta call_back beta_leaf@beta
 * chain loader: ROOT cycle dl*@libc ...
 * atleast alpha 0.2
 * atleast beta 0.2
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "burn.h"

static NOINLINE void call_back(void (*leaf)(void))
{
	leaf();
	NO_TAIL();
}

static NOINLINE void cycle(const char *path, const char *name)
{
	void *library = dlopen(path, RTLD_NOW);
	void (*work)(void (*)(void (*)(void))) =
		library ? (void (*)(void (*)(void (*)(void))))dlsym(library, name) : NULL;

	if (!work) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	for (double until = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) + 0.1;
	     cpu_seconds(CLOCK_THREAD_CPUTIME_ID) < until;)
		for (int i = 0; i < 5; i++)
			work(call_back);
	dlclose(library);
	NO_TAIL();
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	settle();
	for (int i = 0; i < 16; i++)
		cycle(argv[1 + i % 2], i % 2 ? "beta_work" : "alpha_work");
	return 0;
}
