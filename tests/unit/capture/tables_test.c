/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What becomes of tables when they take more memory than they may: in maps of this kernel, with the
 * times of use that the programs would have written there.
 */
#include <bpf/bpf.h>

#include "unwind/frames.h"

#include "capture/tables.h"

#define CHUNK_BYTES (UNWIND_CHUNK * sizeof(uint32_t))
#define SETTLE_NS   20000000000ull

static int files_fd, tables_fd;

/* As bpf/core/unwind.bpf.h declares them. */
static int make_maps(void **state)
{
	LIBBPF_OPTS(bpf_map_create_opts, inner, .map_flags = BPF_F_INNER_MAP);
	LIBBPF_OPTS(bpf_map_create_opts, outer);
	int template = bpf_map_create(BPF_MAP_TYPE_ARRAY, "template", sizeof(uint32_t), CHUNK_BYTES,
				      1, &inner);

	(void)state;
	outer.inner_map_fd = (uint32_t) template;
	files_fd = bpf_map_create(BPF_MAP_TYPE_HASH, "files", sizeof(uint64_t),
				  sizeof(struct unwind_file), 64, NULL);
	tables_fd = template <0 ? -1
				: bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "tables",
						 sizeof(uint32_t), sizeof(uint32_t), 16, &outer);
	if (template >= 0)
		close(template);
	return 0;
}

static int close_maps(void **state)
{
	(void)state;
	if (files_fd >= 0)
		close(files_fd);
	if (tables_fd >= 0)
		close(tables_fd);
	return 0;
}

static struct tables *tables_limited(size_t chunks, uint32_t capacity)
{
	const struct tables_options options = {
		.files_fd = files_fd,
		.tables_fd = tables_fd,
		.capacity = capacity,
		.limit = chunks * CHUNK_BYTES,
	};

	if (files_fd < 0 || tables_fd < 0) {
		print_message("no right to make BPF maps: skipped\n");
		skip();
	}
	for (uint64_t file = 1; file < 64; file++)
		bpf_map_delete_elem(files_fd, &file);
	for (uint32_t table = 0; table < 16; table++)
		bpf_map_delete_elem(tables_fd, &table);
	return tables_new(&options);
}

/* A file whose table has one chunk, or two or three where there are more functions. */
static void want(struct tables *tables, uint64_t file, int functions)
{
	struct bytes section = {};
	size_t cie = put_plain_cie(&section);
	struct elf_section eh_frame = {".eh_frame", NULL, 0};

	for (int i = 0; i < functions; i++)
		put_fde(&section, cie, CODE_ADDRESS + 0x40 * (uint64_t)i, 0x20, "\x41\x0e\x10", 3);
	eh_frame.bytes = section.at;
	eh_frame.size = section.len;
	tables_want(tables, file,
		    make_elf(EM_X86_64, &eh_frame, 1, 0x40 * (size_t)functions + 0x1000), "");
	vec_free(&section);
	tables_settle(tables, SETTLE_NS);
}

/* The programs note the generation in which a file's table was last used. */
static void use(uint64_t file, uint32_t generation)
{
	struct unwind_file value;

	assert_int_equal(bpf_map_lookup_elem(files_fd, &file, &value), 0);
	value.used = generation;
	assert_int_equal(bpf_map_update_elem(files_fd, &file, &value, BPF_EXIST), 0);
}

/* Has it a table, that is where the programs look for it? */
static bool has(uint64_t file)
{
	struct unwind_file value;
	uint32_t id;

	return !bpf_map_lookup_elem(files_fd, &file, &value) &&
	       !bpf_map_lookup_elem(tables_fd, &value.table, &id);
}

static void evicted(struct tables *tables, uint64_t expected)
{
	uint64_t files[4];

	assert_int_equal(tables_take_evicted(tables, files, 4), 1);
	assert_int_equal(files[0], expected);
	assert_false(has(expected));
	assert_int_equal(tables_take_evicted(tables, files, 4), 0);
}

static void the_least_recently_used_go_first(void **state)
{
	struct tables *tables = tables_limited(3, 16);

	(void)state;
	for (uint64_t file = 1; file <= 3; file++) {
		want(tables, file, 1);
		assert_true(has(file));
	}
	assert_int_equal(tables_stats(tables).bytes, 3 * CHUNK_BYTES);
	assert_int_equal(tables_stats(tables).evicted, 0);
	use(1, 7);
	use(2, 5);
	use(3, 6);
	want(tables, 4, 1);
	assert_true(has(4));
	evicted(tables, 2);
	assert_true(has(1) && has(3));
	assert_int_equal(tables_stats(tables).bytes, 3 * CHUNK_BYTES);
	/* It comes back when it is used again, and the next one goes. */
	use(4, 9);
	want(tables, 2, 1);
	assert_true(has(2));
	evicted(tables, 3);
	assert_true(has(1) && has(4));
	assert_int_equal(tables_stats(tables).evicted, 2);
	assert_int_equal(tables_stats(tables).loaded, 5);
	tables_free(tables);
}

static void a_large_one_takes_the_place_of_several(void **state)
{
	struct tables *tables = tables_limited(3, 16);
	uint64_t files[4];

	(void)state;
	for (uint64_t file = 1; file <= 3; file++) {
		want(tables, file, 1);
		use(file, (uint32_t)(10 - file));
	}
	want(tables, 4, 600);
	assert_true(has(4));
	assert_in_range(tables_stats(tables).bytes, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES);
	assert_in_range(tables_stats(tables).evicted, 1, 3);
	assert_false(has(3)); /* used longest ago */
	tables_take_evicted(tables, files, 4);
	/* One that is larger than all may be together throws none out. */
	use(4, 20);
	want(tables, 5, 4000);
	assert_false(has(5));
	assert_true(has(4));
	assert_int_equal(tables_stats(tables).failed, 1);
	assert_int_equal(tables_take_evicted(tables, files, 4), 0);
	tables_free(tables);
}

/* The map of maps has places for so many. */
static void places_are_given_back(void **state)
{
	struct tables *tables = tables_limited(100, 2);

	(void)state;
	want(tables, 1, 1);
	want(tables, 2, 1);
	use(1, 2);
	use(2, 1);
	for (uint64_t file = 3; file < 12; file++) {
		want(tables, file, 1);
		assert_true(has(file) && has(1));
		use(file, 1);
		evicted(tables, file - 1);
	}
	assert_int_equal(tables_stats(tables).bytes, 2 * CHUNK_BYTES);
	tables_free(tables);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_recently_used_go_first),
		cmocka_unit_test(a_large_one_takes_the_place_of_several),
		cmocka_unit_test(places_are_given_back),
	};

	return cmocka_run_group_tests_name("capture/tables", tests, make_maps, close_maps);
}
