// SPDX-License-Identifier: BSD-2-Clause
//
// plugged PLUGIN.so: loads a library, works in it and unloads it, over and over. Exceptions that the
// library throws pass a destructor of its own and are caught in the program. The library is this file
// with PLUGIN defined.
//
// chain calm: ROOT cycle* plugin_work@plugged-so calm@plugged-so
// chain throw: ROOT cycle* guarded* plugin_work@plugged-so ...
// chain throw: ROOT cycle* guarded* +@lib*
// chain loader: ROOT cycle* dl*@libc ...
// chain install: ROOT cycle* ... _Unwind_R*@libgcc_s *@libgcc_s?
// atmost install 0.02
// atleast calm 0.2
// atleast throw 0.2
// contains throw 0.3: _Unwind_RaiseException@libgcc_s
#include <stdexcept>

extern "C" {
#include "burn.h"

void plugin_work(int fail);
}

#define ALONE __attribute__((noinline, no_icf))

#ifdef PLUGIN

static volatile int sink;

struct Guard {
	ALONE ~Guard()
	{
		sink = sink + 1;
	}
};

extern "C" ALONE void calm()
{
	burn();
}

extern "C" ALONE void fire(int n)
{
	if (n)
		throw std::out_of_range("known");
	NO_TAIL();
}

void plugin_work(int fail)
{
	Guard guard;

	if (fail)
		fire(fail);
	calm();
	NO_TAIL();
}

#else

#include <dlfcn.h>
#include <stdlib.h>

typedef void work(int fail);

static ALONE bool guarded(work *call)
{
	try {
		call(1);
	} catch (const std::logic_error &e) {
		return e.what() != nullptr;
	}
	return false;
}

static ALONE void cycle(const char *path)
{
	void *library = dlopen(path, RTLD_NOW);
	work *call = library ? (work *)dlsym(library, "plugin_work") : nullptr;

	if (!call) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	for (double until = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) + 0.1;
	     cpu_seconds(CLOCK_THREAD_CPUTIME_ID) < until;) {
		call(0);
		for (int i = 0; i < 30; i++)
			guarded(call);
	}
	dlclose(library);
}

int main(int argc, char **argv)
{
	double until;

	if (argc != 2)
		return 2;
	settle();
	until = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) + SECONDS;
	while (cpu_seconds(CLOCK_THREAD_CPUTIME_ID) < until)
		cycle(argv[1]);
	return 0;
}

#endif
