/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "capture/family.h"
#include "capture/kernel_types.h"
#include "capture/limits.h"
#include "capture/loader.h"
#include "capture/types_proof.h"
#include "capture/untyped.h"
#include "strait.skel.h"
#include "util/rights.h"

#define KERNEL_BTF   "/sys/kernel/btf/vmlinux"
#define LOAD_TRIES   24 /* programs that the verifier may refuse, one an attempt */
#define BTF_TRACING  "tp_btf/"
#define BTF_ITERATOR "iter/"
#define RAW_TRACING  "raw_tp/"

/* libbpf reports through a callback without context; one load runs at a time. */
static char libbpf_said[300];   /* its first warning, or what failed */
static char verifier_said[200]; /* the last word of the verifier's log */
static char refused_program[48];

/* The log ends with "…\nREASON\nprocessed N insns …": the reason is what people need. */
static void verifier_listen(const char *log)
{
	const char *end = strstr(log, "\nprocessed "), *begin = end;

	if (!end)
		return;
	while (begin > log && begin[-1] != '\n')
		begin--;
	snprintf(verifier_said, sizeof(verifier_said), "%.*s", (int)(end - begin), begin);
}

static int libbpf_listen(enum libbpf_print_level level, const char *format, va_list args)
{
	char *text, *quote, *end;

	if (level != LIBBPF_WARN || vasprintf(&text, format, args) < 0)
		return 0;
	if (strstr(text, "BEGIN PROG LOAD LOG"))
		verifier_listen(text);
	/* "libbpf: prog 'NAME': BPF program load failed: WHY" names the culprit. */
	quote = strstr(text, "prog '");
	end = quote ? strchr(quote + 6, '\'') : NULL;
	if (end && strstr(end, "load failed"))
		snprintf(refused_program, sizeof(refused_program), "%.*s", (int)(end - quote - 6),
			 quote + 6);
	text[strcspn(text, "\n")] = 0;
	if (!libbpf_said[0])
		snprintf(libbpf_said, sizeof(libbpf_said), "%s", text);
	free(text);
	return 0;
}

int loader_check_host(struct error *error)
{
	char missing[80];

	if (rights_are_own())
		return error_set(
			error, -EPERM,
			"strait runs in a user namespace of its own, as in a rootless "
			"container: the kernel lets nobody trace from there; run it as the "
			"host's root (a recording can be read here: strait report FILE)");
	if (rights_missing(missing, sizeof(missing)))
		return error_set(
			error, -EPERM,
			"tracing the host needs %s: run it with sudo, or give them once "
			"with setcap " RIGHTS_WANTED "=ep STRAIT, to a container with "
			"--privileged (a recording can be read without: strait report FILE)",
			missing);
	return 0;
}

bool program_in_family(const char *program, const char *family)
{
	size_t length = strlen(family);

	return !strncmp(program, family, length) && !strncmp(program + length, "__", 2);
}

static struct program_state *program_state_find(struct loader *loader, const char *name)
{
	vec_each(&loader->programs, state)
		if (!strcmp(state->name, name))
			return state;
	return NULL;
}

const char *program_tracepoint(const char *section)
{
	const char *name = strchr(section, '/');

	/* What runs in the place of an iterator, or by hand, is at no tracepoint. */
	if (!strncmp(section, BTF_TRACING, strlen(BTF_TRACING)) ||
	    (!strncmp(section, RAW_TRACING, strlen(RAW_TRACING)) && !strchr(name + 1, '/')))
		return name + 1;
	return NULL;
}

bool program_iterates(const char *section)
{
	return !strncmp(section, BTF_ITERATOR, strlen(BTF_ITERATOR));
}

/* Whether this kernel has a hook; says what is missing if not. Hooks of other kinds always exist.
 */
