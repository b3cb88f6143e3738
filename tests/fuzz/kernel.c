/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls of libbpf find these first: a program's own functions come before those of its libraries.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire_walk.h"

#include "kernel.h"
#include "strait.skel.h"

#define CPUS    2
#define ENTRIES 64 /* of one map */
#define SLOTS   64 /* of the context cache that are written */

enum { MAP_BLOCK, MAP_IRQ, MAP_MEMORY, MAP_NET, MAP_SYSCALLS, MAP_CPUS, MAP_SCHEDULE, MAPS };

struct bpf_map {
	size_t key_size, value_size;
	uint8_t entries[ENTRIES][256]; /* key, value; of a map by CPU the values */
	uint32_t count;
};

static struct bpf_map maps[MAPS] = {
	[MAP_BLOCK] = {sizeof(struct bucket_key), sizeof(struct bucket_value)},
	[MAP_IRQ] = {sizeof(struct irq_key), sizeof(struct irq_value)},
	[MAP_MEMORY] = {sizeof(struct memory_key), sizeof(struct memory_value)},
	[MAP_NET] = {sizeof(struct net_key), sizeof(struct net_value)},
	[MAP_SYSCALLS] = {sizeof(struct syscall_key), sizeof(struct syscall_value)},
	[MAP_CPUS] = {sizeof(uint32_t), sizeof(struct wire_cpu)},
	[MAP_SCHEDULE] = {sizeof(uint32_t), sizeof(struct wire_schedule_cpu)},
};
static uint8_t cpus[CPUS][sizeof(struct wire_cpu)];
static struct wire_schedule_cpu schedule[CPUS];
static struct bpf_map contexts_map, other_map;

#define FD_MAPS      100000 /* no descriptor that is open */
#define FD_DUMP      100100
#define FD_LISTENERS 100101

static struct {
	uint8_t bytes[65536];
	size_t length;
} threads, listeners;

static int contexts_fd = -1;
static struct wire_context *contexts;
static char programs[8]; /* what pointers to programs and links point at */

static void contexts_make(void)
{
	size_t size = WIRE_CONTEXTS * sizeof(struct wire_context);

	if (contexts)
		return;
	contexts_fd = memfd_create("contexts", MFD_CLOEXEC);
	if (contexts_fd < 0 || ftruncate(contexts_fd, (off_t)size))
		abort();
	contexts = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, contexts_fd, 0);
	if (contexts == MAP_FAILED)
		abort();
}

void kernel_begin(struct strait_bpf *skeleton)
{
	contexts_make();
	skeleton->maps.block_buckets_0 = skeleton->maps.block_buckets_1 = &maps[MAP_BLOCK];
	skeleton->maps.irq_times_0 = skeleton->maps.irq_times_1 = &maps[MAP_IRQ];
	skeleton->maps.memory_counts_0 = skeleton->maps.memory_counts_1 = &maps[MAP_MEMORY];
	skeleton->maps.net_flows_0 = skeleton->maps.net_flows_1 = &maps[MAP_NET];
	skeleton->maps.syscalls_0 = skeleton->maps.syscalls_1 = &maps[MAP_SYSCALLS];
	skeleton->maps.cpus = &maps[MAP_CPUS];
	skeleton->maps.schedule_cpus = &maps[MAP_SCHEDULE];
	skeleton->maps.contexts = &contexts_map;
	skeleton->maps.unwind_files = skeleton->maps.unwind_tables = &other_map;
	skeleton->maps.files_seen = skeleton->maps.files_mapped = &other_map;
	skeleton->progs.sched__dump = (struct bpf_program *)&programs[0];
	skeleton->progs.net__listeners = (struct bpf_program *)&programs[1];
	skeleton->progs.schedule__switch = (struct bpf_program *)&programs[2];
	skeleton->progs.schedule__waking = (struct bpf_program *)&programs[3];
	skeleton->progs.schedule__new = (struct bpf_program *)&programs[4];
	skeleton->progs.schedule__mark = (struct bpf_program *)&programs[5];
}

void kernel_end(void)
{
	for (int i = 0; i < MAPS; i++)
		maps[i].count = 0;
	memset(cpus, 0, sizeof(cpus));
	memset(schedule, 0, sizeof(schedule));
	memset(contexts, 0, SLOTS * sizeof(*contexts));
	threads.length = listeners.length = 0;
}

