/* SPDX-License-Identifier: BSD-2-Clause */
/* Where functions of stripped files begin, against nm of the same files with their symbols. */
#include "ask.h"

/* Each function of a size, as nm prints it: its addresses must lead to its begin. */
static size_t check_functions(const char *whole, const char *stripped)
{
	char command[256], line[512];
	uint64_t address, size;
	size_t functions = 0;
	FILE *nm;
	char type;

	snprintf(command, sizeof(command), "nm -S %s", whole);
	nm = popen(command, "r");
	assert_non_null(nm);
	while (fgets(line, sizeof(line), nm)) {
		/* Without a size: assembly, with no unwind table either. Weak ones keep their
		 * names. */
		if (sscanf(line, "%lx %lx %c", &address, &size, &type) != 3 ||
		    !strchr("tT", type) || !size)
			continue;
		functions++;
		for (uint64_t at = 0; at < size; at += at + 7 < size ? 7 : 1) {
			struct name_request here = name_at(stripped, address + at);

			if (here.function)
				fail_msg("%s+0x%lx has a name: %s", stripped, at, here.function);
			if (here.offset - here.start != at)
				fail_msg("%s+0x%lx: begins 0x%lx before it: %s", stripped, at,
					 here.offset - here.start, line);
		}
	}
	pclose(nm);
	return functions;
}

static void build(const char *compiler, const char *flags)
{
	fixture_run("env -u ASAN_OPTIONS %s %s -o whole source.cc && strip -o stripped whole",
		    compiler, flags);
}

/* Throwing gives functions tables of their own, and cold parts. */
static const char source[] =
	"#include <stdlib.h>\n"
	"#include <string>\n"
	"namespace {\n"
	"struct guard { int *at; ~guard() { ++*at; } };\n"
	"__attribute__((noinline)) int local(int a) { int n = 0; guard g{&n};\n"
	"	if (a > 40) throw std::string(\"much\"); return atoi(\"5\") * a + n; }\n"
	"__attribute__((noinline)) int many(int a) { volatile int s = 0;\n"
	"	for (int i = 0; i < a; i++) { s += i * a; if (s % 7) s -= 3; } return s; }\n"
	"}\n"
	"int main(int argc, char **)\n"
	"{\n"
	"	try { return local(argc) + many(argc); } catch (std::string &s) { return 1; }\n"
	"}\n";

static void begins_are_those_of_nm(void **state)
{
	static const char *const built[][2] = {
		{"c++", "-O2 -pie -fPIE"}, {"c++", "-O0 -no-pie -fno-pie"},
		{"c++", "-O2 -static"},    {"c++", "-O2 -Wl,--no-eh-frame-hdr"},
		{"clang++", "-O2"},        {"clang++", "-O1 -fuse-ld=lld"},
	};

	(void)state;
	fixture_write("source.cc", source);
	for (size_t i = 0; i < sizeof(built) / sizeof(*built); i++) {
		char command[128];

		snprintf(command, sizeof(command), "command -v %s >/dev/null && %s", built[i][0],
			 strstr(built[i][1], "lld") ? "command -v ld.lld >/dev/null" : "true");
		if (system(command)) {
			print_message("no %s here: %s is left out\n", built[i][0], built[i][1]);
			continue;
		}
		build(built[i][0], built[i][1]);
		/* A whole C library has functions of which no table tells, or in two parts. */
		if (!strstr(built[i][1], "-static"))
			assert_in_range(check_functions("whole", "stripped"), 4, 1000);
		else
			assert_int_equal(
				name_at("stripped", fixture_address("whole", "main") + 9).start,
				name_at("whole", fixture_address("whole", "main")).offset);
	}
}

/* What no entry covers begins nowhere; a name is a name. */
static void what_no_table_covers(void **state)
{
	struct name_request answer;

	(void)state;
	fixture_build("whole", "-O1 -fno-pie -no-pie");
	fixture_run("strip -o stripped whole");
	answer = name_at("stripped", fixture_address("whole", "bare") + 1);
	assert_null(answer.function);
	assert_int_equal(answer.start, 0);
	answer = name_at("whole", fixture_address("whole", "hidden") + 1);
	assert_string_equal(answer.function, "hidden");
	assert_int_equal(answer.start, answer.offset - 1);
	answer = name_at("stripped", fixture_address("whole", "spinner") + 4);
	assert_int_equal(answer.start, answer.offset - 4);
	assert_true(answer.pause);
	fixture_build("whole", "-fno-pie -no-pie -fno-asynchronous-unwind-tables");
	fixture_run("strip -o stripped whole");
	assert_int_equal(name_at("stripped", fixture_address("whole", "main")).start, 0);
}

/* Writes bytes into ./broken, a copy of ./stripped, at an offset from the begin of a section. */
static void section_break(const char *name, uint64_t from, const void *bytes, size_t size)
{
	struct image image;
	int fd;

	fixture_run("cp stripped broken");
	fd = open("broken", O_RDWR);
	assert_int_equal(image_open(&image, fd), 0);
	assert_non_null(image_section(&image, name));
	assert_int_equal(
		pwrite(fd, bytes, size, (off_t)(image_section(&image, name)->offset + from)), size);
	image_close(&image);
}

/* Tables that lie: nothing is said rather than something wrong, and all of it ends. */
static void broken_tables(void **state)
{
	static const uint8_t many[4] = {0xff, 0xff, 0xff, 0x7f}, ones[64] = {[0 ... 63] = 0xff};
	uint64_t address;

	(void)state;
	fixture_build("whole", "-fno-pie -no-pie -Wl,--build-id=none");
	fixture_run("strip -o stripped whole");
	address = fixture_address("whole", "spinner") + 2;
	assert_true(name_at("stripped", address).start);
	section_break(".eh_frame_hdr", 8, many, sizeof(many));
	assert_int_equal(name_at("broken", address).start, 0);
	section_break(".eh_frame_hdr", 3, "\x1b", 1);
	assert_int_equal(name_at("broken", address).start, 0);
	section_break(".eh_frame_hdr", 12, ones, 16);
	name_at("broken", address);
	/* The rows still lead to entries, which are none. */
	section_break(".eh_frame", 0, ones, 64);
	assert_int_equal(name_at("broken", address).start, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_are_those_of_nm),
		cmocka_unit_test(what_no_table_covers),
		cmocka_unit_test(broken_tables),
	};

	return cmocka_run_group_tests_name("symbols/begins", tests, symbols_set_up,
					   symbols_tear_down);
}
