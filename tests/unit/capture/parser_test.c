/* SPDX-License-Identifier: BSD-2-Clause */
/* The process that reads files: what comes of good ones, and of such that end or fool it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unwind/frames.h"

#include "capture/parser.h"

static struct reader *parser, *prober;

/* An ELF file that describes two functions. */
static int good_file(void)
{
	struct bytes section = {};
	size_t cie = put_plain_cie(&section);
	struct elf_section eh_frame = {".eh_frame", NULL, 0};
	int fd;

	put_fde(&section, cie, CODE_ADDRESS, 0x20, "\x41\x0e\x10", 3);
	put_fde(&section, cie, CODE_ADDRESS + 0x40, 0x20, "\x41\x0e\x10", 3);
	eh_frame.bytes = section.at;
	eh_frame.size = section.len;
	fd = make_elf(EM_X86_64, &eh_frame, 1, 0x1000);
	vec_free(&section);
	return fd;
}

/* Files of one byte, which says what they do to their reader. */
static int evil_file(char what)
{
	int fd = memfd_create("evil", MFD_CLOEXEC);

	assert_int_equal(write(fd, &what, 1), 1);
	return fd;
}

static volatile int zero;

static _Noreturn void spin(void)
{
	for (;;)
		zero = 0;
}

/* A table whose rules are out of range. */
static int lie(struct unwind_table *out)
{
	out->words = calloc(UNWIND_CHUNK, sizeof(*out->words));
	if (!out->words)
		abort();
	memset(out->words, 0xff, UNWIND_CHUNK * sizeof(*out->words));
	out->word_count = UNWIND_CHUNK;
	return 0;
}

/* What every kind of reading may come to. */
static void suffer(char what)
{
	switch (what) {
	case 'a':
		abort();
	case 's':
		signal(SIGSEGV, SIG_DFL); /* not the sanitizer's */
		raise(SIGSEGV);
		return;
	case 'l':
		spin();
	case 'w':
		poll(NULL, 0, -1);
		return;
	case 'x':
		_exit(3);
	case 'q':
		_exit(0);
	}
}

static char suffer_file(int fd)
{
	char what = 0;

	if (pread(fd, &what, 1, 0) == 1)
		suffer(what);
	return what;
}

static int build(int fd, struct unwind_table *out, struct error *error)
{
	switch (suffer_file(fd)) {
	case 'f':
		return lie(out);
	case 'o':
		/* What a reader that was taken over would try first. */
		return socket(AF_INET, SOCK_STREAM, 0) >= 0 ||
				       open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0
			       ? error_set(error, -EPERM, "it got out")
			       : error_set(error, -ENOEXEC, "it is held");
	}
	return unwind_table_build(fd, out, error);
}

#define PLACES 3

/* Places that could be in any file of 100 bytes. */
static size_t find(int fd, struct allocator_probe out[ALLOCATOR_PROBES])
{
	char what = suffer_file(fd);

	for (size_t i = 0; i < PLACES; i++)
		out[i] = (struct allocator_probe){.call = ALLOC_CALLOC,
						  .offset = 50 + i,
						  .point = {.ahead = 4, .trap_ns = 400}};
	switch (what) {
	case 'b':
		out[2].offset = 101;
		return PLACES;
	case 'c':
		out[1].call = ALLOC_CALLS;
		return PLACES;
	case 'n':
		return 0;
	}
	return PLACES;
}

static int parser_begin(void **state)
{
	static const struct parser_options options = {build, find, 300, 1000, 0};

	(void)state;
	parser = parser_reader(&options);
	prober = parser_prober(&options);
	readers_open((struct reader *[]){parser, prober}, 2, NULL);
	return parser->pid && prober->pid ? 0 : -1;
}

static int parser_end(void **state)
{
	(void)state;
	reader_close(parser);
	reader_close(prober);
	return 0;
}

static void is_read(void)
{
	struct unwind_table here = {}, there = {};
	struct error error;
	int fd = good_file();

	assert_int_equal(unwind_table_build(fd, &here, &error), 0);
	assert_int_equal(parser_table(fd, &there, &error), 0);
	assert_int_equal(there.stats.fdes, 2);
	assert_memory_equal(&there.stats, &here.stats, sizeof(here.stats));
	assert_int_equal(there.word_count, here.word_count);
	assert_memory_equal(there.words, here.words, here.word_count * sizeof(*here.words));
	unwind_table_free(&here);
	unwind_table_free(&there);
	close(fd);
}

static void good_files(void **state)
{
	(void)state;
	for (int i = 0; i < 300; i++)
		is_read();
	assert_true(parser_cpu_ns() > 0);
}

/* Each fails with its reason, and the next file is read. */
static void ends_with(char what, int code, const char *why)
{
	struct unwind_table table = {.word_count = 7};
	struct error error;
	int fd = evil_file(what);

	assert_int_equal(parser_table(fd, &table, &error), code);
	assert_non_null(strstr(error.text, why));
	assert_int_equal(table.word_count, 7);
	close(fd);
	is_read();
}

static void evil_files(void **state)
{
	(void)state;
	ends_with('a', -EIO, "ended by signal 6");
	ends_with('s', -EIO, "ended by signal 11");
	ends_with('l', -EIO, "took too long");
	ends_with('x', -EIO, "ended by signal 9");
	ends_with('f', -EIO, "no table");
	ends_with('o', -ENOEXEC, "it is held");
}

