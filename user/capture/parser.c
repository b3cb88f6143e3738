/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Three processes: strait, which opens files and asks; a keeper, which has no rights and starts the
 * third whenever that has ended; and that third, which reads files, one after the other. The keeper
 * is forked early, so that what it and the readers share with strait is little, and stays so.
 */
#include "capture/parser.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "capture/namespace.h"
#include "util/clock.h"
#include "util/confine.h"
#include "util/helper.h"
#include "util/packet.h"
#include "util/rights.h"

/* libLLVM takes 40 ms, the largest browsers some 200. */
#define CPU_MS  3000
#define WALL_MS 10000
/* The limits of unwind/table.c come to 700 MiB. */
#define MEMORY ((size_t)1 << 30)
/* Of all files that one process reads; the next one begins anew. */
#define CPU_SECONDS_MOST 600
/* Beyond the limit of time, which the process ends by itself. */
#define GRACE_MS 5000
/* Of a table: 16 million rows and their pages. */
#define TABLE_BYTES_MOST (256u << 20)

struct request {
	uint64_t number;
};

/* Comes with a descriptor of anonymous memory that has the words, if `error` is 0. */
struct answer {
	uint64_t number;
	int32_t error;  /* negative errno */
	int32_t signal; /* that ended the reader, from the keeper; 0 = its own answer */
	uint64_t cpu_ns;
	struct unwind_stats stats;
	char why[160];
};

static const struct parser_options usual = {unwind_table_build, CPU_MS, WALL_MS, MEMORY};

static struct {
	int fd; /* of the keeper, -1 = there is none */
	struct parser_pids pids;
	uint64_t asked;
	atomic_uint_fast64_t cpu_ns;
	struct parser_options options;
} parser = {.fd = -1};

/* The request that is under way, for the keeper to know what its reader died of; 0 = none. */
static volatile uint64_t *at_work;

/* 0 and *fd, -1 without one; or as packet_receive(). */
static int packet_take(int from, void *bytes, size_t size, int *fd)
{
	int count;

	*fd = -1;
	count = packet_receive(from, bytes, size, fd, 1);
	return count < 0 ? count : 0;
}

/* ---- the reader ---- */

/* Signals that end it, whatever it is at: they need no help of the keeper's. */
static void clocks_set(uint32_t cpu_ms, uint32_t wall_ms)
{
	const struct itimerval cpu = {
		.it_value = {cpu_ms / 1000, (suseconds_t)(cpu_ms % 1000) * 1000}};
	const struct itimerval wall = {
		.it_value = {wall_ms / 1000, (suseconds_t)(wall_ms % 1000) * 1000}};

	setitimer(ITIMER_PROF, &cpu, NULL);
	setitimer(ITIMER_REAL, &wall, NULL);
}

static uint64_t cpu_now_ns(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now))
		return 0;
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

/* A descriptor with the words, or a negative errno. */
static int words_put(const struct unwind_table *table)
{
	const char *at = (const char *)table->words;
	size_t left = table->word_count * sizeof(*table->words);
	int fd = memfd_create("strait-table", MFD_CLOEXEC);

	while (fd >= 0 && left) {
		ssize_t put = write(fd, at, left);

		if (put <= 0) {
			close(fd);
			return -EIO;
		}
		at += put;
		left -= (size_t)put;
	}
	return fd < 0 ? -errno : fd;
}

static void file_read(int fd, struct answer *answer, int *words)
{
	struct unwind_table table = {};
	struct error why = {};

	answer->error = parser.options.build(fd, &table, &why);
	*words = -1;
	if (answer->error) {
		memcpy(answer->why, why.text, sizeof(answer->why) - 1);
		return;
	}
	answer->stats = table.stats;
	*words = words_put(&table);
	if (*words < 0)
		answer->error = *words;
	unwind_table_free(&table);
}

static void limits_set(size_t memory)
{
	struct rlimit space = {memory, memory}, none = {};
	struct rlimit cpu = {CPU_SECONDS_MOST, CPU_SECONDS_MOST};

	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_CPU, &cpu);
	if (memory)
		setrlimit(RLIMIT_AS, &space);
}

