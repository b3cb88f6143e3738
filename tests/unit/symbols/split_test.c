/* SPDX-License-Identifier: BSD-2-Clause */
/* Inlined functions of programs whose debugging information was split off. */
#include "inlined.h"

/* Nothing inlined, but still the function and the line. */
static void check_outer_plainly(const char *name)
{
	uint64_t address = fixture_address(name, "outer");

	for (unsigned int i = 0; i < 20; i++) {
		struct name_request r = name_at(name, address + i);

		assert_string_equal(r.function, "outer");
		assert_true(r.line);
		assert_int_equal(r.inlined_count, 0);
	}
}

static void program_build_split(const char *compiler, const char *flags)
{
	fixture_run("rm -f *.dwo *.dwp");
	program_build_by(compiler, "program", flags);
	fixture_run("ls *.dwo >/dev/null");
}

static void check_split(const char *compiler)
{
	static const char *const flags[] = {"-g -gsplit-dwarf -gdwarf-5",
					    "-g -gsplit-dwarf -gdwarf-4",
					    "-g -gsplit-dwarf -gdwarf-5 -ffunction-sections",
					    "-g -gsplit-dwarf -gdwarf-4 -ffunction-sections"};

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		program_build_split(compiler, flags[i]);
		check_outer("program", "program");
		fixture_run("mv program.dwo kept; head -c 100 kept >program.dwo");
		check_outer_plainly("program");
		fixture_run("rm program.dwo; ln -s /dev/zero program.dwo");
		check_outer_plainly("program");
		fixture_run("rm program.dwo");
		check_outer_plainly("program");
	}
}

static void split_files(void **state)
{
	(void)state;
	check_split("cc");
}

static void split_files_of_clang(void **state)
{
	(void)state;
	if (system("command -v clang >/dev/null"))
		skip();
	check_split("clang");
}

/* Those of another build are not taken: the numbers of their units are others. */
static void split_files_of_another_build(void **state)
{
	(void)state;
	program_build_split("cc", "-g -gsplit-dwarf -gdwarf-5");
	check_outer("program", "program");
	fixture_run("mkdir -p other && cd other && env -u ASAN_OPTIONS cc -O1 -g -gsplit-dwarf "
		    "-gdwarf-5 -falign-functions=64 -DOTHER -include stdio.h -o program "
		    "../program.c && mv program.dwo ..");
	check_outer_plainly("program");
}

/* All in one file beside the program. Not all tools of Debian 12 take what all of its compilers
 * make.
 */
static void split_packages(void **state)
{
	static const struct {
		const char *compiler, *flags, *tool;
	} ways[] = {
		{"cc", "-gdwarf-4", "dwp"},
		{"clang", "-gdwarf-4", "llvm-dwp"},
		{"clang", "-gdwarf-5", "llvm-dwp"},
	};
	unsigned int tried = 0;
	char command[64];

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		snprintf(command, sizeof(command), "command -v %s %s >/dev/null", ways[i].compiler,
			 ways[i].tool);
		if (system(command))
			continue;
		tried++;
		fixture_run("rm -f *.dwo *.dwp");
		fixture_write("program.c", source);
		fixture_write("more.c", "int more(int a) { return a * 3; }\n");
		fixture_run("env -u ASAN_OPTIONS %s -O1 -falign-functions=64 -g -gsplit-dwarf %s "
			    "-o program more.c program.c",
			    ways[i].compiler, ways[i].flags);
		fixture_run("timeout 20 %s -e program -o program.dwp && rm *.dwo", ways[i].tool);
		check_outer("program", "program");
		/* The head of another: its index leads nowhere. */
		fixture_run("mv program.dwp kept; head -c 100 kept >program.dwp");
		check_outer_plainly("program");
		fixture_run("rm program.dwp");
		check_outer_plainly("program");
	}
	if (!tried)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_files),
		cmocka_unit_test(split_files_of_clang),
		cmocka_unit_test(split_files_of_another_build),
		cmocka_unit_test(split_packages),
	};

	return cmocka_run_group_tests_name("symbols/split", tests, symbols_set_up,
					   symbols_tear_down);
}