void kernel_tell(uint8_t where, const uint8_t *bytes, size_t length)
{
	uint8_t entry[sizeof(struct wire_thread)] = {};
	struct bpf_map *map;

	memcpy(entry, bytes, length < sizeof(entry) ? length : sizeof(entry));
	switch (where % 16) {
	case 8: /* a thread; it stays until the end, as threads do */
		if (threads.length + sizeof(struct wire_thread) <= sizeof(threads.bytes)) {
			memcpy(threads.bytes + threads.length, entry, sizeof(struct wire_thread));
			threads.length += sizeof(struct wire_thread);
		}
		break;
	case 9:
		if (listeners.length + sizeof(struct wire_listener) <= sizeof(listeners.bytes)) {
			memcpy(listeners.bytes + listeners.length, entry,
			       sizeof(struct wire_listener));
			listeners.length += sizeof(struct wire_listener);
		}
		break;
	case 10:
		memcpy(&contexts[where / 16 % SLOTS], entry, sizeof(*contexts));
		break;
	case 11:
		memcpy(cpus[where / 16 % CPUS], entry, sizeof(cpus[0]));
		memcpy(&schedule[where / 16 % CPUS], entry, sizeof(schedule[0]));
		break;
	default:
		map = &maps[where / 16 % (MAP_SYSCALLS + 1)];
		if (map->count < ENTRIES)
			memcpy(map->entries[map->count++], entry, map->key_size + map->value_size);
	}
}

/* ---- libbpf ---- */

int libbpf_num_possible_cpus(void)
{
	return CPUS;
}

int bpf_map__fd(const struct bpf_map *map)
{
	return map == &contexts_map ? contexts_fd : FD_MAPS + (int)(map - maps);
}

__u32 bpf_map__key_size(const struct bpf_map *map)
{
	return (__u32)map->key_size;
}

__u32 bpf_map__value_size(const struct bpf_map *map)
{
	return (__u32)map->value_size;
}

__u32 bpf_map__max_entries(const struct bpf_map *map)
{
	(void)map;
	return 16;
}

const char *bpf_map__name(const struct bpf_map *map)
{
	(void)map;
	return "map";
}

int bpf_map_lookup_and_delete_batch(int fd, void *in_batch, void *out_batch, void *keys,
				    void *values, __u32 *count, const struct bpf_map_batch_opts *o)
{
	struct bpf_map *map = &maps[fd - FD_MAPS];

	(void)in_batch;
	(void)out_batch;
	(void)o;
	*count = map->count;
	for (uint32_t i = 0; i < map->count; i++) {
		memcpy((char *)keys + i * map->key_size, map->entries[i], map->key_size);
		memcpy((char *)values + i * map->value_size, map->entries[i] + map->key_size,
		       map->value_size);
	}
	map->count = 0;
	return -ENOENT;
}

int bpf_map_lookup_elem(int fd, const void *key, void *value)
{
	(void)key;
	if (fd == FD_MAPS + MAP_CPUS)
		memcpy(value, cpus, sizeof(cpus));
	else if (fd == FD_MAPS + MAP_SCHEDULE)
		memcpy(value, schedule, sizeof(schedule));
	else
		return -ENOENT;
	return 0;
}

int bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	(void)fd;
	(void)key;
	(void)value;
	(void)flags;
	return 0;
}

int bpf_map_delete_elem(int fd, const void *key)
{
	(void)fd;
	(void)key;
	return 0;
}

int bpf_map_update_batch(int fd, const void *keys, const void *values, __u32 *count,
			 const struct bpf_map_batch_opts *opts)
{
	(void)fd;
	(void)keys;
	(void)values;
	(void)count;
	(void)opts;
	return 0;
}

/* A descriptor that may be closed. */
int bpf_map_create(enum bpf_map_type type, const char *name, __u32 key_size, __u32 value_size,
		   __u32 max_entries, const struct bpf_map_create_opts *opts)
{
	(void)type;
	(void)name;
	(void)key_size;
	(void)value_size;
	(void)max_entries;
	(void)opts;
	return memfd_create("map", MFD_CLOEXEC);
}

int bpf_program__fd(const struct bpf_program *program)
{
	return program ? FD_DUMP : -1;
}

const char *bpf_program__section_name(const struct bpf_program *program)
{
	(void)program;
	return "iter/task";
}

struct bpf_link *bpf_program__attach(const struct bpf_program *program)
{
	return (struct bpf_link *)program;
}

struct bpf_link *bpf_program__attach_iter(const struct bpf_program *program,
					  const struct bpf_iter_attach_opts *opts)
{
	(void)opts;
	return (struct bpf_link *)program;
}

int bpf_link__fd(const struct bpf_link *link)
{
	return (const char *)link == &programs[0] ? FD_DUMP : FD_LISTENERS;
}

int bpf_link__destroy(struct bpf_link *link)
{
	(void)link;
	return 0;
}

int bpf_iter_create(int link)
{
	const void *bytes = link == FD_DUMP ? threads.bytes : listeners.bytes;
	size_t length = link == FD_DUMP ? threads.length : listeners.length;
	int fd = memfd_create("iterator", MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET))
		abort();
	return fd;
}

int bpf_prog_test_run_opts(int fd, struct bpf_test_run_opts *opts)
{
	(void)fd;
	(void)opts;
	return 0;
}

int ring_buffer__consume(struct ring_buffer *ring)
{
	(void)ring;
	return 0;
}

/* The cache of unwind tables is not to be written to by this. */
int mkdir(const char *path, mode_t mode)
{
	(void)path;
	(void)mode;
	errno = EACCES;
	return -1;
}
