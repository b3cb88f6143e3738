/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer's target for files of bbolt: the input is one, but for what says that it is one, with
 * pages of 512 bytes.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "parts.h"
#include "util/bolt.h"

#define META      16 /* where that is in the first page */
#define CHECKED   56 /* bytes that its checksum is of */
#define SIZE_MOST (1 << 16)

/* The checksum would keep all changes out. */
static void meta_put(uint8_t *file)
{
	static const uint32_t begins[] = {0xED0CDAED, 2, 512};
	uint64_t hash = 0xcbf29ce484222325;

	memcpy(file + META, begins, sizeof(begins));
	for (size_t i = 0; i < CHECKED; i++)
		hash = (hash ^ file[META + i]) * 0x100000001b3;
	memcpy(file + META + CHECKED, &hash, sizeof(hash));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[][4] = {
		{"ctr", "a", "pod-id"}, {"pod", "b", "state"}, {"allPods", "b"}, {"none"}};
	static uint8_t file[SIZE_MOST];
	static int fd = -1;
	char out[256];

	if (size < META + CHECKED + 8 || size > sizeof(file))
		return 0;
	if (fd < 0)
		fd = memfd_create("strait-fuzz", MFD_CLOEXEC);
	memcpy(file, data, size);
	meta_put(file);
	require(!ftruncate(fd, 0) && pwrite(fd, file, size, 0) == (ssize_t)size, "a file");
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (bolt_get(fd, paths[i], out, sizeof(out)))
			require(memchr(out, 0, sizeof(out)), "a text");
	return 0;
}
