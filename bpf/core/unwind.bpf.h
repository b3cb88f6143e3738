/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * User stacks without frame pointers. For every frame: the mapping that holds the address, the
 * table of its file (unwind_table.h, loaded by user space), the row, the rule: the caller's stack
 * pointer, frame pointer and address. Nothing of the stack is copied.
 */
#ifndef STRAIT_UNWIND_BPF_H
#define STRAIT_UNWIND_BPF_H

#include "core/arch.bpf.h"
#include "core/stacks.bpf.h"
#include "unwind_table.h"

#define UNWIND_FILES    8192 /* files with a table, or known to have none */
#define UNWIND_TABLES   4096
#define UNWIND_RETURNS  8     /* a power of two */
#define UNWIND_RULES    16384 /* that were found lately; a power of two */
#define UNWIND_MAPPINGS 8     /* of the process walked last; a power of two */
#define UNWIND_WINDOW   32    /* words of the stack that are read at once; a power of two */
#define UNWIND_SAVED    64    /* bytes below a CFA where registers are saved, mostly */
#define UNWIND_NOWHERE  (-4096ULL)

struct unwind_files_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, UNWIND_FILES);
	__type(key, __u64);
	__type(value, struct unwind_file);
};

struct unwind_chunk {
	__u32 word[UNWIND_CHUNK];
};

struct unwind_table_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_INNER_MAP);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct unwind_chunk));
};

struct unwind_tables_map {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, UNWIND_TABLES);
	__uint(key_size, sizeof(__u32));
	__array(values, struct unwind_table_map);
};

struct files_seen_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, UNWIND_FILES_SEEN);
	__type(key, __u32);
	__type(value, __u64);
};

/*
 * Rules that were found, direct-mapped by file and offset: a search costs ten times as much. Walks
 * on other CPUs, and those that interrupt one, write here too: `check` is the key ^ the rule, so
 * that two halves of different writers fit no key.
 */
struct unwind_found {
	__u64 check, rule;
};

struct unwind_rules_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, UNWIND_RULES);
	__type(key, __u32);
	__type(value, struct unwind_found);
};

/* A mapping that may run. */
struct unwind_mapping {
	__u64 start, end; /* addresses; 0, 0 = nothing known */
	__u64 base;       /* address - base = offset in the file */
	__u64 file;       /* WIRE_FILE_* */
	__u32 has_table;
	__u32 pending; /* user space has not said yet whether there is one */
};

/*
 * Mappings that the slot's last walks met. They hold as long as the process is the same, it changed
 * none of its mappings (vma_stamp()), and user space is in the same generation: tables that are
 * used must be marked in each.
 */
struct unwind_space {
	__u64 mm, owner, stamp; /* owner: tgid and number of the exec */
	__u32 generation;
	__u32 count; /* noted in all; the last UNWIND_MAPPINGS are there */
	struct unwind_mapping mapping[UNWIND_MAPPINGS];
};

/* A walk under way. */
struct unwind {
	__u64 pc, sp, fp;
	__u64 mm;
	__u64 hash;            /* of the frames so far */
	__u32 is_return;       /* pc is a return address */
	__u32 registers_known; /* all of them: the innermost frame, or that below a signal */
	__u32 no_table;        /* a table was missing on the way */
	__u32 pending;         /* and may come */
	/* Where the first return addresses lie, in words from the user stack pointer. */
	__u16 returns[UNWIND_RETURNS];
	struct unwind_mapping mapping; /* that the last frame was in */
	struct unwind_space space;
	__u64 window_at; /* where window[] is from; UNWIND_NOWHERE = nowhere */
	__u64 window[UNWIND_WINDOW];
	__u64 registers[ARCH_REGISTERS]; /* by DWARF's number */
	struct arch_user user;
#if defined(__TARGET_ARCH_arm64)
	__u64 return_at;  /* where the return address lies by which the walk came here */
	__u32 sp_unknown; /* sp is only a lower bound */
#endif
	struct wire_user_stack stack;
};

struct unwinds_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, STACK_SLOTS);
	__type(key, __u32);
	__type(value, struct unwind);
};

extern struct unwinds_map unwinds SEC(".maps");
extern struct unwind_files_map unwind_files SEC(".maps");
extern struct unwind_tables_map unwind_tables SEC(".maps");
extern struct unwind_rules_map unwind_rules SEC(".maps");

#define UNWIND_SEED 0x9e3779b97f4a7c15ULL

static __always_inline struct unwind *unwind_of(__u64 slot)
{
	__u32 key = slot;

	return bpf_map_lookup_elem(&unwinds, &key);
}

static __always_inline __u64 rule_key(__u64 file, __u64 offset)
{
	return stack_hash_step(file, offset * UNWIND_SEED) | 1;
}

static __always_inline struct unwind_found *rule_slot(__u64 key)
{
	__u32 slot = key >> 32 & (UNWIND_RULES - 1);

	return bpf_map_lookup_elem(&unwind_rules, &slot);
}

/*
 * Searches the table of the slot's mapping for the rule of an offset in its file: struct
 * unwind_rule as a number, 0 = none. Notes it in unwind_rules.
 */
__u64 unwind_rule_search(__u64 slot, __u64 offset);

/* Whether the slot's last walk met a file whose table may still come. */
static __always_inline bool unwind_was_early(enum stack_slot slot)
{
	__u32 key = slot;
	struct unwind *unwind = bpf_map_lookup_elem(&unwinds, &key);

	return unwind && unwind->pending;
}

#define MAPPING_EXEC 4 /* VM_EXEC and PROT_EXEC */

extern const volatile __s32 unwind_mmap; /* the number of mmap(), -1 = unwind is off */
/* The current process is about to map the file of this descriptor to run it. */
__u64 unwind_mmap_begins(__u64 fd);

#endif
