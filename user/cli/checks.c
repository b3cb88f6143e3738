/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/checks.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <linux/magic.h>
#include <unistd.h>

#include "capture/loader.h"
#include "capture/namespace.h"
#include "util/rights.h"

const char *check_status_name(enum check_status status)
{
	static const char *const names[] = {
		[CHECK_OK] = "ok", [CHECK_LIMITED] = "limited", [CHECK_MISSING] = "missing"};

	return names[status];
}

static void check_found(struct check *check, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void check_fix(struct check *check, enum check_status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void check_found(struct check *check, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(check->found, sizeof(check->found), format, args);
	va_end(args);
}

static void check_fix(struct check *check, enum check_status status, const char *format, ...)
{
	va_list args;

	check->status = status;
	va_start(args, format);
	vsnprintf(check->fix, sizeof(check->fix), format, args);
	va_end(args);
}

/* The first line of a small file; false when it cannot be read. */
static bool line_read(const char *path, char *out, size_t size)
{
	FILE *file = fopen(path, "re");
	bool good = file && fgets(out, (int)size, file);

	if (file)
		fclose(file);
	if (good)
		out[strcspn(out, "\n")] = 0;
	return good;
}

static void check_kernel(struct check *check)
{
	struct utsname name;

	if (uname(&name))
		return check_fix(check, CHECK_LIMITED, "uname: %s", strerror(errno));
	check_found(check, "Linux %.60s, %.20s", name.release, name.machine);
	if (strcmp(name.machine, "x86_64") != 0 && strcmp(name.machine, "aarch64") != 0)
		check_fix(check, CHECK_LIMITED, "only x86_64 and aarch64 are tried and tested");
}

static void check_rights(struct check *check)
{
	char missing[80], lost[RIGHTS_LOST_TEXT];

	if (rights_are_own()) {
		check_found(check, "a user namespace of its own");
		return check_fix(check, CHECK_MISSING,
				 "its capabilities do not count for the host: run strait as the "
				 "host's root, not in a rootless container");
	}
	if (rights_missing(missing, sizeof(missing))) {
		check_found(check, "uid %d, without %s", geteuid(), missing);
		return check_fix(
			check, CHECK_MISSING,
			"run strait with sudo, a container with --privileged, or give them "
			"once: setcap " RIGHTS_WANTED "=ep STRAIT; reading a recording "
			"needs none");
	}
	check_found(check, "uid %d, with what tracing needs", geteuid());
	if (rights_lost(lost, sizeof(lost)))
		check_fix(check, CHECK_LIMITED, "%s", lost);
}

static void check_namespace(struct check *check)
{
	if (!namespace_is_own()) {
		check_found(check, "the host's");
		return;
	}
	check_found(check, "one of its own, in which strait is %d", getpid());
	check_fix(check, CHECK_LIMITED, "%s", namespace_why);
}

static void check_btf(struct check *check)
{
	const char *path = check->btf ? check->btf : "/sys/kernel/btf/vmlinux";
	struct stat st;

	if (stat(path, &st) || access(path, R_OK)) {
		check_found(check, "%s: %s", path, strerror(errno));
		if (check->btf)
			check_fix(check, CHECK_MISSING, "name a file that can be read");
		else
			check_fix(check, CHECK_LIMITED,
				  "if this kernel was built without CONFIG_DEBUG_INFO_BTF, give "
				  "--btf FILE, made of the vmlinux that it was built as by pahole "
				  "--btf_encode_detached FILE vmlinux");
		return;
	}
	check_found(check, "%s, %.1f MB", path, (double)st.st_size / 1e6);
}

static void check_lockdown(struct check *check)
{
	char line[120];

	if (!line_read("/sys/kernel/security/lockdown", line, sizeof(line))) {
		check_found(check, "none");
		return;
	}
	check_found(check, "%.100s", line);
	if (strstr(line, "[confidentiality]"))
		check_fix(check, CHECK_MISSING,
			  "in this mode the kernel refuses BPF to read its memory: boot with "
			  "lockdown=integrity or without");
}

static void check_jit(struct check *check)
{
	char line[32];

	if (!line_read("/proc/sys/net/core/bpf_jit_enable", line, sizeof(line))) {
		check_found(check, "unknown");
		return;
	}
	check_found(check, "net.core.bpf_jit_enable = %s", line);
	if (!strcmp(line, "0"))
		check_fix(check, CHECK_LIMITED,
			  "programs are interpreted and cost several times as much: sysctl -w "
			  "net.core.bpf_jit_enable=1");
}

static void check_symbols(struct check *check)
{
	char restrict_line[32] = "?", symbol[200] = "";
	unsigned long long address = 0;

	line_read("/proc/sys/kernel/kptr_restrict", restrict_line, sizeof(restrict_line));
	if (!line_read("/proc/kallsyms", symbol, sizeof(symbol))) {
		check_found(check, "no /proc/kallsyms");
		check_fix(check, CHECK_LIMITED,
			  "functions of the kernel stay without names: it needs CONFIG_KALLSYMS=y");
		return;
	}
	/* Per-CPU symbols of older kernels begin at 0, so the first line alone may mislead. */
	for (FILE *file = fopen("/proc/kallsyms", "re"); file; file = NULL) {
		for (int i = 0; i < 100000 && !address && fgets(symbol, sizeof(symbol), file); i++)
			address = strtoull(symbol, NULL, 16);
		fclose(file);
	}
	check_found(check, "kernel.kptr_restrict = %s, addresses %s", restrict_line,
		    address ? "readable" : "hidden");
	if (!address)
		check_fix(check, CHECK_LIMITED,
			  "functions of the kernel stay without names: it takes CAP_SYSLOG, and "
			  "sysctl -w kernel.kptr_restrict=1 or 0");
}

/* Whether the kernel has it for this thread: 0, or an errno. */
static int event_try(uint32_t type, uint64_t config)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = type,
		.config = config,
		.disabled = 1,
	};
	long fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);

	if (fd < 0)
		return errno;
	close((int)fd);
	return 0;
}

