/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "capture/publisher.h"

#define WAIT_MS 10000

/* No map at all: the kernel refuses it, and that is done, too. */
static bool ask(int fd)
{
	const uint32_t index[2] = {0, 1};

	return publisher_ask(fd, index, (int[]){fd, fd}, 2);
}

static void nobody_is_asked(void **state)
{
	int fd = *(int *)*state;

	assert_false(publisher_is_free());
	assert_false(ask(fd));
	assert_true(publisher_done(0, 0));
}

/* With nobody at the other end all that is asked for stays under way. */
static void changes_are_counted(void **state)
{
	int fd = *(int *)*state, other = publisher_open();

	assert_true(other >= 0);
	for (int i = 0; i < PUBLISHERS; i++) {
		assert_true(publisher_is_free());
		assert_true(ask(fd));
	}
	assert_false(publisher_is_free());
	assert_true(publisher_done(PUBLISHERS, 0));
	assert_false(publisher_done(PUBLISHERS - 1, 0));
	assert_false(publisher_done(0, 1));
	/* Whoever has gone will not do it any more. */
	close(other);
	assert_true(publisher_done(0, WAIT_MS));
	assert_false(publisher_is_free());
	assert_false(ask(fd));
	publisher_close();
}

static void too_many_at_a_time_are_refused(void **state)
{
	int fd = *(int *)*state, other = publisher_open();

	assert_false(publisher_ask(fd, NULL, NULL, PUBLISH_MOST + 1));
	assert_true(publisher_done(0, 0));
	close(other);
	publisher_close();
}

static void all_is_answered(void **state)
{
	int fd = *(int *)*state, other = publisher_open();

	assert_true(other >= 0);
	publisher_serve(other);
	for (int i = 0; i < 10 * PUBLISHERS; i++) {
		assert_true(publisher_done(PUBLISHERS - 1, WAIT_MS));
		assert_true(ask(fd));
	}
	assert_true(publisher_done(0, WAIT_MS));
	assert_true(publisher_is_free());
	publisher_close();
	assert_true(publisher_done(0, 0));
}

int main(void)
{
	static int fd;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(nobody_is_asked, &fd),
		cmocka_unit_test_prestate(changes_are_counted, &fd),
		cmocka_unit_test_prestate(too_many_at_a_time_are_refused, &fd),
		cmocka_unit_test_prestate(all_is_answered, &fd),
	};

	fd = memfd_create("strait-test", MFD_CLOEXEC);
	return cmocka_run_group_tests_name("capture/publisher", tests, NULL, NULL);
}
