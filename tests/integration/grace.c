/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Preloaded by grace.sh: as if the RCU grace period for which the kernel waits after a change of a
 * map of maps did not end until there is a file $GRACE/over. Makes $GRACE/held when that begins.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef long call(long number, ...);

static int is_map_of_maps(call *kernel, unsigned int fd)
{
	struct bpf_map_info map = {};
	union bpf_attr ask = {};

	ask.info.bpf_fd = fd;
	ask.info.info_len = sizeof(map);
	ask.info.info = (unsigned long)&map;
	return !kernel(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &ask, sizeof(ask)) &&
	       map.type == BPF_MAP_TYPE_ARRAY_OF_MAPS;
}

static void hold(const char *directory)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/held", directory);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	snprintf(path, sizeof(path), "%s/over", directory);
	while (access(path, F_OK))
		usleep(10000);
}

/* libbpf's way to bpf(2). */
long syscall(long number, ...)
{
	static call *kernel;
	long argument[6], result;
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		argument[i] = va_arg(list, long);
	va_end(list);
	if (!kernel)
		kernel = (call *)dlsym(RTLD_NEXT, "syscall");
	result = kernel(number, argument[0], argument[1], argument[2], argument[3], argument[4],
			argument[5]);
	if (number == SYS_bpf &&
	    (argument[0] == BPF_MAP_UPDATE_ELEM || argument[0] == BPF_MAP_UPDATE_BATCH)) {
		const union bpf_attr *change = (const void *)argument[1];

		if (is_map_of_maps(kernel, argument[0] == BPF_MAP_UPDATE_ELEM
						   ? change->map_fd
						   : change->batch.map_fd))
			hold(getenv("GRACE"));
	}
	return result;
}
