/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and lines of files built in many ways, against what was written in their source, and nm. */
#include "ask.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

static void check(const char *name, uint64_t address, const char *function, const char *source,
		  uint32_t line)
{
	struct name_request answer = name_at(name, address);

	if (!function)
		assert_null(answer.function);
	else if (!answer.function)
		fail_msg("%s has no name for %s", name, function);
	else
		assert_string_equal(answer.function, function);
	if (!source) {
		assert_null(answer.source);
	} else {
		assert_non_null(answer.source);
		assert_string_equal(strrchr(answer.source, '/') ? strrchr(answer.source, '/') + 1
								: answer.source,
				    source);
	}
	assert_int_equal(answer.line, line);
}

/* Symbols of `from` (the same build, not stripped) in the file `name`. */
static void check_all(const char *name, const char *from, bool table, bool lines)
{
	const char *source = lines ? "program.c" : NULL;

	check(name, fixture_address(from, "hidden"), table ? "hidden" : NULL, source,
	      lines ? 4 : 0);
	check(name, fixture_address(from, "_ZN3app4workEi"), "app::work(int)", source,
	      lines ? 15 : 0);
	check(name, fixture_address(from, "spinner"), "spinner", source, lines ? 8 : 0);
	check(name, fixture_address(from, "main"), "main", source, lines ? 20 : 0);
}

static void symbol_tables(void **state)
{
	(void)state;
	fixture_build("pie", "-pie -fPIE");
	check_all("pie", "pie", true, false);
	fixture_build("fixed", "-no-pie -fno-pie");
	check_all("fixed", "fixed", true, false);
	/* Only what is exported keeps its name. */
	fixture_build("exporting", "-rdynamic");
	fixture_run("strip -o stripped exporting");
	check_all("stripped", "exporting", false, false);
	fixture_run("strip -o nothing fixed");
	check("nothing", fixture_address("fixed", "main"), NULL, NULL, 0);
}

static void line_tables(void **state)
{
	static const char *const flags[] = {
		"-O0 -g -gdwarf-5",          "-O0 -g -gdwarf-4",
		"-O0 -g -gdwarf-3",          "-O0 -g -gdwarf-2 -gstrict-dwarf",
		"-O0 -g -gz=zlib -gdwarf-5", "-O0 -g -gz=zlib -gdwarf-4 -no-pie",
		"-O0 -g -gdwarf64",          "-O0 -g -fdebug-prefix-map=/tmp=.",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		fixture_build("lines", flags[i]);
		check_all("lines", "lines", true, true);
	}
}

static void lines_within_a_function(void **state)
{
	uint64_t start, size = 0;
	bool seen[23] = {};

	(void)state;
	fixture_build("lines", "-O0 -g");
	start = fixture_address("lines", "spinner");
	for (; size < 256; size++) {
		struct name_request answer = name_at("lines", start + size);

		if (!answer.function)
			break;
		assert_string_equal(answer.function, "spinner");
		assert_int_equal(answer.start, name_at("lines", start).offset);
		assert_in_range(answer.line, 8, 12);
		seen[answer.line] = true;
	}
	/* The function has an end, and the table all of its lines. */
	assert_in_range(size, 8, 200);
	assert_true(seen[8] && seen[9] && seen[10] && seen[11]);
}

static void separate_debug_files(void **state)
{
	(void)state;
	fixture_build("split", "-O0 -g -Wl,--build-id");
	fixture_run("cp split whole; objcopy --only-keep-debug split split.debug;"
		    "strip split; objcopy --add-gnu-debuglink=split.debug split");
	check_all("split", "whole", true, true);
	fixture_run("mkdir .debug && mv split.debug .debug/");
	check_all("split", "whole", true, true);
	/* One of another build is not believed. */
	fixture_build("other", "-g -O2 -Wl,--build-id");
	fixture_run("objcopy --only-keep-debug other .debug/split.debug");
	check("split", fixture_address("whole", "hidden"), NULL, NULL, 0);
	fixture_run("rm -r .debug");
	check("split", fixture_address("whole", "hidden"), NULL, NULL, 0);
}

