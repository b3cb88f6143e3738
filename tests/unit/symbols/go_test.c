/* SPDX-License-Identifier: BSD-2-Clause */
/* Names in stripped programs of Go, against nm of the same programs with their symbols. */
#include "ask.h"

static const char source[] = "package main\n"
			     "import \"fmt\"\n"
			     "type counter struct{ n int }\n"
			     "//go:noinline\n"
			     "func (c *counter) add(a int) int { return c.n*a + 7 }\n"
			     "func main() {\n"
			     "	c := &counter{3}\n"
			     "	f := func(a int) int { return c.add(a) + c.n }\n"
			     "	fmt.Println(f(4))\n"
			     "}\n";

static bool build(const char *flags)
{
	char command[512];

	fixture_write("counter.go", source);
	snprintf(command, sizeof(command),
		 "command -v go >/dev/null && env -u ASAN_OPTIONS HOME=$PWD GOCACHE=$PWD/cache "
		 "GOFLAGS=-mod=mod go build %s -o whole counter.go >go.log 2>&1 && "
		 "strip -o stripped whole",
		 flags);
	if (!system(command))
		return true;
	print_message("go cannot build with '%s' here: left out\n", flags);
	return false;
}

/* Every hundredth function of Go, and all of the program's own; some of the runtime's are assembly,
 * with labels and sizes of their own. */
static void check_functions(void)
{
	char line[1024], name[512];
	uint64_t address, size, functions = 0, own = 0;
	FILE *nm = popen("nm -S whole", "r");
	char type;

	assert_non_null(nm);
	while (fgets(line, sizeof(line), nm)) {
		struct name_request answer;

		if (sscanf(line, "%lx %lx %c %511[^\n]", &address, &size, &type, name) != 4 ||
		    !strchr("tT", type) || !size || !strchr(name, '.') || strstr(name, ".abi0") ||
		    (strncmp(name, "main.", 5) != 0 && functions++ % 100))
			continue;
		own += !strncmp(name, "main.", 5);
		answer = name_at("stripped", address + size - 1);
		if (!answer.function)
			fail_msg("no name for %s", name);
		assert_string_equal(answer.function, name);
		assert_int_equal(answer.offset - answer.start, size - 1);
	}
	pclose(nm);
	assert_in_range(functions, 1000, 100000);
	assert_in_range(own, 2, 100);
}

/* A table by hand, as each of Go's releases has it; the place of the code comes from a relocation.
 */
static void made_tables(void **state)
{
	static const struct {
		const char *magic, *start, *row;
	} forms[] = {
		{"0xfffffff1", "start,", ".long"},
		{"0xfffffff0", "start,", ".long"},
		{"0xfffffffa", "", ".quad start +"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		bool old = !*forms[i].start;
		char text[1024];
		uint64_t start;

		snprintf(text, sizeof(text),
			 ".text\n.fill 64, 1, 0x90\nstart: .fill 96, 1, 0x90\n"
			 ".section .gopclntab, \"aw\"\n"
			 "table: .long %s\n.byte 0, 0, 1, 8\n"
			 ".quad 2, 0, %s names - table, 0, 0, 0, rows - table\n"
			 "rows: %s 0\n%s one - rows\n%s 64\n%s two - rows\n%s 80\n"
			 "one: %s 0\n.long 0\ntwo: %s 64\n.long 10\n"
			 "names: .asciz \"main.main\"\n.asciz \"main.(*T).do\"\n"
			 ".section .note.GNU-stack, \"\", @progbits\n",
			 forms[i].magic, forms[i].start, forms[i].row, old ? ".quad" : ".long",
			 forms[i].row, old ? ".quad" : ".long", forms[i].row, forms[i].row,
			 forms[i].row);
		fixture_write("table.s", text);
		fixture_run("cc -nostdlib %s -o whole table.s 2>link.log && "
			    "strip -o stripped whole",
			    old ? "-no-pie -Wl,-e0" : "-shared");
		start = fixture_address("whole", "start");
		assert_string_equal(name_at("stripped", start + 63).function, "main.main");
		assert_string_equal(name_at("stripped", start + 64).function, "main.(*T).do");
		assert_int_equal(name_at("stripped", start + 70).start,
				 name_at("stripped", start + 64).offset);
		assert_null(name_at("stripped", start - 1).function);
		assert_null(name_at("stripped", start + 80).function);
	}
}

static void stripped_programs(void **state)
{
	(void)state;
	if (build(""))
		check_functions();
	if (build("-buildmode=pie"))
		check_functions();
}

/* Writes bytes into ./broken, a copy of ./stripped, at an offset from the begin of the table. */
static struct name_request ask_broken(uint64_t from, const void *bytes, size_t size)
{
	struct image image;
	int fd;

	fixture_run("cp stripped broken");
	fd = open("broken", O_RDWR);
	assert_int_equal(image_open(&image, fd), 0);
	assert_int_equal(pwrite(fd, bytes, size,
				(off_t)(image_section(&image, ".gopclntab")->offset + from)),
			 size);
	image_close(&image);
	return name_at("broken", fixture_address("whole", "main.main"));
}

static void broken_tables(void **state)
{
	static const uint8_t many[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};

	(void)state;
	if (!build(""))
		return;
	assert_string_equal(name_at("stripped", fixture_address("whole", "main.main")).function,
			    "main.main");
	assert_null(ask_broken(0, "\x01", 1).function);
	assert_null(ask_broken(7, "\x04", 1).function);
	for (uint64_t word = 8; word < 72; word += 8)
		if (word != 16 && (word < 40 || word == 64))
			assert_null(ask_broken(word, many, sizeof(many)).function);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_tables),
		cmocka_unit_test(stripped_programs),
		cmocka_unit_test(broken_tables),
	};

	return cmocka_run_group_tests_name("symbols/go", tests, symbols_set_up, symbols_tear_down);
}
