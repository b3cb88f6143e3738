/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"

#include <errno.h>

#include "symbols/kernel.h"

static const char listing[] = "ffffffff81000000 T _stext\n"
			      "ffffffff81000000 T startup_64\n"
			      "ffffffff81001000 t helper\n"
			      "ffffffff81001000 T do_work\n"
			      "ffffffff81001000 W __alias_do_work\n"
			      "ffffffff81001800 D some_data\n"
			      "ffffffff81002000 T last_function\n"
			      "ffffffff81003000 T _etext\n"
			      "ffffffffc0001000 t nft_do_chain\t[nf_tables]\n"
			      "ffffffffc0000000 t first_of_module\t[nf_tables]\n"
			      "ffffffffc0100000 t bpf_prog_0123456789abcdef_name\t[bpf]\n"
			      "not a line of kallsyms\n"
			      "ffffffffc0200000 t\n"
			      "\n";

static void check(struct kernel_table *table, uint64_t address, const char *name,
		  const char *module, uint64_t offset)
{
	struct kernel_symbol symbol;

	assert_int_equal(kernel_find(table, address, &symbol), 0);
	assert_string_equal(symbol.name, name);
	assert_string_equal(symbol.module, module);
	assert_int_equal(symbol.offset, offset);
}

static void known_listing(void **state)
{
	struct kernel_table table = {};
	struct kernel_symbol symbol = {.name = "untouched"};
	struct error error;

	(void)state;
	fixture_write("kallsyms", listing);
	assert_int_equal(kernel_load_from(&table, "kallsyms", &error), 0);
	check(&table, 0xffffffff81000000, "startup_64", "[kernel]", 0);
	check(&table, 0xffffffff81000fff, "startup_64", "[kernel]", 0xfff);
	/* Of three names for one place: no underscores before it, and global. */
	check(&table, 0xffffffff81001000, "do_work", "[kernel]", 0);
	/* Data between two functions does not end the first. */
	check(&table, 0xffffffff81001900, "do_work", "[kernel]", 0x900);
	check(&table, 0xffffffff81002abc, "last_function", "[kernel]", 0xabc);
	check(&table, 0xffffffffc0000010, "first_of_module", "[nf_tables]", 0x10);
	check(&table, 0xffffffffc0001010, "nft_do_chain", "[nf_tables]", 0x10);
	check(&table, 0xffffffffc0100020, "bpf_prog_0123456789abcdef_name", "[bpf]", 0x20);

	/* Before the first, behind the end of the text, far behind the last. */
	assert_int_equal(kernel_find(&table, 0x1000, &symbol), -ENOENT);
	assert_int_equal(kernel_find(&table, 0xffffffff81003010, &symbol), -ENOENT);
	assert_int_equal(kernel_find(&table, 0xffffffffffffffff, &symbol), -ENOENT);
	assert_string_equal(symbol.name, "untouched");
	kernel_free(&table);
}

static void hidden_addresses(void **state)
{
	struct kernel_table table = {};
	struct kernel_symbol symbol;
	struct error error;

	(void)state;
	fixture_write("hidden", "0000000000000000 T _stext\n0000000000000000 T do_work\n");
	assert_int_equal(kernel_load_from(&table, "hidden", &error), -EPERM);
	assert_non_null(strstr(error.text, "kptr_restrict"));
	/* The failure is remembered, not tried again. */
	assert_int_equal(kernel_find(&table, 0xffffffff81000000, &symbol), -EPERM);
	assert_int_equal(kernel_load(&table, &error), -EPERM);
	assert_non_null(strstr(error.text, "kptr_restrict"));
	kernel_free(&table);

	assert_int_equal(kernel_load_from(&table, "absent", &error), -ENOENT);
	assert_non_null(strstr(error.text, "absent"));
	fixture_write("empty", "");
	assert_int_equal(kernel_load_from(&table, "empty", &error), -ENOENT);
	fixture_run("head -c 200000 /dev/zero | tr '\\0' a > long");
	assert_int_equal(kernel_load_from(&table, "long", &error), -EBADMSG);
	kernel_free(&table);
}

/* Every 500th function of this kernel, at an address inside of it, by kallsyms itself. */
static void this_kernel(void **state)
{
	FILE *file = fopen("/proc/kallsyms", "r");
	struct kernel_table table = {};
	size_t line_number = 0, checked = 0;
	uint64_t address, last = 0;
	char line[512], name[256], type;

	(void)state;
	assert_non_null(file);
	if (kernel_load(&table, NULL)) {
		print_message("kernel addresses are hidden: skipped\n");
		fclose(file);
		skip();
	}
	while (fgets(line, sizeof(line), file)) {
		struct kernel_symbol symbol;

		if (sscanf(line, "%lx %c %255s", &address, &type, name) != 3 || strchr(line, '['))
			continue;
		/* Only places with one name: which of several is best is the table's choice. */
		if (line_number++ % 500 || address == last || !strchr("tT", type) || *name == '_') {
			last = address;
			continue;
		}
		last = address;
		assert_int_equal(kernel_find(&table, address, &symbol), 0);
		assert_int_equal(symbol.offset, 0);
		assert_string_equal(symbol.module, "[kernel]");
		checked += !strcmp(symbol.name, name);
	}
	fclose(file);
	/* A few have a second name that is listed later. */
	print_message("%zu kernel functions as in kallsyms\n", checked);
	assert_true(checked > 50);
	assert_true(table.names.cap + table.entries.cap * sizeof(*table.entries.at) < 12u << 20);
	kernel_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_listing),
		cmocka_unit_test(hidden_addresses),
		cmocka_unit_test(this_kernel),
	};

	return cmocka_run_group_tests_name("symbols/kernel", tests, fixture_make, fixture_remove);
}
