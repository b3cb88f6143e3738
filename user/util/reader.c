/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/keeper.h"

/* Beyond the limit of time, which the process ends by itself. */
#define GRACE_MS 5000
/* For tests, of the environment: ms in the place of both. */
#define PATIENCE_TEXT "STRAIT_PATIENCE"
/* Of one request. */
#define QUESTIONS_MOST 65536

/* ---- opening and closing ---- */

static bool hello_take(struct reader *reader, int fd)
{
	struct message message;
	struct keeper_hello hello;
	int on = 1;

	if (message_receive(fd, &message))
		return false;
	if (message.size != sizeof(hello) || message.fds[0] < 0 || message.fds[1] >= 0) {
		message_close(&message);
		return false;
	}
	memcpy(&hello, message.bytes, sizeof(hello));
	reader->fd = message.fds[0];
	/* An answer says which process gave it: message.h. */
	setsockopt(reader->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	reader->lost = false;
	reader->pid = hello.reader;
	reader->keeper = hello.keeper;
	return true;
}

void readers_open(struct reader *const readers[], size_t count, uint32_t (*own_pid)(void))
{
	struct reader *missing[READERS_MOST];
	struct keeper_work work = {.own_pid = own_pid};
	int fd;

	for (size_t i = 0; i < count; i++)
		if (readers[i]->fd < 0 && work.count < READERS_MOST) {
			missing[work.count] = readers[i];
			work.jobs[work.count++] = readers[i]->job;
		}
	fd = work.count ? keeper_start(&work) : -1;
	if (fd < 0)
		return;
	for (size_t i = 0; i < work.count && hello_take(missing[i], fd); i++)
		;
	close(fd);
}

void reader_close(struct reader *reader)
{
	if (reader->fd >= 0)
		close(reader->fd);
	reader->fd = -1;
	reader->lost = false;
	reader->pid = reader->keeper = 0;
}

bool reader_is_there(const struct reader *reader)
{
	return reader->fd >= 0 || reader->lost;
}

/* ---- asking ---- */

/*
 * Gone for good, or out of step. What is still at it ends with its socket. What was read apart once
 * is not read in this process because there is no other any more.
 */
static void reader_renew(struct reader *reader)
{
	struct reader *const one[] = {reader};

	reader_close(reader);
	reader->lost = true;
	readers_open(one, 1, NULL);
	/* The programs know the first keeper, and whom it starts. */
	reader->pid = reader->keeper = 0;
}

static int question_answer(const struct reader *reader, const struct message *question,
			   reader_reply *reply, void *context, uint32_t count)
{
	struct message answer = MESSAGE_EMPTY;
	int err;

	answer.result = -ENOENT;
	if (reply && count < QUESTIONS_MOST)
		reply(context, question, &answer);
	answer.number = question->number;
	answer.kind = 0;
	err = message_send(reader->fd, &answer);
	message_close(&answer);
	return err;
}

/* The next message, of whatever kind. */
static int message_await(const struct reader *reader, uint64_t end, struct message *message)
{
	struct pollfd ready = {.fd = reader->fd, .events = POLLIN};

	for (uint64_t now; (now = time_now()) < end;) {
		int got = poll(&ready, 1, (int)((end - now) / 1000000) + 1);

		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0)
			return message_receive(reader->fd, message);
	}
	return -ETIMEDOUT;
}

/* How long an answer may take. */
static uint64_t patience_ns(const struct message *request)
{
	const char *text = getenv(PATIENCE_TEXT);
	unsigned long ms = text ? strtoul(text, NULL, 10) : 0;

	if (!ms || ms > request->wall_ms + GRACE_MS)
		ms = request->wall_ms + GRACE_MS;
	return ms * 1000000ULL;
}

/* The answer to this request, and not what became of a reader that was idle. */
static int answer_await(struct reader *reader, const struct message *request, reader_reply *reply,
			void *context, struct message *answer)
{
	uint64_t end = time_now() + patience_ns(request);
	uint32_t questions = 0;

	for (;;) {
		int err = message_await(reader, end, answer);
		uint64_t begin;

		if (err)
			return err;
		if (answer->number == request->number && !answer->kind) {
			atomic_fetch_add(&reader->cpu_ns, answer->cpu_ns);
			return 0;
		}
		begin = time_now();
		if (answer->number == request->number)
			err = question_answer(reader, answer, reply, context, questions++);
		message_close(answer);
		if (err)
			return err;
		/* That was not its time. */
		end += time_now() - begin;
	}
}

static int reader_died(const struct message *answer, struct error *error)
{
	int signal = answer->signal;

	if (signal == SIGPROF || signal == SIGALRM || signal == SIGXCPU)
		return error_set(error, -EIO, "reading it took too long, and was ended");
	return error_set(error, -EIO, "the process that read it was ended by signal %d (%s)",
			 signal, strsignal(signal));
}

static int request_try(struct reader *reader, struct message *request, reader_reply *reply,
		       void *context, struct message *answer)
{
	int err = -EPIPE;

	if (reader->fd < 0)
		reader_renew(reader);
	request->number = ++reader->asked;
	if (reader->fd >= 0)
		err = message_send(reader->fd, request);
	if (!err)
		err = answer_await(reader, request, reply, context, answer);
	if (err)
		reader_renew(reader);
	return err;
}

/* The kernel's word: a process that was to end, but did not, cannot pass for another one. */
static bool sender_is_new(struct reader *reader, const struct message *answer)
{
	uint32_t before = reader->answered;

	reader->answered = answer->sender;
	return answer->sender && answer->sender != before;
}

static bool is_gone(int err)
{
	return err == -EPIPE || err == -ECONNRESET;
}

static int request_make(struct reader *reader, struct message *request, reader_reply *reply,
			void *context, struct message *answer, struct error *error)
{
	int err;

	request->cpu_ms = request->cpu_ms ? request->cpu_ms : reader->job.cpu_ms;
	request->wall_ms = request->wall_ms ? request->wall_ms : reader->job.wall_ms;
	err = request_try(reader, request, reply, context, answer);
	/* The keeper has ended, which is nothing that a file can do. */
	if (is_gone(err))
		err = request_try(reader, request, reply, context, answer);
	if (err)
		return error_set(error, -EIO, "the process that reads files does not answer: %s",
				 strerror(-err));
	if (answer->signal) {
		message_close(answer);
		/* That may be the reader's own word: one that reads one file only shall not stay.
		 */
		if (reader->job.once)
			reader_renew(reader);
		return reader_died(answer, error);
	}
	if (!reader->job.once || sender_is_new(reader, answer))
		return 0;
	message_close(answer);
	reader_renew(reader);
	return error_set(error, -EIO, "the process that was to read one file only stayed");
}

int reader_request(struct reader *reader, struct message *request, reader_reply *reply,
		   void *context, struct message *answer, struct error *error)
{
	int err;

	pthread_mutex_lock(&reader->lock);
	err = request_make(reader, request, reply, context, answer, error);
	pthread_mutex_unlock(&reader->lock);
	return err;
}
