/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strait opens files and asks; a keeper, which has no rights, starts the processes that read them,
 * one for each job, and another whenever one has ended. It is forked early, so that what it and the
 * others share with strait is little, and stays so.
 */
#include "util/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/confine.h"
#include "util/helper.h"
#include "util/rights.h"

/* One process reads no more after that, and the next file begins a new one. */
#define CPU_NS_MOST 60000000000ULL
/* What one does that was taken over, and goes on. */
#define CPU_SECONDS_MOST 600
/* Bytes of one file in memory: the largest are unwind tables, of 16 million rows. */
#define FILE_BYTES_MOST (256u << 20)
/* Of a process that reads: behind those that lead nowhere, as in helper.c. */
#define SOCKET (STDERR_FILENO + 1)

/* One job, and who does it. */
struct desk {
	const struct reader_job *job;
	int fd; /* the process's end; -1 = strait has closed its own */
	pid_t reader;
	/* The request that is under way, for the keeper to know what its reader died of; 0 = none.
	 */
	volatile uint64_t *at_work;
};

static struct keeper_work work;
static struct desk desks[READERS_MOST];
static struct desk *own; /* in a process that reads */
static pid_t keeper;

/* ---- the reader ---- */

/* Signals that end it, whatever it is at: they need no help of the keeper's. */
static struct itimerval clock_of(uint32_t ms)
{
	return (struct itimerval){.it_value = {ms / 1000, (suseconds_t)(ms % 1000) * 1000}};
}

