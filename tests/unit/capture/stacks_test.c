/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "capture/stacks.h"

#define FRAMES 1000 /* more than a record may have */

/* Records of the ring buffer that claim `claimed` frames, and have room for FRAMES. */
static void stacks_tell(struct stacks *stacks, uint64_t id, uint32_t claimed)
{
	size_t kernel_size = offsetof(struct wire_stack, address) + FRAMES * sizeof(__u64);
	size_t user_size =
		offsetof(struct wire_user_stack, frame) + FRAMES * sizeof(struct wire_frame);
	struct wire_stack *kernel = calloc(1, kernel_size);
	struct wire_user_stack *user = calloc(1, user_size);

	kernel->id = id;
	kernel->frames = claimed;
	user->id = id + 1;
	user->frames = claimed;
	stacks_kernel_arrived(stacks, kernel, kernel_size);
	stacks_user_arrived(stacks, user, user_size);
	free(kernel);
	free(user);
}

static void test_frames_bounded(void **state)
{
	struct recording *rec = recording_new();
	struct symbols *symbols = symbols_new();
	struct stacks *stacks = stacks_new(rec, symbols);
	uint32_t most, few;

	(void)state;
	stacks_tell(stacks, 10, FRAMES);
	most = stacks_join(stacks, 10, 11);
	stacks_tell(stacks, 20, 2);
	few = stacks_join(stacks, 20, 21);
	assert_int_equal(rec->stacks.at[most].kernel_len, WIRE_FRAMES);
	assert_int_equal(rec->stacks.at[most].len, WIRE_FRAMES + WIRE_USER_FRAMES);
	assert_int_equal(rec->stacks.at[few].kernel_len, 2);
	assert_int_equal(rec->stacks.at[few].len, 4);
	stacks_free(stacks);
	symbols_free(symbols);
	recording_free(rec);
}

/* A record that ends before the frames it claims, or before its own head. */
static void test_record_cut(void **state)
{
	struct recording *rec = recording_new();
	struct symbols *symbols = symbols_new();
	struct stacks *stacks = stacks_new(rec, symbols);
	size_t head = offsetof(struct wire_stack, address);
	struct wire_stack *record = calloc(1, head + 3 * sizeof(__u64));
	uint32_t none, cut;

	(void)state;
	record->id = 10;
	record->frames = WIRE_FRAMES;
	stacks_kernel_arrived(stacks, record, head - 1);
	none = stacks_join(stacks, 10, 0);
	stacks_kernel_arrived(stacks, record, head + 3 * sizeof(__u64));
	cut = stacks_join(stacks, 10, 0);
	assert_int_equal(rec->stacks.at[none].len, 0);
	assert_int_equal(rec->stacks.at[cut].len, 3);
	free(record);
	stacks_free(stacks);
	symbols_free(symbols);
	recording_free(rec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames_bounded),
		cmocka_unit_test(test_record_cut),
	};

	return cmocka_run_group_tests_name("stacks", tests, NULL, NULL);
}