static bool hook_exists(const struct btf *kernel, const char *hook, char *why, size_t size)
{
	const char *tracepoint = program_tracepoint(hook);
	char type[96];

	if (tracepoint) {
		hook = tracepoint;
		snprintf(type, sizeof(type), "btf_trace_%s", hook);
		if (btf__find_by_name_kind(kernel, type, BTF_KIND_TYPEDEF) >= 0)
			return true;
		snprintf(why, size, "this kernel has no tracepoint %s", hook);
		return false;
	}
	if (program_iterates(hook)) {
		hook += strlen(BTF_ITERATOR);
		snprintf(type, sizeof(type), "bpf_iter_%s", hook);
		if (btf__find_by_name_kind(kernel, type, BTF_KIND_FUNC) >= 0)
			return true;
		snprintf(why, size, "this kernel has no iterator %s", hook);
		return false;
	}
	return true;
}

const struct btf *loader_types(const struct loader *loader)
{
	return loader->given ? loader->given : loader->kernel;
}

/* Lists all programs and leaves out those whose tracepoint is not there. */
static void programs_probe(struct loader *loader, struct bpf_object *object)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object)
	{
		struct program_state *state = vec_extend(&loader->programs, 1);
		const char *hook = bpf_program__section_name(program);

		snprintf(state->name, sizeof(state->name), "%s", bpf_program__name(program));
		snprintf(state->hook, sizeof(state->hook), "%s", hook);
		state->loaded =
			hook_exists(loader_types(loader), hook, state->why, sizeof(state->why));
	}
}

/* Whence libbpf takes the kernel's types; NULL = from the kernel. Read when the object is loaded.
 */
static const char *types_path(const struct session *session, char *path, size_t size)
{
	const struct loader *loader = session->loader;

	if (loader->types_fd < 0)
		return loader->untyped ? session->options.btf : NULL;
	snprintf(path, size, "/proc/self/fd/%d", loader->types_fd);
	return path;
}

/* An object that does not find its types there is not loaded; the next attempt is without. */
static void types_provide(struct loader *loader, const struct bpf_object *object)
{
	struct btf *types = kernel_types_needed(loader_types(loader), bpf_object__btf(object));
	__u32 size = 0;
	const void *data = types ? btf__raw_data(types, &size) : NULL;

	if (data && write(loader->types_fd, data, size) != (ssize_t)size &&
	    ftruncate(loader->types_fd, 0)) {
		close(loader->types_fd);
		loader->types_fd = -1;
	}
	btf__free(types);
}

static void types_forget(struct loader *loader)
{
	if (loader->types_fd >= 0)
		close(loader->types_fd);
	loader->types_fd = -1;
}

static int skeleton_open(struct session *session, struct error *error)
{
	char path[32];
	LIBBPF_OPTS(bpf_object_open_opts, options,
		    .btf_custom_path = types_path(session, path, sizeof(path)));
	struct strait_bpf *skeleton =
		session->loader->untyped ? untyped_open(&options) : strait_bpf__open_opts(&options);

	if (!skeleton)
		return error_set(error, -errno, "cannot open the built-in BPF object: %s",
				 strerror(errno));
	session->skeleton = skeleton;
	return limits_apply(skeleton->obj, getenv("STRAIT_LIMITS"), &session->loader->task_storage,
			    error);
}

/* Programs and maps of families that nobody asked for. Their maps' names begin with theirs. */
static void families_omit(struct session *session)
{
	struct bpf_program *program;
	struct bpf_map *map;

	for (size_t i = 0; families[i]; i++) {
		const char *name = families[i]->name;

		if (family_wanted(families[i], &session->options))
			continue;
		bpf_object__for_each_program(
			program,
			session->skeleton->obj) if (program_in_family(bpf_program__name(program),
								      name))
			bpf_program__set_autoload(program, false);
		bpf_object__for_each_map(map,
					 session->skeleton->obj) if (!strncmp(bpf_map__name(map),
									      name, strlen(name)))
			bpf_map__set_autocreate(map, false);
	}
}

/* One attempt with the programs that are still in. */
static int loader_try(struct session *session,
		      int (*configure)(struct session *session, struct error *error),
		      struct error *error)
{
	struct loader *loader = session->loader;
	struct strait_bpf *skeleton;
	int err = session->skeleton ? 0 : skeleton_open(session, error);