static void check_perf(struct check *check)
{
	int err = event_try(PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES);
	int clock_err = event_try(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK);
	char line[32] = "?";

	line_read("/proc/sys/kernel/perf_event_paranoid", line, sizeof(line));
	check_found(check, "hardware counters %s, kernel.perf_event_paranoid = %s",
		    err ? "unavailable" : "available", line);
	/* The CPU profiler samples by the clock, so nothing is lost without the counters. */
	if (clock_err)
		check_fix(check, CHECK_LIMITED, "no CPU samples: perf_event_open: %s%s",
			  strerror(clock_err),
			  clock_err == EACCES || clock_err == EPERM ? ": " RIGHTS_SAMPLES : "");
	else if (err && err != ENOENT && err != EOPNOTSUPP && err != ENODEV)
		snprintf(check->fix, sizeof(check->fix), "%s; CPU samples come from the clock",
			 strerror(err));
}

static void check_cgroups(struct check *check)
{
	struct statfs root, unified;
	bool v2 = !statfs("/sys/fs/cgroup", &root) && root.f_type == CGROUP2_SUPER_MAGIC;
	bool hybrid = !v2 && !statfs("/sys/fs/cgroup/unified", &unified) &&
		      unified.f_type == CGROUP2_SUPER_MAGIC;
	bool v1 = !v2 &&
		  (!access("/sys/fs/cgroup/memory", F_OK) || !access("/sys/fs/cgroup/cpu", F_OK));

	check_found(check, "%s",
		    v2       ? "version 2"
		    : hybrid ? "hybrid: version 1, and an empty version 2"
		    : v1     ? "version 1"
			     : "not mounted");
	if (!v2 && !hybrid && !v1)
		check_fix(check, CHECK_LIMITED,
			  "-c, --container and the figures of cgroups are not available: mount -t "
			  "cgroup2 none /sys/fs/cgroup");
}

static void check_pressure(struct check *check)
{
	char line[160];

	if (line_read("/proc/pressure/cpu", line, sizeof(line))) {
		check_found(check, "/proc/pressure is there");
		return;
	}
	check_found(check, "no /proc/pressure");
	check_fix(check, CHECK_LIMITED,
		  "pressure figures are not observed: boot with psi=1 (CONFIG_PSI)");
}

const struct check_row check_rows[] = {
	{"kernel", check_kernel},
	{"rights", check_rights},
	{"pid namespace", check_namespace},
	{"BTF", check_btf},
	{"lockdown", check_lockdown},
	{"BPF JIT", check_jit},
	{"kernel symbols", check_symbols},
	{"perf events", check_perf},
	{"cgroups", check_cgroups},
	{"pressure (PSI)", check_pressure},
	{},
};
