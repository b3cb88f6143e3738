/* SPDX-License-Identifier: BSD-2-Clause */
/* A command that is started and watched: it waits until everything is attached. */
#ifndef STRAIT_COMMAND_H
#define STRAIT_COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

#include "util/error.h"

struct command {
	pid_t pid;
	int go;     /* one byte written here lets it begin */
	int failed; /* the errno of an exec that failed comes from here */
	const char *name;
};

/*
 * Forks. The child has the rights, environment and streams of the caller; `quiet_stdout`: what it
 * prints goes to stderr, because a program reads stdout. -ENOENT, -EACCES: there is no such
 * program.
 */
int command_start(struct command *command, char **argv, bool quiet_stdout, struct error *error);

/*
 * Ends the command if it still runs (SIGTERM, then after 2 s SIGKILL) and frees everything. Returns
 * the errno of exec as a negative with a text if it could not be run; else 0 and its wait status.
 */
int command_finish(struct command *command, int *status, struct error *error);

/* "exited with 3", "was ended by signal 9 (Killed)". */
void command_outcome(int status, char *out, size_t size);

#endif
