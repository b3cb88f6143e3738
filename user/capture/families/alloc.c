/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * alloc: calls of user-space allocators, counted by process and sampled by bytes. Only where it is
 * asked for: a probe makes a call of malloc() many times dearer.
 *
 * Probed are the allocators in files that the targets map; they are read when their unwind tables
 * are made. While probes cost more than they may, they come and go in rounds: alloc_rounds.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/alloc_rounds.h"
#include "capture/allocators.h"
#include "capture/families.h"
#include "capture/parser.h"
#include "capture/probes.h"
#include "strait.skel.h"

/* How long the begin waits for what is there already: 10 ms a C library here. */
#define SETTLE_NS 2000000000ULL
/* Bytes that a sample stands for: at first, and at least and at most. */
#define MEAN_FIRST (32u << 10)
#define MEAN_LEAST (4u << 10)
#define MEAN_MOST  (1u << 30)
/* Samples in a second, above and below which the mean is doubled and halved: how soon. */
#define SAMPLES_MOST  2000
#define SAMPLES_LEAST 400
#define RAISE_NS      50000000ULL
#define LOWER_NS      1000000000ULL

struct alloc_data {
	struct probes *probes;
	VEC(uint64_t) probed; /* files with allocators; of the thread that has them read */
	struct alloc_rounds rounds;
	uint64_t slice_begin_ns;
	uint64_t adapt_ns;
	uint32_t samples; /* since then */
	size_t told;      /* files left out, and places that could not be probed */
};

static struct alloc_data *alloc_data(struct session *session)
{
	return session->family_data[family_index(&family_alloc)];
}

static bool alloc_wanted(const struct session_options *options)
{
	return options->alloc;
}

const char *probes_family(void)
{
	return family_alloc.name;
}

/* ---- files ---- */

static const struct bpf_program *alloc_program(const struct session *session, enum alloc_call call)
{
	const struct bpf_program *const programs[ALLOC_CALLS] = {
		[ALLOC_MALLOC] = session->skeleton->progs.alloc__malloc,
		[ALLOC_CALLOC] = session->skeleton->progs.alloc__calloc,
		[ALLOC_REALLOC] = session->skeleton->progs.alloc__realloc,
		[ALLOC_ALIGNED] = session->skeleton->progs.alloc__aligned,
		[ALLOC_POSIX] = session->skeleton->progs.alloc__posix,
	};

	return programs[call];
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* Tells the programs of a place. */
static void point_tell(struct session *session, const struct allocator_probe *probe)
{
	uint32_t at = probe->call * ALLOC_PAGE + (uint32_t)(probe->offset & (ALLOC_PAGE - 1));
	int fd = bpf_map__fd(session->skeleton->maps.alloc_points);
	struct alloc_point point;

	if (bpf_map_lookup_elem(fd, &at, &point))
		return;
	point.ahead = larger(point.ahead, probe->point.ahead);
	point.length = larger(point.length, probe->point.length);
	point.depth = larger(point.depth, probe->point.depth);
	point.trap_ns = larger(point.trap_ns, probe->point.trap_ns);
	bpf_map_update_elem(fd, &at, &point, BPF_ANY);
}

/* Files are told of again at times: a second probe at a place would count all twice. */
static bool file_is_probed(const struct alloc_data *data, uint64_t file)
{
	vec_each(&data->probed, known)
		if (*known == file)
			return true;
	return false;
}

static void file_probe(struct session *session, int fd, const struct allocator_probe *found,
		       size_t count)
{
	struct probes *probes = alloc_data(session)->probes;
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3), number;

	if (own < 0)
		return;
	number = probes_add_file(probes, own);
	for (size_t i = 0; i < count && number >= 0; i++) {
		point_tell(session, &found[i]);
		probes_add(probes, number, found[i].offset, alloc_program(session, found[i].call));
	}
}

static int alloc_file(struct session *session, uint64_t file, int fd, struct error *why)
{
	struct alloc_data *data = alloc_data(session);
	struct allocator_probe found[ALLOCATOR_PROBES];
	int count;

	if (file_is_probed(data, file))
		return 0;
	count = parser_allocator(fd, found, why);
	if (count <= 0)
		return count;
	vec_push(&data->probed, file);
	file_probe(session, fd, found, (size_t)count);
	return 0;
}

/* ---- begin ---- */

/* It is there before unwind has files read: prepared again, it stays. */
static int alloc_prepare(struct session *session, struct error *error)
{
	size_t at = family_index(&family_alloc);
	struct alloc_data *data;

	if (session->family_data[at])
		return 0;
	data = calloc(1, sizeof(*data));
	if (data)
		data->probes = probes_new();
	if (!data || !data->probes) {
		free(data);
		return error_set(error, -ENOMEM, "cannot start the thread that attaches probes");
	}
	session->family_data[at] = data;
	return 0;
}

/* What the programs read of a call, and where a probe may be put (probe_point.h), is x86-64's. */
static int alloc_loaded(struct session *session, struct error *error)
{
	(void)session;
#if defined(__x86_64__)
	(void)error;
	return 0;
#else
	return error_set(error, -ENOTSUP, "allocators are probed on x86-64 only");
#endif
}

static const char *right_missing(int err)
{
	return err == -EACCES || err == -EPERM ? " (it takes CAP_SYS_ADMIN)" : "";
}

