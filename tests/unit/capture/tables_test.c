/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In which order tables are made, which files share one, and what becomes of them when they take
 * more memory than they may: in maps of this kernel, with the times of use that the programs would
 * have written there.
 */
#include <bpf/bpf.h>

#include "unwind/frames.h"

#include "capture/publisher.h"
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
	for (uint64_t file = 1; file < 128; file++)
		bpf_map_delete_elem(files_fd, &file);
	for (uint32_t table = 0; table < 16; table++)
		bpf_map_delete_elem(tables_fd, &table);
	return tables_new(&options);
}

/* A file whose table has one chunk, or more where there are more functions. */
static int file_make(int functions, int code_bytes)
{
	struct bytes section = {};
	size_t cie = put_plain_cie(&section);
	struct elf_section eh_frame = {".eh_frame", NULL, 0};
	int fd;

	for (int i = 0; i < functions; i++)
		put_fde(&section, cie, CODE_ADDRESS + 0x40 * (uint64_t)i, (uint32_t)code_bytes,
			"\x41\x0e\x10", 3);
	eh_frame.bytes = section.at;
	eh_frame.size = section.len;
	fd = make_elf(EM_X86_64, &eh_frame, 1, 0x40 * (size_t)functions + 0x1000);
	vec_free(&section);
	return fd;
}

static void want_content(struct tables *tables, uint64_t file, int functions, int code_bytes)
{
	tables_want(tables, file, file_make(functions, code_bytes), "", (struct tables_use){});
	tables_settle(tables, SETTLE_NS);
}

