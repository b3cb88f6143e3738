/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/types_proof.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "capture/iterate.h"
#include "capture/namespace.h"
#include "strait.skel.h"
#include "symbols/image.h"
#include "util/vec.h"

#define TRACEPOINT_TYPE   "btf_trace_"   /* what the types have of each tracepoint */
#define TRACEPOINT_SYMBOL "__traceiter_" /* and the kernel's symbols, since 5.10 (d25e37d89dd2) */
#define KALLSYMS          "/proc/kallsyms"
/* One of so many tracepoints may be without a type: 1 of 1,602 is, in a kernel of our own. */
#define UNTYPED_RARE 50

struct note {
	Elf64_Nhdr head;
	char bytes[512];
};

static int refuse(struct error *error, const char *file, const char *why)
{
	return error_set(error, -EINVAL,
			 "%.200s has the types of another kernel: %s; make one of the vmlinux that "
			 "the running kernel was built as",
			 file, why);
}

/* ---- the build ---- */

/* The id that the linker gave the running kernel, in hex digits; false where it has none. */
static bool kernel_build_id(char id[IMAGE_ID])
{
	int fd = open("/sys/kernel/notes", O_RDONLY | O_CLOEXEC);
	struct note note = {};
	bool found = false;

	while (fd >= 0 && !found && read(fd, &note.head, sizeof(note.head)) == sizeof(note.head)) {
		/* Names and contents are padded to words. */
		size_t name = (note.head.n_namesz + 3u) & ~3u, size = note.head.n_descsz;
		size_t whole = name + ((size + 3) & ~(size_t)3);

		if (whole > sizeof(note.bytes) || read(fd, note.bytes, whole) != (ssize_t)whole)
			break;
		found = note.head.n_type == NT_GNU_BUILD_ID && !strcmp(note.bytes, "GNU") &&
			2 * size < IMAGE_ID;
		for (size_t i = 0; found && i < size; i++)
			snprintf(id + 2 * i, 3, "%02x", (unsigned char)note.bytes[name + i]);
	}
	if (fd >= 0)
		close(fd);
	return found;
}

/* An ELF file names its build; what pahole makes does not. */
static int build_prove(const char *file, struct error *error)
{
	char own[IMAGE_ID], given[IMAGE_ID], why[200];
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	bool known = fd >= 0 && !image_identity(fd, given) && kernel_build_id(own);

	if (fd >= 0)
		close(fd);
	/* One without an id has something shorter in its place. */
	if (!known || strlen(own) != strlen(given) || !strcmp(own, given))
		return 0;
	snprintf(why, sizeof(why), "its build-id is %s, the running one's %s", given, own);
	return refuse(error, file, why);
}

/* ---- tracepoints ---- */

struct names {
	VEC(const char *) at;
};

static int name_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void names_collect(struct names *names, const struct btf *types)
{
	for (uint32_t id = 1; id < btf__type_cnt(types); id++) {
		const struct btf_type *type = btf__type_by_id(types, id);
		const char *name = btf__name_by_offset(types, type->name_off);

		if (btf_is_typedef(type) && name &&
		    !strncmp(name, TRACEPOINT_TYPE, strlen(TRACEPOINT_TYPE)))
			vec_push(&names->at, name + strlen(TRACEPOINT_TYPE));
	}
	if (names->at.len)
		qsort(names->at.at, names->at.len, sizeof(*names->at.at), name_compare);
}

/* The name in a line "ADDRESS TYPE __traceiter_NAME" of the kernel itself, no module. */
static const char *tracepoint_of(char *line)
{
	char *symbol = strstr(line, " " TRACEPOINT_SYMBOL);

	if (!symbol || strchr(line, '\t'))
		return NULL;
	symbol[strcspn(symbol, "\n")] = 0;
	return symbol + 1 + strlen(TRACEPOINT_SYMBOL);
}