static int alloc_attach(struct session *session, struct error *error)
{
	struct alloc_data *data = alloc_data(session);
	struct probes_stats stats;

	for (int call = 0; call < ALLOC_CALLS; call++)
		if (bpf_program__fd(alloc_program(session, (enum alloc_call)call)) < 0)
			return error_set(error, -ENOTSUP,
					 "the kernel does not take all programs at allocators");
	probes_want(data->probes, true);
	probes_settle(data->probes, SETTLE_NS);
	stats = probes_stats(data->probes);
	if (stats.places && stats.failed == stats.places)
		return error_set(error, stats.err, "cannot probe allocators: %s%s",
				 strerror(-stats.err), right_missing(stats.err));
	return 0;
}

/* ---- the window ---- */

/*
 * Any mean is right, and each sample stands for its own: this is about how many there are. Down it
 * goes slowly: samples of unequal weights are worth less than as many that are alike.
 */
static void mean_adapt(struct session *session, struct alloc_data *data, uint64_t now_ns)
{
	struct strait_bpf__bss *bss = session->skeleton->bss;
	uint64_t ns = now_ns - data->adapt_ns, mean = bss->alloc_mean;

	if (!rounds_observe(&data->rounds) || ns < RAISE_NS)
		return;
	if (data->samples > SAMPLES_MOST * (double)ns / 1e9) {
		if (mean < MEAN_MOST)
			mean *= 2;
	} else if (ns < LOWER_NS) {
		return;
	} else if (data->samples < SAMPLES_LEAST && mean > MEAN_LEAST) {
		mean /= 2;
	}
	__atomic_store_n(&bss->alloc_mean, mean, __ATOMIC_SEQ_CST);
	data->samples = 0;
	data->adapt_ns = now_ns;
}

static int alloc_began(struct session *session, struct error *error)
{
	struct alloc_data *data = alloc_data(session);

	(void)error;
	data->slice_begin_ns = data->adapt_ns = session->begin_ns;
	session->skeleton->bss->alloc_mean = MEAN_FIRST;
	rounds_begin(&data->rounds, session, data->probes);
	return 0;
}

static void alloc_tick(struct session *session, uint64_t now_ns)
{
	struct alloc_data *data = alloc_data(session);

	/* A short stretch stands for much: there the samples are to be many. */
	if (rounds_tick(&data->rounds, session, now_ns))
		session->skeleton->bss->alloc_mean = MEAN_LEAST;
	mean_adapt(session, data, now_ns);
}

static void alloc_counted(struct session *session, const void *key, const void *value)
{
	static const char *const names[ALLOC_CALLS] = {
		[ALLOC_MALLOC] = "malloc",        [ALLOC_CALLOC] = "calloc",
		[ALLOC_REALLOC] = "realloc",      [ALLOC_ALIGNED] = "aligned_alloc",
		[ALLOC_POSIX] = "posix_memalign",
	};
	const struct alloc_key *from = key;
	const struct alloc_value *sum = value;
	uint32_t process;

	if (from->call >= ALLOC_CALLS)
		return;
	process = session_process(session, from->tgid);
	if (sum->count)
		recording_count(session->recording, "alloc.count", process, names[from->call],
				(sum->count + WIRE_CALL_WEIGHT / 2) / WIRE_CALL_WEIGHT);
	if (sum->bytes)
		recording_count(session->recording, "alloc.bytes", process, names[from->call],
				sum->bytes);
}

/* A row of the coverage, renewed when there is more to tell. */
static void missing_tell(struct session *session, struct alloc_data *data,
			 const struct probes_stats *stats)
{
	char text[200];

	if (stats->failed + stats->refused == data->told)
		return;
	data->told = stats->failed + stats->refused;
	snprintf(text, sizeof(text),
		 "%zu of %zu functions could not be probed%s%s%s; %zu files with allocators were "
		 "left out, above %zu",
		 stats->failed, stats->places, stats->failed ? ": " : "",
		 stats->failed ? strerror(-stats->err) : "",
		 stats->failed ? right_missing(stats->err) : "", stats->refused, stats->files);
	recording_family(session->recording, family_alloc.name, FAMILY_PARTIAL, text);
}

static int alloc_drain(struct session *session, struct error *error)
{
	struct alloc_data *data = alloc_data(session);
	uint64_t slice_ns = session->slice_end_ns - data->slice_begin_ns;
	struct probes_stats stats = probes_stats(data->probes);

	missing_tell(session, data, &stats);
	if (slice_ns)
		recording_point(session->recording, "alloc.observed_share", "",
				fmin((double)rounds_observed(&data->rounds, session->slice_end_ns) /
					     (double)slice_ns,
				     1));
	recording_point(session->recording, "alloc.files", "", (double)stats.files);
	recording_point(session->recording, "alloc.probes", "",
			(double)(stats.places - stats.failed));
	data->slice_begin_ns = session->slice_end_ns;
	return generation_drain(session, session->skeleton->maps.alloc_counts_0,
				session->skeleton->maps.alloc_counts_1, alloc_counted, error);
}

static void alloc_close(struct session *session)
{
	struct alloc_data *data = alloc_data(session);

	if (!data)
		return;
	probes_free(data->probes);
	vec_free(&data->probed);
	free(data);
}

static void alloc_sampled(struct session *session, const void *record, size_t size)
{
	struct alloc_data *data = alloc_data(session);

	if (data)
		data->samples++;
	session_sample(session, SAMPLE_ALLOC, record, size);
}

const struct family family_alloc = {
	.name = "alloc",
	.what = "memory that programs allocate, by process and stack; only with --alloc",
	.handlers = {{WIRE_ALLOC_SAMPLE, alloc_sampled}},
	.wanted = alloc_wanted,
	.prepare = alloc_prepare,
	.loaded = alloc_loaded,
	.file = alloc_file,
	.attach = alloc_attach,
	.began = alloc_began,
	.tick = alloc_tick,
	.drain = alloc_drain,
	.close = alloc_close,
};
