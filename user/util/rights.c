/* SPDX-License-Identifier: BSD-2-Clause */
#include "util/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cap-ng.h>

/* PROC_USER_INIT_INO of the kernel's include/linux/proc_ns.h: the same on every host since 3.8. */
#define USER_NAMESPACE_INITIAL 0xEFFFFFFDU
/* Of /proc/kallsyms: on kernels before 6.15 per-CPU symbols come first, some of them at 0. */
#define SYMBOLS_LOOKED_AT 1000

static bool kernel_addresses_hidden(void);

static const struct right {
	unsigned int capability;
	unsigned int instead; /* another one that does as well; 0 (CAP_CHOWN) = none */
	const char *name;
	const char *loss;    /* what is missing without it; NULL = everything */
	bool (*costs)(void); /* NULL = always */
} rights[] = {
	/* What Linux 5.8 split off CAP_SYS_ADMIN, which still has both. */
	{CAP_BPF, CAP_SYS_ADMIN, "CAP_BPF", NULL, NULL},
	{CAP_PERFMON, CAP_SYS_ADMIN, "CAP_PERFMON", NULL, NULL},
	{CAP_SYS_PTRACE, 0, "CAP_SYS_PTRACE",
	 "programs in containers and deleted ones of other users stay without names and whole "
	 "stacks",
	 NULL},
	{CAP_DAC_READ_SEARCH, 0, "CAP_DAC_READ_SEARCH",
	 "programs that strait's user may not read stay without names and whole stacks", NULL},
	/* kallsyms_show_value(): also where kernel.kptr_restrict is 0. */
	{CAP_SYSLOG, 0, "CAP_SYSLOG", "functions of the kernel have no names",
	 kernel_addresses_hidden},
	/* The links in /proc/PID/map_files are for these two. */
	{CAP_CHECKPOINT_RESTORE, CAP_SYS_ADMIN, "CAP_CHECKPOINT_RESTORE",
	 "libraries that were deleted or replaced while they ran have no names and whole stacks",
	 NULL},
	{CAP_SYS_NICE, 0, "CAP_SYS_NICE",
	 "strait waits for a CPU like all others: where they are busy, more is lost", NULL},
	/* BPF_ENABLE_STATS. */
	{CAP_SYS_ADMIN, 0, "CAP_SYS_ADMIN", "what the BPF programs cost is estimated, not measured",
	 NULL},
};

#define RIGHTS (sizeof(rights) / sizeof(rights[0]))

static bool kernel_addresses_hidden(void)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	unsigned long long address = 0;
	char line[256];

	if (!file)
		return false; /* there is none, whatever the rights */
	for (int i = 0; i < SYMBOLS_LOOKED_AT && !address && fgets(line, sizeof(line), file); i++)
		address = strtoull(line, NULL, 16);
	fclose(file);
	return !address;
}

/* The library has a copy of the sets for each thread, which this renews. */
bool rights_have(unsigned int capability)
{
	return !capng_get_caps_process() && capng_have_capability(CAPNG_EFFECTIVE, capability);
}

static bool right_held(const struct right *right)
{
	return capng_have_capability(CAPNG_EFFECTIVE, right->capability) ||
	       (right->instead && capng_have_capability(CAPNG_EFFECTIVE, right->instead));
}

bool rights_are_own(void)
{
	struct stat st;

	return !stat("/proc/self/ns/user", &st) && st.st_ino != USER_NAMESPACE_INITIAL;
}

static void text_add(char *out, size_t size, const char *between, const char *text)
{
	size_t length = strlen(out);

	snprintf(out + length, size - length, "%s%s", length ? between : "", text);
}

bool rights_missing(char *out, size_t size)
{
	*out = 0;
	capng_get_caps_process();
	for (size_t i = 0; i < RIGHTS; i++)
		if (!rights[i].loss && !right_held(&rights[i]))
			text_add(out, size, ", ", rights[i].name);
	return *out;
}

bool rights_lost(char *out, size_t size)
{
	char one[200];

	*out = 0;
	capng_get_caps_process();
	for (size_t i = 0; i < RIGHTS; i++) {
		if (!rights[i].loss || right_held(&rights[i]) ||
		    (rights[i].costs && !rights[i].costs()))
			continue;
		snprintf(one, sizeof(one), "without %s %s", rights[i].name, rights[i].loss);
		text_add(out, size, "; ", one);
	}
	return *out;
}

