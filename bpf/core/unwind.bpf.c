/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* User stacks, frame by frame. May run in NMI: look-ups and the ring buffer only. */
#include "core/frame.bpf.h"
#include "core/vma.bpf.h"

struct files_seen_map files_seen SEC(".maps");

#define VM_EXEC 4

/* ---- files ---- */

/*
 * Inode numbers are used again: the generation and the size tell the file from a later one. The
 * highest bit is set, so that no id is one of the other kinds.
 */
static __always_inline __u64 file_id(struct inode *inode)
{
	__u64 hash = UNWIND_SEED;

	hash = stack_hash_step(hash, BPF_CORE_READ(inode, i_ino));
	hash = stack_hash_step(hash, BPF_CORE_READ(inode, i_sb, s_dev));
	hash = stack_hash_step(hash, BPF_CORE_READ(inode, i_generation));
	hash = stack_hash_step(hash, BPF_CORE_READ(inode, i_size));
	hash = (hash ^ hash >> 32) * UNWIND_SEED;
	return (hash ^ hash >> 29) | WIRE_FILE_INODE;
}

#define NAME_BYTES 256 /* NAME_MAX and the NUL */

/* The names of a file from its own up to the root of its file system. */
static __always_inline void names_fill(struct wire_file *record, struct dentry *dentry)
{
	__u32 at = 0;

	record->names = 0;
	for (int i = 0; i < WIRE_NAMES; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		long length;

		if (!parent || parent == dentry || at > WIRE_PATH_BYTES - NAME_BYTES)
			break;
		length = bpf_probe_read_kernel_str(record->path + at, NAME_BYTES,
						   BPF_CORE_READ(dentry, d_name.name));
		if (length <= 0 || length > NAME_BYTES)
			break;
		at += length;
		record->names++;
		dentry = parent;
	}
}

__attribute__((noinline)) __u64 file_tell(__u64 pointer, __u64 start, __u64 end, __u64 offset,
					  __u64 tgid)
{
	struct file *file = (struct file *)pointer;
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	__u64 id = file_id(inode), *seen;
	__u32 slot = unwind_seen_slot(id);
	struct wire_file *record;

	seen = bpf_map_lookup_elem(&files_seen, &slot);
	if (!seen || *seen == id)
		return id;
	record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	if (!record) {
		drop_count(DROP_RING_FILE);
		return id;
	}
	header_fill(&record->header, WIRE_FILE);
	if (tgid)
		record->header.tid = record->header.tgid = (__u32)tgid;
	record->file = id;
	record->start = start;
	record->end = end;
	record->offset = offset;
	record->inode = BPF_CORE_READ(inode, i_ino);
	record->size = BPF_CORE_READ(inode, i_size);
	record->device = BPF_CORE_READ(inode, i_sb, s_dev);
	record->generation = BPF_CORE_READ(inode, i_generation);
	record->pad = 0;
	names_fill(record, BPF_CORE_READ(file, f_path.dentry));
	/* Its table is wanted now: the next samples are in it. */
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
	*seen = id;
	return id;
}

/* Whether the mapping's file has a table, which is in use then. */
static __always_inline void mapping_find_table(struct unwind_mapping *mapping)
{
	struct unwind_file *file = bpf_map_lookup_elem(&unwind_files, &mapping->file);
	__u32 table;

	mapping->has_table = 0;
	mapping->pending = !file;
	if (!file)
		return;
	table = file->table;
	if (!bpf_map_lookup_elem(&unwind_tables, &table))
		return;
	if (file->used != generation)
		file->used = generation;
	mapping->has_table = 1;
}

/* The rule for an offset in the mapping's file, as unwind_rule_search() gives it. */
static __always_inline __u64 unwind_rule_find(struct unwind *u, __u64 slot, __u64 offset)
{
	__u64 key = rule_key(u->mapping.file, offset), rule;
	struct unwind_found *found = rule_slot(key);

	if (found) {
		rule = found->rule;
		if ((found->check ^ rule) == key)
			return rule;
	}
	return unwind_rule_search(slot, offset);
}

