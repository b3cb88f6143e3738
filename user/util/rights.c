/* SPDX-License-Identifier: BSD-2-Clause */
#include "util/rights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

/* The library keeps a copy of the sets for each thread; what changed it was not always us. */
bool rights_have(unsigned int capability)
{
	return !capng_get_caps_process() && capng_have_capability(CAPNG_EFFECTIVE, capability);
}

static bool right_held(const struct right *right)
{
	return rights_have(right->capability) || (right->instead && rights_have(right->instead));
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
	for (size_t i = 0; i < RIGHTS; i++)
		if (!rights[i].loss && !right_held(&rights[i]))
			text_add(out, size, ", ", rights[i].name);
	return *out;
}

bool rights_lost(char *out, size_t size)
{
	char one[200];

	*out = 0;
	for (size_t i = 0; i < RIGHTS; i++) {
		if (!rights[i].loss || right_held(&rights[i]) ||
		    (rights[i].costs && !rights[i].costs()))
			continue;
		snprintf(one, sizeof(one), "without %s %s", rights[i].name, rights[i].loss);
		text_add(out, size, "; ", one);
	}
	return *out;
}
