// SPDX-License-Identifier: BSD-2-Clause
// Exceptions, thrown and caught in a loop, with a destructor on their way; a virtual call, a
// template and a lambda.
//
// chain burn: ROOT Worker::run* Derived::step* *spend<int>*
// chain lambda: ROOT Worker::run* call* std::_Function_handler*
// chain lambda: ROOT Worker::run* call* std::_Function_handler* *{lambda*
// chain throw: ROOT Worker::run* Worker::safe* +@lib*
// chain throw: ROOT Worker::run* Worker::safe* Worker::middle* +@lib*
// chain throw: ROOT Worker::run* Worker::safe* Worker::middle* Guard::~Guard*
// chain throw: ROOT Worker::run* Worker::safe* Worker::middle* Worker::fire* +@lib*
// chain free: ROOT Worker::run* +@lib*
// While libgcc installs the frame it goes to, its own frame already holds that one's registers and
// return address: what a table says of it is wrong for these few instructions.
// chain install: ROOT Worker::run* ... _Unwind_R*@libgcc_s *@libgcc_s?
// atmost install 0.02
// contains throw 0.5: _Unwind_RaiseException@libgcc_s
// contains throw 0.05: _Unwind_Resume@libgcc_s
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
	__attribute__((noinline, no_icf)) ~Guard()
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
template <typename T> __attribute__((noinline, no_icf)) void spend(T n)
{
	for (T i = 0; i < n; i++)
		burn();
}
} // namespace

struct Derived : Base {
	__attribute__((noinline, no_icf)) void step(int n) override
	{
		spend(n);
		NO_TAIL();
	}
};

static __attribute__((noinline, no_icf)) void call(const std::function<void()> &function)
{
	function();
	NO_TAIL();
}

struct Worker {
	Base *base;

	__attribute__((noinline, no_icf)) void fire(int n)
	{
		if (n >= 0)
			throw std::runtime_error("known");
		NO_TAIL();
	}

	__attribute__((noinline, no_icf)) void middle(int n)
	{
		Guard guard;
		fire(n);
		NO_TAIL();
	}

	__attribute__((noinline, no_icf)) void safe(int n)
	{
		try {
			middle(n);
		} catch (const std::exception &e) {
			sink = sink + (e.what() != nullptr);
		}
	}

	__attribute__((noinline, no_icf)) void run(int n)
	{
		base->step(n);
		for (int i = 0; i < 40 * n; i++)
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
	settle();
	const double until = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) + SECONDS;

	while (cpu_seconds(CLOCK_THREAD_CPUTIME_ID) < until)
		worker.run(4);
	return 0;
}