/* ---- mappings ---- */

/* Files that may have a table. */
static __always_inline bool file_is_elf(__u64 file)
{
	return file & WIRE_FILE_INODE || file == WIRE_FILE_VDSO;
}

/* Notes it for the next walks, unless its table may come meanwhile. */
static __always_inline void mapping_keep(struct unwind_space *space, const struct unwind_mapping *m)
{
	if (m->has_table || !file_is_elf(m->file))
		space->mapping[space->count++ & (UNWIND_MAPPINGS - 1)] = *m;
}

/* Finds the mapping of u->pc; 0 = there is none that may run. */
__attribute__((noinline)) __u64 unwind_map(__u64 slot)
{
	struct unwind *u = unwind_of(slot);
	__u64 start, end, address, offset;
	struct vm_area_struct *vma;
	struct unwind_mapping *m;
	struct mm_struct *mm;
	struct file *file;

	if (!u)
		return 0;
	m = &u->mapping;
	mm = (struct mm_struct *)u->mm;
	address = u->pc - u->is_return;
	for (__u32 i = 0; i < UNWIND_MAPPINGS && i < u->space.count; i++)
		if (address >= u->space.mapping[i].start && address < u->space.mapping[i].end) {
			*m = u->space.mapping[i];
			return 1;
		}
	vma = vma_find(mm, address);
	m->start = m->end = 0;
	if (!vma)
		return 0;
	start = BPF_CORE_READ(vma, vm_start);
	end = BPF_CORE_READ(vma, vm_end);
	if (address < start || address >= end || !(BPF_CORE_READ(vma, vm_flags) & VM_EXEC))
		return 0;
	file = BPF_CORE_READ(vma, vm_file);
	if (file) {
		offset = BPF_CORE_READ(vma, vm_pgoff) << arch_page_shift();
		m->base = start - offset;
		m->file = file_tell((__u64)file, start, end, offset, 0);
	} else if (start == compat_vdso_start(mm)) {
		m->base = start;
		m->file = WIRE_FILE_VDSO;
	} else {
		m->base = 0;
		m->file = WIRE_FILE_ANONYMOUS | bpf_get_current_pid_tgid() >> 32;
	}
	m->has_table = 0;
	if (file_is_elf(m->file))
		mapping_find_table(m);
	m->start = start;
	m->end = end;
	mapping_keep(&u->space, m);
	return 1;
}

/* One frame: notes it and goes to its caller. Returns enum step. */
__attribute__((noinline)) __u64 unwind_step(__u64 slot)
{
	struct unwind *u = unwind_of(slot);
	__u64 address, offset, rule = 0;
	struct wire_frame *frame;
	__u32 at;

	if (!u)
		return STEP_END;
	at = u->stack.frames;
	address = u->pc - u->is_return;
	if (address < u->mapping.start || address >= u->mapping.end) {
		if (!unwind_map(slot)) {
			/* A wrong guess, or code that was called where there is none. */
			if (at)
				return unwind_stop(u, WIRE_END_NO_RULE);
			u->mapping.file = WIRE_FILE_NONE;
			u->mapping.base = 0;
			u->mapping.has_table = 0;
		}
	}
	if (at >= WIRE_USER_FRAMES)
		return unwind_stop(u, WIRE_END_TRUNCATED);
	offset = address - u->mapping.base;
	frame = &u->stack.frame[at & (WIRE_USER_FRAMES - 1)];
	frame->file = u->mapping.file;
	frame->offset = offset;
	u->stack.frames = at + 1;
	u->hash = stack_hash_step(stack_hash_step(u->hash, frame->file), offset);
	if (u->is_return && at <= UNWIND_RETURNS)
		u->returns[(at - 1) & (UNWIND_RETURNS - 1)] =
			(frame_return_at(u) - arch_user_sp(&u->user)) >> 3;
	if (u->mapping.has_table) {
		rule = unwind_rule_find(u, slot, offset);
	} else if (u->mapping.file & WIRE_FILE_INODE) {
		u->no_table = 1;
		u->pending |= u->mapping.pending;
	}
	return unwind_by_rule(u, rule);
}