static int tracepoints_prove(const struct btf *types, const char *file, struct error *error)
{
	FILE *symbols = fopen(KALLSYMS, "re");
	size_t kernel = 0, both = 0, all;
	struct names names = {};
	char line[512], why[120];

	if (!symbols)
		return error_set(error, -errno, "cannot read " KALLSYMS ": %s", strerror(errno));
	names_collect(&names, types);
	all = names.at.len;
	while (fgets(line, sizeof(line), symbols)) {
		const char *name = tracepoint_of(line);

		kernel += name != NULL;
		both += name && all &&
			bsearch(&name, names.at.at, all, sizeof(*names.at.at), name_compare);
	}
	fclose(symbols);
	vec_free(&names.at);
	if (kernel && both == all && (kernel - both) * UNTYPED_RARE <= kernel)
		return 0;
	snprintf(why, sizeof(why),
		 "it has %zu tracepoints, the running one %zu, and %zu are the same", all, kernel,
		 both);
	return refuse(error, file, why);
}

int types_prove_kernel(const struct btf *types, const char *file, struct error *error)
{
	int err = build_prove(file, error);

	return err ? err : tracepoints_prove(types, file, error);
}

/* ---- a thread that is known ---- */

/* What changes while the programs look. */
struct spent {
	uint64_t ran_ns, minor_faults;
};

static struct spent spent_now(void)
{
	struct timespec ran = {};
	struct rusage usage = {};

	getrusage(RUSAGE_THREAD, &usage);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ran);
	return (struct spent){
		.ran_ns = (uint64_t)ran.tv_sec * 1000000000ULL + (uint64_t)ran.tv_nsec,
		.minor_faults = (uint64_t)usage.ru_minflt,
	};
}

static bool between(uint64_t low, uint64_t value, uint64_t high)
{
	return low <= value && value <= high;
}

/* Whether the thread may run where the system says that it may; it may be allowed what is off. */
static bool cpus_are(const __u64 *mask)
{
	cpu_set_t allowed;

	CPU_ZERO(&allowed);
	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return true;
	for (int cpu = 0; cpu < WIRE_CPUS && cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed) && !(mask[cpu / 64] >> cpu % 64 & 1))
			return false;
	return true;
}

/* What is told wrong of this thread; NULL = nothing. */
static const char *thread_differs(const struct wire_thread *told, const struct spent *before,
				  const struct spent *after)
{
	const struct wire_identity *who = &told->who;
	char comm[WIRE_COMM] = "";

	prctl(PR_GET_NAME, comm);
	if (who->tid != who->tgid || who->tgid != namespace_own_pid())
		return "id";
	if (strncmp(comm, who->comm, sizeof(comm)) != 0)
		return "name";
	if (who->uid != getuid())
		return "user";
	if (!namespace_is_own() && who->parent != (uint32_t)getppid())
		return "parent";
	if (!who->start_ns || who->start_ns != who->process_start_ns)
		return "start";
	if (told->policy != (uint32_t)(sched_getscheduler(0) & ~SCHED_RESET_ON_FORK) ||
	    told->nice != getpriority(PRIO_PROCESS, 0) || !cpus_are(told->cpu_mask))
		return "priority or CPUs";
	if (!between(before->minor_faults, who->minor_faults, after->minor_faults))
		return "number of page faults";
	if (!between(before->ran_ns, told->ledger.run_clock, after->ran_ns))
		return "time on CPUs";
	return NULL;
}

int types_prove_thread(struct session *session, const char *file, struct error *error)
{
	volatile struct wire_walk *walk = (void *)&session->skeleton->bss->walk;
	struct spent before = spent_now(), after;
	uint32_t own = namespace_own_pid();
	const char *differs = NULL;
	struct wire_thread told;
	char why[120];
	int err;

	/* From the first cut on threads are told of. */
	session->skeleton->bss->cut_ns = 1;
	walk->tid = own;
	walk->place = 0;
	err = iterate_step(session, session->skeleton->progs.sched__dump);
	session->skeleton->bss->cut_ns = 0;
	bpf_map_delete_elem(bpf_map__fd(session->skeleton->maps.ledger_hash), &own);
	after = spent_now();
	if (err < 0)
		return error_set(error, err, "cannot run a program: %s", strerror(-err));
	if (!err || walk->bytes != sizeof(told))
		return refuse(error, file, "strait does not find itself through them");
	memcpy(&told, (const void *)walk->record, sizeof(told));
	differs = thread_differs(&told, &before, &after);
	if (!differs)
		return 0;
	snprintf(why, sizeof(why), "strait's own %s is told wrong through them", differs);
	return refuse(error, file, why);
}
