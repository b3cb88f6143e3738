/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals that end the window: Ctrl-C, SIGTERM, SIGHUP, and the end of the watched command. */
#ifndef STRAIT_SIGNALS_H
#define STRAIT_SIGNALS_H

#include <signal.h>
#include <sys/types.h>

/*
 * From now on those signals set *signals_stop() instead of ending the program; the second of the
 * same kind ends it at once. Signals that were ignored stay ignored (nohup). `command`: the process
 * whose end ends the window, 0 = none. Calls nest: inside another watch it changes nothing, so that
 * no signal is lost between two windows.
 */
void signals_watch(pid_t command);
/* As before signals_watch(). */
void signals_release(void);

/* Those signals set *signals_stop() once more, whether or not they did before. */
void signals_watch_again(void);

const volatile sig_atomic_t *signals_stop(void);
/* Set by Ctrl-Z while signals are watched: whoever finds it set stops the process, and takes it
 * back.
 */
volatile sig_atomic_t *signals_pause(void);

#endif
