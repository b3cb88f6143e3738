/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets with descriptors: what was sent comes, and nothing stays open that nobody asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/packet.h"

static int pair_make(void **state)
{
	static int ends[2];

	*state = ends;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int pair_close(void **state)
{
	int *ends = *state;

	close(ends[0]);
	close(ends[1]);
	return 0;
}

/* The lowest descriptor that is free: the same again where none was left open. */
static int free_fd(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

static void bytes_and_descriptors_arrive(void **state)
{
	int *ends = *state, pipes[2], fds[3];
	uint64_t number = 42, got = 0;
	char byte = 0;

	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(packet_send(ends[0], &number, sizeof(number), pipes, 2), 0);
	close(pipes[0]);
	close(pipes[1]);
	assert_int_equal(packet_receive(ends[1], &got, sizeof(got), fds, 3, NULL), 2);
	assert_int_equal(got, 42);
	assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	assert_int_equal(byte, 'x');
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(packet_send(ends[0], &number, sizeof(number), NULL, 0), 0);
	assert_int_equal(packet_receive(ends[1], &got, sizeof(got), NULL, 0, NULL), 0);
}

static void what_nobody_asked_for_is_closed(void **state)
{
	int *ends = *state, free = free_fd(), fds[2];
	const int sent[3] = {ends[0], ends[0], ends[0]};
	uint64_t number = 1;
	uint32_t half = 1;

	assert_int_equal(packet_send(ends[0], &number, sizeof(number), sent, 3), 0);
	assert_int_equal(packet_receive(ends[1], &number, sizeof(number), fds, 1, NULL), 1);
	close(fds[0]);
	assert_int_equal(free_fd(), free);
	/* Of another size than was said. */
	assert_int_equal(packet_send(ends[0], &half, sizeof(half), sent, 2), 0);
	assert_int_equal(packet_receive(ends[1], &number, sizeof(number), fds, 2, NULL), -EBADMSG);
	assert_int_equal(free_fd(), free);
}

static void too_many_are_refused(void **state)
{
	int *ends = *state, fds[PACKET_FDS + 1];
	uint64_t number = 1;

	for (int i = 0; i <= PACKET_FDS; i++)
		fds[i] = ends[0];
	assert_int_equal(packet_send(ends[0], &number, sizeof(number), fds, PACKET_FDS + 1),
			 -E2BIG);
}

/* The kernel says who sent it, beside the descriptors; unasked it does not. */
static void senders_are_told(void **state)
{
	int *ends = *state, got = -1, on = 1;
	uint64_t number = 1;
	uint32_t sender = 1;
	pid_t child;

	assert_int_equal(packet_send(ends[0], &number, sizeof(number), &ends[0], 1), 0);
	assert_int_equal(packet_receive(ends[1], &number, sizeof(number), &got, 1, &sender), 1);
	assert_int_equal(sender, 0);
	close(got);
	assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	child = fork();
	if (!child)
		_exit(packet_send(ends[0], &number, sizeof(number), &ends[0], 1) != 0);
	assert_int_equal(packet_receive(ends[1], &number, sizeof(number), &got, 1, &sender), 1);
	assert_int_equal(sender, child);
	close(got);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void the_other_side_goes(void **state)
{
	int *ends = *state;
	uint64_t number = 1;

	shutdown(ends[0], SHUT_RDWR);
	assert_int_equal(packet_receive(ends[1], &number, sizeof(number), NULL, 0, NULL), -EPIPE);
	assert_int_equal(packet_send(ends[1], &number, sizeof(number), NULL, 0), -EPIPE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_make, pair_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_and_descriptors_arrive), TEST(what_nobody_asked_for_is_closed),
		TEST(too_many_are_refused),         TEST(senders_are_told),
		TEST(the_other_side_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
