/* SPDX-License-Identifier: BSD-2-Clause */
#include <sys/resource.h>

#include "capture/priority.h"

#define OBSERVER_NICE (-15) /* 29 times the weight of nice 0 */

int priority_raise(void)
{
	int nice = getpriority(PRIO_PROCESS, 0);

	/* Without the right to do so everything else still works. */
	if (nice > OBSERVER_NICE)
		setpriority(PRIO_PROCESS, 0, OBSERVER_NICE);
	return nice;
}

void priority_restore(int nice)
{
	setpriority(PRIO_PROCESS, 0, nice);
}