static void clocks_set(uint32_t cpu_ms, uint32_t wall_ms)
{
	const struct itimerval cpu = clock_of(cpu_ms), wall = clock_of(wall_ms);

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

static void limit(int what, rlim_t most)
{
	const struct rlimit both = {most, most};

	setrlimit(what, &both);
}

int reader_question(struct message *message)
{
	const struct itimerval stopped = {};
	struct itimerval wall;
	int err;

	message->number = *own->at_work;
	setitimer(ITIMER_REAL, &stopped, &wall);
	err = message_send(own->fd, message);
	if (!err)
		err = message_receive(own->fd, message);
	setitimer(ITIMER_REAL, &wall, NULL);
	return err;
}

static void request_serve(struct message *request, uint64_t *cpu_ns)
{
	struct message answer = MESSAGE_EMPTY;

	*own->at_work = request->number;
	clocks_set(request->cpu_ms, request->wall_ms);
	own->job->serve(request, &answer);
	clocks_set(0, 0);
	answer.number = request->number;
	answer.kind = 0;
	answer.cpu_ns = cpu_now_ns() - *cpu_ns;
	*cpu_ns += answer.cpu_ns;
	*own->at_work = 0;
	if (message_send(own->fd, &answer))
		_exit(0);
	message_close(&answer);
	message_close(request);
}

static _Noreturn void reader_run(struct desk *desk)
{
	uint64_t cpu_ns = cpu_now_ns();
	struct message request = MESSAGE_EMPTY;

	own = desk;
	prctl(PR_SET_NAME, "strait-reader");
	/* With the keeper's end this ends too, also where that came before. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != keeper)
		_exit(0);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, CPU_SECONDS_MOST);
	limit(RLIMIT_FSIZE, FILE_BYTES_MOST);
	if (desk->job->memory)
		limit(RLIMIT_AS, desk->job->memory);
	confine(CONFINE_PARSE);
	while (cpu_ns < CPU_NS_MOST && !message_receive(desk->fd, &request)) {
		request_serve(&request, &cpu_ns);
		if (desk->job->once)
			break;
	}
	_exit(0);
}

/* ---- the keeper ---- */

static void signals_default(void)
{
	static const int ours[] = {SIGALRM, SIGPROF, SIGXCPU, SIGXFSZ,
				   SIGSEGV, SIGBUS,  SIGABRT, SIGCHLD};
	sigset_t none;

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		signal(ours[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* False: there cannot be another one, which strait sees by the socket. */
static bool reader_start(struct desk *desk)
{
	desk->reader = fork();
	if (desk->reader < 0) {
		close(desk->fd);
		desk->fd = -1;
		return false;
	}
	if (desk->reader)
		return true;
	signals_default();
	/* It has no end but its own. */
	if (dup2(desk->fd, SOCKET) < 0 || syscall(SYS_close_range, SOCKET + 1, ~0U, 0))
		_exit(1);
	desk->fd = SOCKET;
	reader_run(desk);
}

static bool is_hung_up(const struct desk *desk)
{
	struct pollfd socket = {.fd = desk->fd};

	return poll(&socket, 1, 0) > 0 && socket.revents & (POLLHUP | POLLERR);
}

/* What strait is told of a reader's end. One that ends by itself had not been asked to. */
static void end_tell(struct desk *desk, int status, const struct rusage *usage)
{
	struct message answer = MESSAGE_EMPTY;

	answer.number = *desk->at_work;
	answer.result = -EIO;
	answer.signal = WIFSIGNALED(status) ? WTERMSIG(status) : SIGKILL;
	answer.cpu_ns =
		(uint64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000000ULL +
		(uint64_t)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * 1000;
	*desk->at_work = 0;
	if (answer.number)
		message_send(desk->fd, &answer);
}

static struct desk *desk_of(pid_t reader)
{
	for (size_t i = 0; i < work.count; i++)
		if (desks[i].reader == reader)
			return &desks[i];
	return NULL;
}

/* Those that have ended have others in their places. */
static void readers_reap(void)
{
	struct rusage usage;
	int status;
	pid_t pid;

	while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
		struct desk *desk = desk_of(pid);

		if (!desk || desk->fd < 0)
			continue;
		if (!is_hung_up(desk)) {
			end_tell(desk, status, &usage);
			reader_start(desk);
		}
	}
}

/* strait has closed its end, or has ended: whatever is still being read is of no use. */
static bool desks_clear(void)
{
	bool any = false;

	for (size_t i = 0; i < work.count; i++) {
		struct desk *desk = &desks[i];

		if (desk->fd >= 0 && is_hung_up(desk)) {
			kill(desk->reader, SIGKILL);
			close(desk->fd);
			desk->fd = -1;
		}
		any |= desk->fd >= 0;
	}
	return any;
}

static void child_ended(int signal_number)
{
	(void)signal_number;
}

static _Noreturn void keeper_watch(const sigset_t *open)
{
	struct pollfd sockets[READERS_MOST];

	for (;;) {
		readers_reap();
		if (!desks_clear())
			_exit(0);
		for (size_t i = 0; i < work.count; i++)
			sockets[i] = (struct pollfd){.fd = desks[i].fd};
		ppoll(sockets, work.count, NULL, open);
	}
}

/* Says who is there, and hands over strait's end. */
static bool desk_open(struct desk *desk, int fd, struct keeper_hello hello, bool numbers_hold)
{
	struct message message = MESSAGE_EMPTY;
	int ends[2];
	bool good;

	desk->at_work = mmap(NULL, sizeof(*desk->at_work), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (desk->at_work == MAP_FAILED ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return false;
	desk->fd = ends[1];
	good = reader_start(desk);
	hello.reader = numbers_hold && good ? (uint32_t)desk->reader : 0;
	message.fds[0] = ends[0];
	message.size = sizeof(hello);
	memcpy(message.bytes, &hello, sizeof(hello));
	good = good && !message_send(fd, &message);
	close(ends[0]);
	return good;
}

static _Noreturn void keeper_run(int fd)
{
	const struct keeper_hello hello = {.keeper = work.own_pid ? work.own_pid()
								  : (uint32_t)getpid()};
	/* In a pid namespace of its own, a reader has no right to ask for its own number. */
	bool numbers_hold = hello.keeper == (uint32_t)getpid();
	sigset_t child, open;

	keeper = getpid();
	signals_default();
	prctl(PR_SET_NAME, "strait-keeper");
	rights_enter(RIGHTS_NONE, 0);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &open);
	sigaction(SIGCHLD, &(struct sigaction){.sa_handler = child_ended}, NULL);
	for (size_t i = 0; i < work.count; i++)
		desks[i] = (struct desk){.job = &work.jobs[i], .fd = -1};
	for (size_t i = 0; i < work.count; i++)
		if (!desk_open(&desks[i], fd, hello, numbers_hold))
			_exit(1);
	close(fd);
	keeper_watch(&open);
}

int keeper_start(const struct keeper_work *wanted)
{
	work = *wanted;
	return helper_start(keeper_run);
}