	if (err)
		return err;
	skeleton = session->skeleton;
	skeleton->rodata->has_task_storage = loader->task_storage;
	bpf_map__set_autocreate(skeleton->maps.ledger_storage, loader->task_storage);
	bpf_map__set_autocreate(skeleton->maps.ledger_hash, !loader->task_storage);
	vec_each(&loader->programs, state) {
		struct bpf_program *program =
			bpf_object__find_program_by_name(skeleton->obj, state->name);

		bpf_program__set_autoload(program, state->loaded);
	}
	families_omit(session);
	err = configure(session, error);
	if (err)
		return err;
	libbpf_said[0] = verifier_said[0] = refused_program[0] = 0;
	err = strait_bpf__load(skeleton);
	if (err)
		error_set(error, err, "%s",
			  verifier_said[0] ? verifier_said
			  : libbpf_said[0] ? libbpf_said
					   : strerror(-err));
	return err;
}

/* After a failed attempt: what to leave out next. False when there is nothing left to try. */
static bool loader_adapt(struct loader *loader, int err, const struct error *error)
{
	struct program_state *state = program_state_find(loader, refused_program);

	if (loader->types_fd >= 0) {
		types_forget(loader);
		return true;
	}
	/* Task storage for tracing programs came with 5.11. */
	if (loader->task_storage &&
	    (strstr(error->text, "ledger_storage") || strstr(refused_program, "sched__"))) {
		loader->task_storage = false;
		return true;
	}
	if (!state || !state->loaded || err == -EPERM)
		return false;
	state->loaded = false;
	snprintf(state->why, sizeof(state->why), "the kernel refused it: %.150s", error->text);
	return true;
}

static int loader_attempt(struct session *session,
			  int (*configure)(struct session *session, struct error *error),
			  struct error *error)
{
	int err = 0;

	for (int i = 0; !err && i < LOAD_TRIES; i++) {
		err = loader_try(session, configure, error);
		if (!err)
			return 0;
		/* An object that was refused cannot be loaded again. */
		strait_bpf__destroy(session->skeleton);
		session->skeleton = NULL;
		if (loader_adapt(session->loader, err, error))
			err = 0;
	}
	return error_wrap(error, err ? err : -ENOTSUP, "the kernel does not take the BPF programs");
}

/*
 * Types of another kernel would be read as if they were this one's: every figure could be wrong,
 * and nobody would see it. What the programs read must be the same in both.
 */
static int given_check(const struct loader *loader, const char *file, const struct btf *object,
		       struct error *error)
{
	struct btf *kernel = kernel_types_needed(loader->kernel, object);
	struct btf *given = kernel_types_needed(loader->given, object);
	__u32 size = 0, given_size = 0;
	const void *data = kernel ? btf__raw_data(kernel, &size) : NULL;
	const void *given_data = given ? btf__raw_data(given, &given_size) : NULL;
	bool same = data && given_data && size == given_size && !memcmp(data, given_data, size);

	btf__free(kernel);
	btf__free(given);
	return same ? 0
		    : error_set(error, -EINVAL,
				"%.200s has the types of another kernel, or not all of this one's: "
				"leave --btf out, or take what the running kernel was built with",
				file);
}

/* The kernel's own, else those of a given file; where there are both, both. */
static int types_read(struct loader *loader, const char *file, struct error *error)
{
	loader->kernel = btf__parse_raw(KERNEL_BTF);
	if (!file)
		return loader->kernel
			       ? 0
			       : error_set(error, -ENOTSUP,
					   "this kernel tells no BTF (" KERNEL_BTF
					   ": %s): if it was "
					   "built without CONFIG_DEBUG_INFO_BTF, give --btf "
					   "FILE, made of the vmlinux that it was built as by "
					   "pahole --btf_encode_detached FILE vmlinux",
					   strerror(errno));
	if (access(file, R_OK))
		return error_set(error, -EINVAL, "cannot read types from %.200s: %s", file,
				 strerror(errno));
	loader->given = btf__parse(file, NULL);
	loader->untyped = !loader->kernel;
	if (loader->given)
		return 0;
	/* What the library says of it ranges from "no such file" to numbers of its own. */
	return error_set(error, -EINVAL,
			 "cannot read types from %.200s: there is no BTF in it that makes sense",
			 file);
}