/* In a child: exit status 0 = named, 1 = not, 2 = it may not mount. */
static int named_by_build_id(const char *debug)
{
	char id[IMAGE_ID], path[256];
	struct name_request answer;
	int fd = open("stripped", O_RDONLY);

	if (image_identity(fd, id) || unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/usr/lib/debug", "tmpfs", 0, NULL))
		return 2;
	snprintf(path, sizeof(path),
		 "mkdir -p /usr/lib/debug/.build-id/%.2s; "
		 "cp %s /usr/lib/debug/.build-id/%.2s/%s.debug",
		 id, debug, id, id + 2);
	if (system(path))
		return 2;
	answer = name_at("stripped", fixture_address("whole", "hidden"));
	return !answer.function || strcmp(answer.function, "hidden") != 0 || answer.line != 4;
}

static int status_of(const char *debug)
{
	int status = 0;
	pid_t child = fork();

	if (!child)
		_exit(named_by_build_id(debug));
	assert_int_equal(waitpid(child, &status, 0), child);
	return WEXITSTATUS(status);
}

static void debug_files_by_build_id(void **state)
{
	int status;

	(void)state;
	fixture_build("whole", "-O0 -g -Wl,--build-id");
	fixture_run("objcopy --only-keep-debug whole whole.debug; strip -o stripped whole");
	fixture_build("other", "-O2 -g -Wl,--build-id");
	fixture_run("objcopy --only-keep-debug other other.debug");
	fixture_build("whole", "-O0 -g -Wl,--build-id");
	status = status_of("whole.debug");
	if (status == 2) {
		print_message("no right to mount over /usr/lib/debug: skipped\n");
		skip();
	}
	assert_int_equal(status, 0);
	/* The right name, but another build. */
	assert_int_equal(status_of("other.debug"), 1);
}

static void compressed_small_table(void **state)
{
	(void)state;
	if (system("command -v xz >/dev/null")) {
		print_message("no xz: skipped\n");
		skip();
	}
	fixture_build("full", "-rdynamic");
	fixture_run("objcopy -S --keep-symbol=hidden full small && xz -k small && "
		    "strip -o packed full && "
		    "objcopy --add-section .gnu_debugdata=small.xz packed");
	check_all("packed", "full", true, false);
	fixture_run("head -c 100 small.xz > cut.xz && strip -o broken full && "
		    "objcopy --add-section .gnu_debugdata=cut.xz broken");
	check_all("broken", "full", false, false);
}

static void spin_loops(void **state)
{
	(void)state;
	fixture_build("pie", "-pie -fPIE");
	assert_true(name_at("pie", fixture_address("pie", "spinner")).pause);
	assert_true(name_at("pie", fixture_address("pie", "spinner") + 6).pause);
	assert_false(name_at("pie", fixture_address("pie", "hidden")).pause);
	assert_false(name_at("pie", fixture_address("pie", "_ZN3app4workEi")).pause);
	assert_false(name_at("pie", fixture_address("pie", "main")).pause);
}

static void assembly_without_sizes(void **state)
{
	uint64_t bare;

	(void)state;
	fixture_build("pie", "-pie -fPIE");
	bare = fixture_address("pie", "bare");
	check("pie", bare, "bare", NULL, 0);
	check("pie", bare + 2, "bare", NULL, 0);
}

static void linkage_table(void **state)
{
	uint64_t address = 0, plt;
	char line[256];
	FILE *dump;

	(void)state;
	fixture_write("calls.c",
		      "#include <stdlib.h>\n#include <unistd.h>\n"
		      "int main(int c, char **v) { return atoi(v[0]) + usleep((unsigned)c)"
		      " + getppid(); }\n");
	fixture_run("cc -O0 -Wl,-z,lazy -o lazy calls.c");
	dump = popen("objdump -d lazy", "r");
	assert_non_null(dump);
	while (fgets(line, sizeof(line), dump))
		if (sscanf(line, "%lx <", &plt) == 1 && strstr(line, "<usleep@plt>:"))
			address = plt;
	pclose(dump);
	assert_int_not_equal(address, 0);
	check("lazy", address, "usleep@plt", NULL, 0);
	check("lazy", address + 6, "usleep@plt", NULL, 0);
}

struct known {
	uint64_t address, size;
	char name[64];
};

static size_t exports_read(const char *path, struct known *known, size_t most)
{
	char line[512], type;
	size_t count = 0;
	FILE *list;

	snprintf(line, sizeof(line), "nm -D -S --defined-only '%s'", path);
	list = popen(line, "r");
	assert_non_null(list);
	while (count < most && fgets(line, sizeof(line), list)) {
		struct known *k = &known[count];

		if (sscanf(line, "%lx %lx %c %63[^@\n]", &k->address, &k->size, &type, k->name) ==
		    4)
			count += strchr("TtWi", type) != NULL;
	}
	pclose(list);
	return count;
}

static bool known_as(const struct known *known, size_t count, uint64_t address, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (known[i].address == address && !strcmp(known[i].name, name))
			return true;
	return false;
}

/* Functions that the C library exports, at places inside of them, against nm. */
static void c_library(void **state)
{
	static struct known known[8000];
	char path[256] = "";
	size_t count, right = 0, inner = 0;
	FILE *list = popen("ldd /bin/sh | sed -n 's/.* => \\(.*libc[.]so[^ ]*\\) .*/\\1/p'", "r");

	(void)state;
	assert_non_null(list);
	if (!fgets(path, sizeof(path), list))
		skip();
	pclose(list);
	path[strcspn(path, "\n")] = '\0';
	count = exports_read(path, known, 8000);
	assert_true(count > 1000);
	for (size_t i = 0; i < count; i += 6) {
		struct name_request answer = name_at(path, known[i].address + known[i].size / 2);
		uint64_t into = answer.offset - answer.start;

		assert_non_null(answer.function);
		/* With a debug file there, a smaller function inside of it may be known too. */
		if (into != known[i].size / 2)
			inner++;
		else if (known_as(known, count, known[i].address, answer.function))
			right++;
		else
			fail_msg("%s is not at %lx", answer.function, known[i].address);
	}
	print_message("%zu exports named as by nm, %zu inner functions\n", right, inner);
	assert_true(right > 300 && inner < right / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(symbol_tables),
		cmocka_unit_test(line_tables),
		cmocka_unit_test(lines_within_a_function),
		cmocka_unit_test(separate_debug_files),
		cmocka_unit_test(debug_files_by_build_id),
		cmocka_unit_test(compressed_small_table),
		cmocka_unit_test(spin_loops),
		cmocka_unit_test(assembly_without_sizes),
		cmocka_unit_test(linkage_table),
		cmocka_unit_test(c_library),
	};

	return cmocka_run_group_tests_name("symbols/naming", tests, symbols_set_up,
					   symbols_tear_down);
}
