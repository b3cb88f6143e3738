/* SPDX-License-Identifier: BSD-2-Clause */
/* What goes to stderr, and what becomes of a write to stdout that fails. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "util/escape.h"

static bool pipe_was_ignored;

void cli_error(const struct error *error)
{
	char *text = escape_text(error->text, ESCAPE_TERMINAL);

	fprintf(stderr, "strait: %s\n", text);
	free(text);
}

void cli_say(const char *format, ...)
{
	struct error line;
	va_list args;

	va_start(args, format);
	vsnprintf(line.text, sizeof(line.text), format, args);
	va_end(args);
	cli_error(&line);
}

int cli_failed(int err, const struct error *error)
{
	cli_error(error);
	return err == -EPERM || err == -ENOTSUP ? EXIT_HOST : EXIT_FAILED;
}

int cli_written(int err)
{
	if (!err)
		return EXIT_OK;
	if (err == -EPIPE && !pipe_was_ignored) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	cli_say("cannot write to the standard output: %s", strerror(-err));
	return EXIT_FAILED;
}

void cli_streams(void)
{
	pipe_was_ignored = signal(SIGPIPE, SIG_IGN) == SIG_IGN;
	/*
	 * A file opened later must not become the stream that the caller closed. The way that each
	 * stand-in is opened makes its use fail, as it would have.
	 */
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)!open("/dev/null", fd ? O_RDONLY : O_WRONLY);
}

void cli_streams_restore(void)
{
	if (!pipe_was_ignored)
		signal(SIGPIPE, SIG_DFL);
}

/* A number that sudo put into the environment; -1 = none. */
static long environment_id(const char *name)
{
	const char *text = getenv(name);
	char *end;
	long id;

	if (!text || *text < '0' || *text > '9')
		return -1;
	errno = 0;
	id = strtol(text, &end, 10);
	return *end || errno || id > UINT32_MAX - 1L ? -1 : id;
}

void cli_owner(uid_t *owner, gid_t *group)
{
	long uid = environment_id("SUDO_UID"), gid = environment_id("SUDO_GID");

	*owner = 0;
	*group = 0;
	if (geteuid() != 0 || uid <= 0)
		return;
	*owner = (uid_t)uid;
	if (gid > 0)
		*group = (gid_t)gid;
}