static void types_free(struct loader *loader)
{
	types_forget(loader);
	btf__free(loader->kernel);
	btf__free(loader->given);
	loader->kernel = loader->given = NULL;
}

int loader_load(struct session *session,
		int (*configure)(struct session *session, struct error *error), struct error *error)
{
	struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	struct loader *loader = calloc(1, sizeof(*loader));
	bool limited;
	int err;

	session->loader = loader;
	if (!loader)
		return error_set(error, -ENOMEM, "out of memory");
	loader->task_storage = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_TASK_STORAGE, NULL) > 0;
	rights_lost(loader->lost, sizeof(loader->lost));
	/* Kernels before 5.11 charge maps to this limit. Later ones do not, so failing is fine. */
	limited = setrlimit(RLIMIT_MEMLOCK, &unlimited) && !loader->task_storage;
	libbpf_set_print(libbpf_listen);
	loader->types_fd = -1;
	err = types_read(loader, session->options.btf, error);
	/* Its helpers take typed tasks. */
	loader->task_storage &= !loader->untyped;
	if (!err) {
		loader->types_fd = memfd_create("types", MFD_CLOEXEC);
		err = skeleton_open(session, error);
	}
	if (!err && loader->untyped)
		err = types_prove_kernel(loader->given, session->options.btf, error);
	else if (!err && loader->given)
		err = given_check(loader, session->options.btf,
				  bpf_object__btf(session->skeleton->obj), error);
	if (!err) {
		programs_probe(loader, session->skeleton->obj);
		types_provide(loader, session->skeleton->obj);
		err = loader_attempt(session, configure, error);
	}
	if (!err && loader->untyped)
		err = types_prove_thread(session, session->options.btf, error);
	types_free(loader);
	if (err == -EPERM && limited)
		return error_wrap(error, err,
				  "maps count as locked memory on this kernel, whose limit takes "
				  "CAP_SYS_RESOURCE to raise (or ulimit -l unlimited)");
	return err;
}

void loader_free(struct loader *loader)
{
	if (!loader)
		return;
	vec_free(&loader->programs);
	free(loader);
}

void programs_spent(const struct session *session, const char *const names[], size_t count,
		    struct program_total totals[])
{
	struct bpf_program *program;

	memset(totals, 0, (count + 1) * sizeof(*totals));
	bpf_object__for_each_program(program, session->skeleton->obj)
	{
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);
		int fd = bpf_program__fd(program);
		size_t of = 0;

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
			continue;
		while (of < count && !program_in_family(bpf_program__name(program), names[of]))
			of++;
		totals[of].run_ns += info.run_time_ns;
		totals[of].runs += info.run_cnt;
		totals[of].missed += info.recursion_misses;
	}
}

void loader_tell(const struct session *session)
{
	const struct loader *loader = session->loader;
	struct recording *rec = session->recording;

	for (size_t i = 0; families[i]; i++) {
		uint32_t all = 0, missing = 0;
		char why[400] = "";

		if (!family_wanted(families[i], &session->options))
			continue;
		vec_each(&loader->programs, state) {
			if (!program_in_family(state->name, families[i]->name))
				continue;
			all++;
			if (state->loaded)
				continue;
			missing++;
			if (strstr(why, state->why))
				continue; /* as of another one */
			snprintf(why + strlen(why), sizeof(why) - strlen(why), "%s%s",
				 why[0] ? "; " : "", state->why);
		}
		recording_family(rec, families[i]->name,
				 !missing        ? FAMILY_OK
				 : missing < all ? FAMILY_PARTIAL
						 : FAMILY_SKIPPED,
				 why);
	}
	if (loader->lost[0])
		recording_family(rec, FAMILY_RIGHTS, FAMILY_PARTIAL, loader->lost);
}
