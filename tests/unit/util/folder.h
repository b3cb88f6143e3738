/* SPDX-License-Identifier: BSD-2-Clause */
/* A folder for the tests of a file, and files in it. Include it after cmocka.h. */
#ifndef STRAIT_TESTS_FOLDER_H
#define STRAIT_TESTS_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[48];

/* In memory, where there is such a place: databases are flushed again and again. */
static inline int folder_make(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "%s/strait-test-XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	return mkdtemp(folder) ? 0 : -1;
}

static inline int folder_entry_remove(const char *path, const struct stat *st, int kind,
				      struct FTW *place)
{
	(void)st;
	(void)kind;
	(void)place;
	return remove(path);
}

/* With all that is in it. */
static inline int folder_remove(void **state)
{
	(void)state;
	return nftw(folder, folder_entry_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* Writes a file in the folder, and makes the folders between. */
static inline void folder_write(const char *path, const char *text)
{
	char whole[512];
	FILE *file;

	snprintf(whole, sizeof(whole), "%s/%s", folder, path);
	for (char *slash = whole + strlen(folder) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		mkdir(whole, 0700);
		*slash = '/';
	}
	file = fopen(whole, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

#endif
