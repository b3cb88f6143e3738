// SPDX-License-Identifier: BSD-2-Clause
// Exceptions, thrown and caught in a loop, with a destructor on their way; a virtual call, a
// template and a lambda.
//
// chain burn: ROOT Worker::run(int) Derived::step(int) void*spend<int>(int)
// chain lambda: ROOT Worker::run(int) call(*std::function*) std::_Function_handler*
// chain lambda: ROOT Worker::run(int) call(*std::function*) std::_Function_handler* *{lambda*
// chain throw: ROOT Worker::run(int) Worker::safe(int) Worker::middle(int) ...
// chain throw: ROOT Worker::run(int) Worker::safe(int) Worker::middle(int) Worker::fire(int) ...
// chain throw: ROOT Worker::run(int) Worker::safe(int) ...
// chain throw: ROOT Worker::run(int) Worker::safe(int)
// chain free: ROOT Worker::run(int) +@libc
// chain run: ROOT Worker::run(int)
// chain step: ROOT Worker::run(int) Derived::step(int)
// contains throw 0.5: _Unwind_RaiseException@libgcc
// contains throw 0.05: _Unwind_Resume@libgcc
// atleast burn 0.1
// atleast lambda 0.1
// atleast throw 0.1
#include <functional>
#include <stdexcept>

extern "C" {
#include "burn.h"
}

static volatile int sink;

struct Guard {
	__attribute__((noinline)) ~Guard()
	{
		sink = sink + 1;
	}
};

struct Base {
	virtual void step(int n) = 0;
	virtual ~Base() = default;
};

namespace
{
template <typename T> __attribute__((noinline)) void spend(T n)
{
	for (T i = 0; i < n; i++)
		burn();
}
} // namespace

struct Derived : Base {
	__attribute__((noinline)) void step(int n) override
	{
		spend(n);
		NO_TAIL();
	}
};

static __attribute__((noinline)) void call(const std::function<void()> &function)
{
	function();
	NO_TAIL();
}

struct Worker {
	Base *base;

	__attribute__((noinline)) void fire(int n)
	{
		if (n >= 0)
			throw std::runtime_error("known");
		NO_TAIL();
	}

	__attribute__((noinline)) void middle(int n)
	{
		Guard guard;
		fire(n);
		NO_TAIL();
	}

	__attribute__((noinline)) void safe(int n)
	{
		try {
			middle(n);
		} catch (const std::exception &e) {
			sink = sink + (e.what() != nullptr);
		}
	}

	__attribute__((noinline)) void run(int n)
	{
		base->step(n);
		for (int i = 0; i < 10 * n; i++)
			safe(i);
		call([n] {
			for (int i = 0; i < n; i++)
				burn();
		});
		NO_TAIL();
	}
};

int main()
{
	Derived derived;
	Worker worker{&derived};
	const double until = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) + SECONDS;

	while (cpu_seconds(CLOCK_THREAD_CPUTIME_ID) < until)
		worker.run(4);
	return 0;
}