/* ---- giving up ---- */

#define BIT(capability) (1ULL << (capability))

/* What a phase uses at any time. */
static uint64_t phase_uses(enum rights_phase phase, unsigned int also)
{
	const uint64_t files = BIT(CAP_DAC_OVERRIDE) | BIT(CAP_CHOWN) | BIT(CAP_FOWNER);
	uint64_t set = 0;

	if (phase == RIGHTS_OPEN)
		return UINT64_MAX;
	if (phase == RIGHTS_TABLES)
		set = BIT(CAP_BPF);
	if (phase == RIGHTS_WATCH)
		set = BIT(CAP_BPF) | BIT(CAP_PERFMON) | BIT(CAP_SYS_PTRACE) |
		      BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_SYSLOG) | BIT(CAP_CHECKPOINT_RESTORE) |
		      BIT(CAP_SYS_NICE);
	if (also & RIGHTS_FILES)
		set |= files;
	if (also & RIGHTS_CHILD)
		set |= BIT(CAP_KILL);
	return set;
}

/* What it must be able to take up again: the kernel's clock of programs is for this one alone. */
static uint64_t phase_keeps(enum rights_phase phase)
{
	return phase == RIGHTS_WATCH ? BIT(CAP_SYS_ADMIN) : 0;
}

/* Where CAP_SYS_ADMIN stands for the two that were split off it, it is used in their place. */
static uint64_t sets_meet(uint64_t uses, uint64_t held)
{
	if (uses != UINT64_MAX && uses & BIT(CAP_BPF) && !(held & BIT(CAP_BPF)))
		uses |= BIT(CAP_SYS_ADMIN);
	return uses & held;
}

static uint64_t set_read(capng_type_t type)
{
	uint64_t held = 0;

	for (unsigned int i = 0; i <= CAP_LAST_CAP; i++)
		if (capng_have_capability(type, i))
			held |= BIT(i);
	return held;
}

static int sets_apply(uint64_t effective, uint64_t permitted)
{
	capng_clear(CAPNG_SELECT_CAPS);
	for (unsigned int i = 0; i <= CAP_LAST_CAP; i++) {
		if (permitted & BIT(i))
			capng_update(CAPNG_ADD, CAPNG_PERMITTED, i);
		if (effective & BIT(i))
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, i);
	}
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

/* No program that is run from here on gets any, whatever its file says. */
static int programs_restrict(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		return 0;
	capng_clear(CAPNG_SELECT_BOUNDS);
	return capng_apply(CAPNG_SELECT_BOUNDS) ? -EPERM : 0;
}

int rights_enter(enum rights_phase phase, unsigned int also)
{
	uint64_t held, uses;
	int err = 0;

	if (capng_get_caps_process())
		return -EPERM;
	held = set_read(CAPNG_PERMITTED);
	uses = sets_meet(phase_uses(phase, also), held);
	if (phase != RIGHTS_OPEN)
		err = programs_restrict();
	return err ? err : sets_apply(uses, uses | (phase_keeps(phase) & held));
}

bool rights_spared(const char *folder)
{
	uint64_t effective, permitted;
	bool spared;

	if (capng_get_caps_process())
		return false;
	effective = set_read(CAPNG_EFFECTIVE);
	permitted = set_read(CAPNG_PERMITTED);
	if (sets_apply(0, permitted))
		return false;
	/* Not by the C library: older ones say of root that it may, without asking the kernel. */
	spared = !syscall(SYS_faccessat2, AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS);
	sets_apply(effective, permitted);
	return spared;
}

bool rights_raise(unsigned int capability)
{
	if (capng_get_caps_process() || capng_have_capability(CAPNG_EFFECTIVE, capability) ||
	    !capng_have_capability(CAPNG_PERMITTED, capability))
		return false;
	capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, capability);
	return !capng_apply(CAPNG_SELECT_CAPS);
}

void rights_lower(unsigned int capability)
{
	if (capng_get_caps_process())
		return;
	capng_update(CAPNG_DROP, CAPNG_EFFECTIVE, capability);
	capng_apply(CAPNG_SELECT_CAPS);
}
