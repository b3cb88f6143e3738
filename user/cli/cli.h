/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: subcommands, one file each, and what they share. Only code here prints. A new
 * subcommand is one file with its own option table, and one line in the list of user/main.c.
 */
#ifndef STRAIT_CLI_H
#define STRAIT_CLI_H

#include <stdbool.h>
#include <sys/types.h>

#include "util/error.h"

/* Exit statuses; part of the manual. */
enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_HOST = 77, /* this host, or these rights, cannot do what was asked */
};

/* Each gets its own name as argv[0] and returns the exit status. */
int cli_trace(int argc, char **argv); /* no subcommand */
int cli_record(int argc, char **argv);
int cli_report(int argc, char **argv);
int cli_flame(int argc, char **argv);
int cli_baseline(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_monitor(int argc, char **argv);

/* One line on stderr, "strait: TEXT", escaped for the terminal. */
void cli_error(const struct error *error);
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* cli_error(), and the exit status that belongs to what observe() returned. */
int cli_failed(int err, const struct error *error);

/*
 * The exit status after writing the result to stdout: says what failed. A reader that closed the
 * pipe early (head) has what it wanted: as with any filter, the program then ends by SIGPIPE.
 */
int cli_written(int err);

/* Remembers how SIGPIPE was, ignores it, and keeps files off the numbers of closed streams. */
void cli_streams(void);
/* Undoes in a child what cli_streams() did to signals. */
void cli_streams_restore(void);

/*
 * From here on what is open is read and written, and results printed: gives up all rights, and all
 * calls of the kernel that this does not need. Nothing can be watched after it, and no file opened
 * that root gets at by its rights alone.
 */
void cli_confine(void);
/* Why it could not be done, NULL = it was. */
const char *cli_unconfined(void);

struct recording;

/* Opens a recording, and reads it after cli_confine(). Errors as store_open(). */
int cli_open(const char *path, struct recording **out, struct error *error);

/*
 * Who asked for the files that root makes: the user behind sudo, else 0. Files are given to them,
 * so that a recording can be read without root.
 */
void cli_owner(uid_t *owner, gid_t *group);

#endif