/* Each file's table is another one. */
static void want(struct tables *tables, uint64_t file, int functions)
{
	want_content(tables, file, functions, 0x10 + (int)file);
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

/* ---- one content, one table ---- */

/* The number of a file's table. */
static uint32_t number(uint64_t file)
{
	struct unwind_file value;

	assert_int_equal(bpf_map_lookup_elem(files_fd, &file, &value), 0);
	return value.table;
}

static void copies_share_one(void **state)
{
	struct tables *tables = tables_limited(100, 16);

	(void)state;
	want_content(tables, 1, 1, 0x20);
	want_content(tables, 2, 1, 0x20);
	want_content(tables, 3, 1, 0x21);
	want_content(tables, 4, 1, 0x20);
	assert_true(has(1) && has(2) && has(3) && has(4));
	assert_int_equal(number(1), number(2));
	assert_int_equal(number(1), number(4));
	assert_int_not_equal(number(1), number(3));
	assert_int_equal(tables_stats(tables).bytes, 2 * CHUNK_BYTES);
	assert_int_equal(tables_stats(tables).loaded, 4);
	assert_int_equal(tables_stats(tables).shared, 2);
	tables_free(tables);
}

/* Asked for together, so that the first is not yet where the programs look when the second comes.
 */
static void copies_share_one_at_once(void **state)
{
	struct tables *tables = tables_limited(100, 16);
	int fds[5] = {file_make(2000, 0x20)};

	(void)state;
	for (int i = 1; i < 5; i++)
		fds[i] = file_make(1, 0x20);
	for (uint64_t file = 0; file < 5; file++)
		tables_want(tables, file + 1, fds[file], "", (struct tables_use){});
	tables_settle(tables, SETTLE_NS);
	for (uint64_t file = 1; file <= 5; file++)
		assert_true(has(file));
	for (uint64_t file = 3; file <= 5; file++)
		assert_int_equal(number(file), number(2));
	assert_int_equal(tables_stats(tables).shared, 3);
	tables_free(tables);
}

static void a_table_stays_for_its_last_file(void **state)
{
	struct tables *tables = tables_limited(2, 16);

	(void)state;
	want_content(tables, 1, 1, 0x20);
	want_content(tables, 2, 1, 0x20);
	want_content(tables, 3, 1, 0x21);
	assert_int_equal(tables_stats(tables).bytes, 2 * CHUNK_BYTES);
	/* The first has not been used for long, its copy was just now. */
	use(1, 1);
	use(2, 9);
	use(3, 5);
	want_content(tables, 4, 1, 0x22);
	assert_false(has(1));
	assert_true(has(2) && has(4));
	assert_false(has(3));
	assert_int_equal(tables_stats(tables).evicted, 2);
	assert_int_equal(tables_stats(tables).bytes, 2 * CHUNK_BYTES);
	/* It comes back, and costs nothing. */
	want_content(tables, 1, 1, 0x20);
	assert_true(has(1) && has(2) && has(4));
	assert_int_equal(number(1), number(2));
	assert_int_equal(tables_stats(tables).evicted, 2);
	/* Both gone, the table goes. */
	use(1, 10);
	use(2, 10);
	use(4, 12);
	want_content(tables, 5, 1, 0x23);
	assert_false(has(1) || has(2));
	assert_true(has(4) && has(5));
	assert_int_equal(tables_stats(tables).bytes, 2 * CHUNK_BYTES);
	tables_free(tables);
}

/* What was loaded a moment ago is not the first to go because it was never used. */
static void a_new_one_is_no_old_one(void **state)
{
	struct tables *tables = tables_limited(2, 16);

	(void)state;
	want(tables, 1, 1);
	want(tables, 2, 1);
	use(1, 5);
	use(2, 7);
	want(tables, 3, 1);
	assert_true(has(2) && has(3));
	want(tables, 4, 1);
	assert_true(has(3) && has(4));
	assert_false(has(2));
	tables_free(tables);
}

/* ---- the order ---- */

/*
 * All are asked for while the thread is at a large file: numbers are given in the order in which
 * tables are made.
 */
static void what_runs_most_comes_first(void **state)
{
	static const struct {
		struct tables_use use;
		uint32_t expected;
	} files[] = {
		{{.running = 0, .mappings = 1}, 3}, /* the fourth one taken is the oldest */
		{{.running = 0, .mappings = 1}, 7}, /* again */
		{{.running = 0, .mappings = 3}, 8}, /* more than others that do not run */
		{{.running = 1, .mappings = 1}, 5}, /* one that runs, and the older one */
		{{.running = 1, .mappings = 1}, 6},
		{{.running = 1, .mappings = 90}, 4},  /* a library */
		{{.running = 40, .mappings = 41}, 1}, /* libc */
		{{.running = 2, .mappings = 2}, 2},
	};
	enum { FILES = sizeof(files) / sizeof(*files) };
	struct tables *tables = tables_limited(1000, 16);
	int large = file_make(60000, 0x20), fds[FILES];

	(void)state;
	for (int i = 0; i < FILES; i++)
		fds[i] = file_make(i + 1, 0x20);
	tables_want(tables, 100, large, "", (struct tables_use){});
	usleep(1000); /* the thread is at it */
	for (int i = 0; i < FILES; i++)
		tables_want(tables, 101 + (uint64_t)i, fds[i], "", files[i].use);
	tables_settle(tables, SETTLE_NS);
	assert_int_equal(number(100), 0);
	for (int i = 0; i < FILES; i++)
		assert_int_equal(number(101 + (uint64_t)i), files[i].expected);
	tables_free(tables);
}

/* A table that is thrown out before it is put there would come behind the next one of its number.
 */
static void none_goes_that_is_on_its_way(void **state)
{
	struct tables *tables;
	int other;

	(void)state;
	publisher_close();
	other = publisher_open(); /* nobody serves it yet */
	tables = tables_limited(1, 16);
	for (uint64_t file = 1; file <= 2; file++)
		tables_want(tables, file, file_make(1, 0x10 + (int)file), "",
			    (struct tables_use){});
	tables_settle(tables, 200000000);
	assert_int_equal(tables_stats(tables).evicted, 0);
	assert_false(has(1));
	publisher_serve(other);
	tables_settle(tables, SETTLE_NS);
	assert_true(has(2));
	evicted(tables, 1);
	tables_free(tables);
	publisher_close();
}

/* From here on other threads put tables into their map, as those of another process do. */
static void publishers_begin(void **state)
{
	(void)state;
	publisher_serve(publisher_open());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_recently_used_go_first),
		cmocka_unit_test(a_large_one_takes_the_place_of_several),
		cmocka_unit_test(places_are_given_back),
		cmocka_unit_test(copies_share_one),
		cmocka_unit_test(copies_share_one_at_once),
		cmocka_unit_test(a_table_stays_for_its_last_file),
		cmocka_unit_test(a_new_one_is_no_old_one),
		cmocka_unit_test(what_runs_most_comes_first),
		cmocka_unit_test(publishers_begin),
		cmocka_unit_test(the_least_recently_used_go_first),
		cmocka_unit_test(a_large_one_takes_the_place_of_several),
		cmocka_unit_test(places_are_given_back),
		cmocka_unit_test(copies_share_one_at_once),
		cmocka_unit_test(a_new_one_is_no_old_one),
		cmocka_unit_test(none_goes_that_is_on_its_way),
	};

	return cmocka_run_group_tests_name("capture/tables", tests, make_maps, close_maps);
}
