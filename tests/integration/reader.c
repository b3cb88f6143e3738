/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Preloaded by reader.sh: whoever reads a name of a file that says so dies of it, or never gets on,
 * as if the file had found a fault in what reads it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int has(const void *bytes, size_t length, const char *name)
{
	return memmem(bytes, length, name, strlen(name)) != NULL;
}

ssize_t pread(int fd, void *to, size_t length, off_t offset)
{
	ssize_t got = syscall(SYS_pread64, fd, to, length, offset);

	if (got > 0 && has(to, (size_t)got, "breaks_its_reader"))
		abort();
	if (got > 0 && has(to, (size_t)got, "holds_its_reader_up"))
		for (;;)
			__asm__ volatile("");
	return got;
}

ssize_t __pread_chk(int fd, void *to, size_t length, off_t offset, size_t room);

ssize_t __pread_chk(int fd, void *to, size_t length, off_t offset, size_t room)
{
	return length <= room ? pread(fd, to, length, offset) : -1;
}