/* ---- whole stacks ---- */

/* Forgets the mappings of the slot's last walk where they may be others by now. */
static __always_inline void space_begin(struct unwind *u, struct task_struct *task)
{
	__u64 owner =
		bpf_get_current_pid_tgid() >> 32 << 32 | (__u32)BPF_CORE_READ(task, self_exec_id);
	__u64 stamp = vma_stamp((struct mm_struct *)u->mm);
	struct unwind_space *space = &u->space;

	if (stamp && space->mm == u->mm && space->owner == owner && space->stamp == stamp &&
	    space->generation == generation)
		return;
	space->mm = u->mm;
	space->owner = owner;
	space->stamp = stamp;
	space->generation = generation;
	space->count = 0;
}

/* The user registers of the current thread; false where it has none. */
static __always_inline bool unwind_begin(struct unwind *u)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct pt_regs *regs = compat_user_registers();

	u->mm = (__u64)BPF_CORE_READ(task, mm);
	if (!u->mm || !regs || BPF_CORE_READ(task, flags) & COMPAT_PF_KTHREAD)
		return false;
	/* Its registers are the old program's, its memory is the new one's. */
	if (BPF_CORE_READ_BITFIELD_PROBED(task, in_execve))
		return false;
	if (bpf_probe_read_kernel(&u->user, sizeof(u->user), regs))
		return false;
	arch_registers_copy(u->registers, &u->user);
	u->pc = arch_user_ip(&u->user);
	u->sp = arch_user_sp(&u->user);
	u->fp = arch_user_fp(&u->user);
	u->is_return = 0;
	u->registers_known = 1;
	u->no_table = u->pending = 0;
	__builtin_memset(u->returns, 0, sizeof(u->returns));
	u->mapping.start = u->mapping.end = 0;
	u->window_at = UNWIND_NOWHERE;
	frame_begin(u);
	space_begin(u, task);
	u->hash = STACK_HASH_BEGIN;
	u->stack.frames = 0;
	u->stack.end = WIRE_END_LOOP;
	return true;
}

/* Sends the walked stack unless it is known; returns its id. */
static __always_inline __u64 user_stack_send(struct unwind *u)
{
	struct wire_user_stack *stack = &u->stack;
	__u64 hash = stack_hash_step(u->hash, stack->end), *seen;
	__u32 frames = stack->frames;

	if (!frames)
		return 0;
	hash = hash ? hash : 1;
	seen = stack_seen(hash);
	if (!seen || *seen == hash)
		return hash;
	if (frames > WIRE_USER_FRAMES)
		frames = WIRE_USER_FRAMES;
	header_fill(&stack->header, WIRE_USER_STACK);
	stack->id = hash;
	if (bpf_ringbuf_output(&events, stack,
			       __builtin_offsetof(struct wire_user_stack, frame) +
				       frames * sizeof(struct wire_frame),
			       BPF_RB_NO_WAKEUP))
		drop_count(DROP_RING_STACK);
	else
		*seen = hash;
	return hash;
}

__attribute__((noinline)) __u64 stack_user(__u64 slot)
{
	struct unwind *u = unwind_of(slot);

	if (!u || !unwind_begin(u))
		return 0;
	/* Four at a time: the verifier goes through each turn of the loop. */
	for (int i = 0; i < WIRE_USER_FRAMES / 4 + 1; i++)
		if (unwind_step(slot) != STEP_ON || unwind_step(slot) != STEP_ON ||
		    unwind_step(slot) != STEP_ON || unwind_step(slot) != STEP_ON)
			break;
	return user_stack_send(u);
}