static _Noreturn void reader_run(int fd)
{
	uint64_t cpu_ns = cpu_now_ns();
	struct request request = {};
	int file, words;

	prctl(PR_SET_NAME, "strait-reader");
	/* With the keeper's end this ends too. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	limits_set(parser.options.memory);
	confine(CONFINE_PARSE);
	while (!packet_take(fd, &request, sizeof(request), &file)) {
		struct answer answer = {.number = request.number, .error = -EBADF};

		*at_work = request.number;
		words = -1;
		clocks_set(parser.options.cpu_ms, parser.options.wall_ms);
		if (file >= 0)
			file_read(file, &answer, &words);
		clocks_set(0, 0);
		answer.cpu_ns = cpu_now_ns() - cpu_ns;
		cpu_ns += answer.cpu_ns;
		*at_work = 0;
		if (packet_send(fd, &answer, sizeof(answer), &words, words >= 0))
			_exit(0);
		if (words >= 0)
			close(words);
		if (file >= 0)
			close(file);
	}
	_exit(0);
}

/* ---- the keeper ---- */

static void signals_default(void)
{
	static const int ours[] = {SIGALRM, SIGPROF, SIGXCPU, SIGSEGV, SIGBUS, SIGABRT, SIGCHLD};
	sigset_t none;

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		signal(ours[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* What strait is told of a reader's end; false: it ended because there is nothing more to do. */
static bool end_tell(int fd, int status, const struct rusage *usage)
{
	struct answer answer = {.number = *at_work, .error = -EIO};

	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return false;
	answer.signal = WIFSIGNALED(status) ? WTERMSIG(status) : SIGKILL;
	answer.cpu_ns =
		(uint64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000000ULL +
		(uint64_t)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * 1000;
	*at_work = 0;
	return !packet_send(fd, &answer, sizeof(answer), NULL, 0);
}

/* Says their pids first. In a pid namespace of its own, a reader has no right to ask for its own.
 */
static void keeper_run(int fd)
{
	struct parser_pids pids = {.keeper = namespace_own_pid()};
	bool own = namespace_is_own(), said = false;
	struct rusage usage;
	int status = 0;
	pid_t reader;

	signals_default();
	prctl(PR_SET_NAME, "strait-keeper");
	rights_enter(RIGHTS_NONE, 0);
	at_work = mmap(NULL, sizeof(*at_work), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (at_work == MAP_FAILED)
		_exit(1);
	do {
		reader = fork();
		if (!reader)
			reader_run(fd);
		if (reader < 0)
			_exit(1);
		pids.reader = own ? 0 : (uint32_t)reader;
		if (!said && send(fd, &pids, sizeof(pids), MSG_NOSIGNAL) < 0)
			_exit(1);
		said = true;
		while (wait4(reader, &status, 0, &usage) < 0 && errno == EINTR)
			;
	} while (end_tell(fd, status, &usage));
	_exit(0);
}

/* ---- strait's side ---- */

void parser_open(const struct parser_options *options)
{
	struct parser_pids pids = {};
	int fd;

	if (parser.fd >= 0)
		return;
	parser.options = options ? *options : usual;
	fd = helper_start(keeper_run);
	if (fd < 0)
		return;
	if (recv(fd, &pids, sizeof(pids), 0) != (ssize_t)sizeof(pids)) {
		close(fd);
		return;
	}
	parser.fd = fd;
	parser.pids = pids;
	parser.asked = 0;
}

void parser_close(void)
{
	if (parser.fd >= 0)
		close(parser.fd);
	parser.fd = -1;
}

struct parser_pids parser_pids(void)
{
	return parser.fd >= 0 ? parser.pids : (struct parser_pids){};
}

uint64_t parser_cpu_ns(void)
{
	return atomic_load(&parser.cpu_ns);
}

/* The words are copied before they are checked: whose memory they are in can still write to it. */
static int words_take(int fd, const struct answer *answer, struct unwind_table *out)
{
	struct stat stat;
	uint32_t *words;
	size_t size, count;

	if (fd < 0 || fstat(fd, &stat) || stat.st_size <= 0 || stat.st_size > TABLE_BYTES_MOST ||
	    (size_t)stat.st_size % sizeof(*words))
		return -EBADMSG;
	size = (size_t)stat.st_size;
	count = size / sizeof(*words);
	words = malloc(size);
	if (!words)
		return -ENOMEM;
	if (pread(fd, words, size, 0) != (ssize_t)size || !unwind_table_check(words, count)) {
		free(words);
		return -EBADMSG;
	}
	*out = (struct unwind_table){words, count, answer->stats};
	return 0;
}

/* The answer to this request, and not what became of a reader that was idle. */
static int answer_await(uint64_t number, struct answer *answer, int *words)
{
	struct pollfd ready = {.fd = parser.fd, .events = POLLIN};
	uint64_t end = time_now() + (parser.options.wall_ms + GRACE_MS) * 1000000ULL;

	for (uint64_t now; (now = time_now()) < end;) {
		int got = poll(&ready, 1, (int)((end - now) / 1000000) + 1), err;

		if (got < 0 && errno != EINTR)
			return -errno;
		if (got <= 0)
			continue;
		err = packet_take(parser.fd, answer, sizeof(*answer), words);
		if (err)
			return err;
		atomic_fetch_add(&parser.cpu_ns, answer->cpu_ns);
		if (answer->number == number)
			return 0;
		if (*words >= 0)
			close(*words);
		*words = -1;
	}
	return -ETIMEDOUT;
}

/* Gone for good, or out of step: the next file finds others. */
static void parser_renew(void)
{
	struct parser_options options = parser.options;

	parser_close();
	parser_open(&options);
}

static int reader_died(const struct answer *answer, struct error *error)
{
	if (answer->signal == SIGPROF || answer->signal == SIGALRM || answer->signal == SIGXCPU)
		return error_set(error, -EIO, "reading it took too long, and was ended");
	return error_set(error, -EIO, "the process that read it was ended by signal %d (%s)",
			 (int)answer->signal, strsignal(answer->signal));
}

int parser_table(int fd, struct unwind_table *out, struct error *error)
{
	struct request request = {++parser.asked};
	struct answer answer;
	int words = -1, err;

	if (parser.fd < 0)
		return unwind_table_build(fd, out, error);
	err = packet_send(parser.fd, &request, sizeof(request), &fd, 1);
	if (!err)
		err = answer_await(request.number, &answer, &words);
	if (err) {
		parser_renew();
		return error_set(error, -EIO, "the process that reads files does not answer: %s",
				 strerror(-err));
	}
	if (answer.signal)
		err = reader_died(&answer, error);
	else if (answer.error < 0)
		err = error_set(error, answer.error, "%.*s", (int)sizeof(answer.why) - 1,
				answer.why);
	else
		err = words_take(words, &answer, out);
	if (err == -EBADMSG)
		error_set(error, err = -EIO, "what was read of it is no table");
	if (words >= 0)
		close(words);
	return err;
}