/* It waits, as for a file system that does not answer. */
static void file_never_answers(void **state)
{
	(void)state;
	ends_with('w', -EIO, "took too long");
}

/* It leaves as if there were nothing more to do. */
static void reader_leaves(void **state)
{
	(void)state;
	ends_with('q', -EIO, "ended by signal 9");
}

/* Nothing is told of a file that ends its reader, or has it lie; others are read behind it. */
static void allocator_is(char what, int result)
{
	struct allocator_probe found[ALLOCATOR_PROBES] = {};
	struct error error;
	int fd = evil_file(what);

	assert_int_equal(ftruncate(fd, 100), 0);
	assert_int_equal(parser_allocator(fd, found, &error), result);
	for (int i = 0; i < ALLOCATOR_PROBES; i++)
		assert_int_equal(found[i].offset, i < result ? 50 + i : 0);
	close(fd);
	is_read();
}

static void allocators(void **state)
{
	(void)state;
	allocator_is('g', PLACES);
	allocator_is('n', 0);
	allocator_is('a', -EIO);
	allocator_is('l', -EIO);
	allocator_is('w', -EIO);
	allocator_is('b', -EIO);
	allocator_is('c', -EIO);
	allocator_is('g', PLACES);
}

/* As one that a file has taken over: it says the same of all files, and stays. */
static _Noreturn void stranger_run(int fd)
{
	const struct allocator_probe probe = {.offset = 7, .point = {.trap_ns = 400}};
	struct message request = MESSAGE_EMPTY, answer = MESSAGE_EMPTY;

	answer.result = 1;
	answer.size = sizeof(probe);
	memcpy(answer.bytes, &probe, sizeof(probe));
	while (!message_receive(fd, &request)) {
		answer.number = request.number;
		message_close(&request);
		message_send(fd, &answer);
	}
	_exit(0);
}

/* In the place of the one that says where probes go. */
static pid_t stranger_put(void)
{
	int ends[2], on = 1;
	pid_t stranger;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	assert_int_equal(dup3(ends[0], prober->fd, O_CLOEXEC), prober->fd);
	close(ends[0]);
	stranger = fork();
	if (!stranger) {
		close(prober->fd);
		stranger_run(ends[1]);
	}
	close(ends[1]);
	return stranger;
}

static void one_file_only(void **state)
{
	struct allocator_probe found[ALLOCATOR_PROBES] = {};
	pid_t stranger = stranger_put();
	int fd = evil_file('g');
	struct error error;

	(void)state;
	assert_int_equal(ftruncate(fd, 100), 0);
	assert_int_equal(parser_allocator(fd, found, &error), 1);
	assert_int_equal(found[0].offset, 7);
	found[0].offset = 0;
	assert_int_equal(parser_allocator(fd, found, &error), -EIO);
	assert_non_null(strstr(error.text, "stayed"));
	assert_int_equal(found[0].offset, 0);
	close(fd);
	assert_int_equal(waitpid(stranger, NULL, 0), stranger);
	allocator_is('g', PLACES);
}

/* One that has ended may still have a number, if nobody asks for its end. */
static bool runs(uint32_t pid)
{
	char path[32], file[16];

	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	return readlink(path, file, sizeof(file)) > 0;
}

static void ends_soon(uint32_t pid)
{
	for (int i = 0; i < 500 && runs(pid); i++)
		usleep(10000);
	assert_false(runs(pid));
}

/* All of them gone: new ones come. */
static void keeper_gone(void **state)
{
	uint32_t keeper = parser->keeper, reader = parser->pid;

	(void)state;
	assert_int_equal(kill((pid_t)keeper, SIGKILL), 0);
	ends_soon(keeper);
	is_read();
	ends_soon(reader);
}

/* With strait's end the others end, whatever they are at. */
static void nothing_stays(void **state)
{
	uint32_t keeper = parser->keeper, reader = parser->pid;
	struct message request = MESSAGE_EMPTY;

	request.fds[0] = evil_file('l');
	assert_int_equal(message_send(parser->fd, &request), 0);
	close(request.fds[0]);
	usleep(50000);
	assert_true(runs(keeper) && runs(reader));
	parser_end(state);
	ends_soon(reader);
	ends_soon(keeper);
}

/* It died while nothing was asked: nobody need know. */
static void idle_reader_killed(void **state)
{
	(void)state;
	assert_int_equal(kill((pid_t)parser->pid, SIGKILL), 0);
	usleep(50000);
	is_read();
}

static void not_opened(void **state)
{
	(void)state;
	is_read();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(good_files, parser_begin, parser_end),
		cmocka_unit_test_setup_teardown(evil_files, parser_begin, parser_end),
		cmocka_unit_test_setup_teardown(allocators, parser_begin, parser_end),
		cmocka_unit_test_setup_teardown(one_file_only, parser_begin, parser_end),
		cmocka_unit_test_setup_teardown(file_never_answers, parser_begin, parser_end),
		cmocka_unit_test_setup_teardown(reader_leaves, parser_begin, parser_end),
		cmocka_unit_test_setup_teardown(keeper_gone, parser_begin, parser_end),
		cmocka_unit_test_setup_teardown(nothing_stays, parser_begin, parser_end),
		cmocka_unit_test_setup_teardown(idle_reader_killed, parser_begin, parser_end),
		cmocka_unit_test(not_opened),
	};

	return cmocka_run_group_tests_name("parser", tests, NULL, NULL);
}
