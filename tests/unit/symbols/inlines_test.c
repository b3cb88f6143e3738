/* SPDX-License-Identifier: BSD-2-Clause */
/* Inlined functions of programs built in many ways. */
#include "inlined.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "model/recording.h"
#include "util/clock.h"

static void formats(void **state)
{
	static const char *const flags[] = {
		"-g -gdwarf-5",          "-g -gdwarf-4",
		"-g -gdwarf-3",          "-g -gdwarf-5 -no-pie -fno-pie",
		"-g -gdwarf-4 -gz=zlib", "-g -gdwarf-5 -gz=zlib -ffunction-sections",
		"-g -gdwarf64",          "-g -fdebug-types-section -gdwarf-4",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		program_build_by("cc", "program", flags[i]);
		check_outer("program", "program");
	}
}

/* Clang's have indices instead of offsets (strx, addrx, rnglistx), and no siblings. */
static void formats_of_clang(void **state)
{
	(void)state;
	if (system("command -v clang >/dev/null"))
		skip();
	program_build_by("clang", "program", "-g -gdwarf-5");
	check_outer("program", "program");
	program_build_by("clang", "program", "-g -gdwarf-4 -ffunction-sections");
	check_outer("program", "program");
	program_build_by("clang", "program", "-g -gdwarf-5 -ffunction-sections -gz=zlib");
	check_outer("program", "program");
}

static void separate_files(void **state)
{
	(void)state;
	program_build_by("cc", "whole", "-g -Wl,--build-id");
	fixture_run("mkdir -p .debug && objcopy --only-keep-debug --compress-debug-sections=zlib "
		    "whole .debug/split.debug && strip -o split whole && "
		    "objcopy --add-gnu-debuglink=.debug/split.debug split");
	check_outer("split", "whole");
}

/* dwz(1) moves what several units have in common to a unit of its own, or to another file. */
static void shared_build(void)
{
	fixture_write("other.c", "void outer(int);\n#include \"shared.h\"\n"
				 "void second(int a) { middle(a); middle(a + 1); }\n");
	fixture_write("first.c", "#include \"shared.h\"\n"
				 "void second(int);\n"
				 "int main(int argc, char **argv)\n"
				 "{ (void)argv; middle(argc); second(argc); return sink; }\n");
	fixture_write("shared.h",
		      "struct a { int b, c, d, e; char name[50]; struct a *next; };\n"
		      "extern volatile int sink; extern struct a *all; \n"
		      "static inline __attribute__((always_inline)) int middle(int a)\n"
		      "{ struct a *at = all; sink = a; return at ? at->b + at->c : sink; }\n");
	fixture_write("data.c", "#include \"shared.h\"\nvolatile int sink; struct a *all;\n");
	fixture_run("env -u ASAN_OPTIONS cc -g -O1 -Wl,--build-id -o shared first.c other.c "
		    "data.c");
}

/* Does `second` hold the inlined `middle`? */
static bool shared_is_named(void)
{
	uint64_t address = fixture_address("shared", "second");

	for (uint64_t i = 0; i < 20; i++) {
		struct name_request r = name_at("shared", address + i);

		if (!r.function || strcmp(r.function, "second") != 0)
			break;
		if (r.inlined_count && !strcmp(r.inlined[0].function, "middle"))
			return true;
	}
	return false;
}

static void units_in_common(void **state)
{
	(void)state;
	if (system("command -v dwz >/dev/null")) {
		print_message("no dwz: skipped\n");
		skip();
	}
	shared_build();
	fixture_run("dwz shared && readelf --debug-dump=info shared | grep -q partial_unit");
	assert_true(shared_is_named());
}

/* In a child: exit status 0 = as it should be, 1 = not, 2 = it may not mount. */
static int file_in_common(void)
{
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/usr/lib/debug", "tmpfs", 0, NULL))
		return 2;
	if (system("mkdir -p /usr/lib/debug/.dwz && cp shared copy && dwz -m common.debug -M "
		   "/usr/lib/debug/.dwz/common.debug shared copy && "
		   "readelf --debug-dump=info shared | grep -q '(alt '"))
		return 1;
	/* Not there; there; there, but another build. */
	if (shared_is_named() || system("cp common.debug /usr/lib/debug/.dwz/") ||
	    !shared_is_named() ||
	    system("objcopy --remove-section .note.gnu.build-id common.debug "
		   "/usr/lib/debug/.dwz/common.debug"))
		return 1;
	return shared_is_named();
}

static void files_in_common(void **state)
{
	int status = 0;
	pid_t child;

	(void)state;
	if (system("command -v dwz >/dev/null"))
		skip();
	shared_build();
	child = fork();
	if (!child)
		_exit(file_in_common());
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WEXITSTATUS(status) == 2) {
		print_message("no right to mount over /usr/lib/debug: skipped\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* True where this machine's objcopy can do so. */
static bool compress(const char *name)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "objcopy --compress-debug-sections=zstd %s packed 2>/dev/null && "
		 "readelf -tW packed | grep -q ZSTD",
		 name);
	return !system(command);
}

static void zstd_sections(void **state)
{
	(void)state;
	program_build_by("cc", "program", "-g -gdwarf-5");
	if (!compress("program")) {
		print_message("objcopy does not know zstd: skipped\n");
		skip();
	}
	check_outer("packed", "program");
	program_build_by("cc", "program", "-g -gdwarf-4");
	assert_true(compress("program"));
	check_outer("packed", "program");
}

/* Writes over a number in the header of the compressed section: of its type, 0; of its size, 8. */
static void packed_patch(const char *section, uint64_t at, uint64_t value, size_t size)
{
	int fd = open("packed", O_RDWR);
	struct image image;
	const struct image_section *found;

	assert_int_equal(image_open(&image, fd), 0);
	found = image_section(&image, section);
	assert_non_null(found);
	assert_int_equal(pwrite(fd, &value, size, (off_t)(found->offset + at)), (ssize_t)size);
	image_close(&image);
}

/* What a compressed section says of itself is not believed. */
static void compressed_lies(void **state)
{
	static const uint64_t sizes[] = {0, 1, 1ull << 20, 1ull << 40, UINT64_MAX};
	uint64_t outer, before = time_now();

	(void)state;
	program_build_by("cc", "program", "-g -gdwarf-5");
	outer = fixture_address("program", "outer");
	for (int zlib = 0; zlib < 2; zlib++) {
		if (zlib)
			fixture_run("objcopy --compress-debug-sections=zlib program packed");
		else if (!compress("program"))
			continue;
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			packed_patch(".debug_info", 8, sizes[i], 8);
			assert_string_equal(name_at("packed", outer).function, "outer");
			assert_int_equal(name_at("packed", outer + 12).inlined_count, 0);
		}
		packed_patch(".debug_info", 0, 77, 4);
		assert_int_equal(name_at("packed", outer + 12).inlined_count, 0);
		/* Broken in the middle; .debug_line is read as a stream. */
		packed_patch(".debug_line", 40, 0x1234567890abcdef, 8);
		assert_string_equal(name_at("packed", outer).function, "outer");
	}
	assert_true(time_now() - before < 20000000000ull);
}

static void mangled_names(void **state)
{
	struct name_request r;

	(void)state;
	fixture_write("names.cc",
		      "volatile int sink;\n"
		      "namespace app { template <class T> struct box { T t;\n"
		      "__attribute__((always_inline)) void put(T a) { sink = t = a; } }; }\n"
		      "extern \"C\" void outer(int a) { app::box<int> b; b.put(a); }\n"
		      "int main() { outer(1); }\n");
	/* Where functions begin with endbr64 (Ubuntu), nothing is inlined at their first byte. */
	fixture_run("env -u ASAN_OPTIONS c++ -g -O1 -fcf-protection=none -o names names.cc");
	r = name_at("names", fixture_address("names", "outer"));
	assert_int_equal(r.inlined_count, 1);
	assert_string_equal(r.inlined[0].function, "app::box<int>::put(int)");
	assert_int_equal(r.inlined[0].line, 3);
	assert_int_equal(r.line, 4);
}

/* Code of a lambda within a function that has none, as it was inlined everywhere. */
static void lambdas_of_inlined_functions(void **state)
{
	struct name_request r;

	(void)state;
	fixture_write(
		"lambda.cc",
		"volatile int sink;\n"
		"static inline __attribute__((always_inline)) void inner(int a) { sink = a; }\n"
		"static inline __attribute__((always_inline)) int around(int n) {\n"
		"auto body = [](int a) __attribute__((noinline)) {\n"
		"inner(a); };\n"
		"body(n); body(2); return n; }\n"
		"int main(int argc, char **) { return around(argc); }\n");
	fixture_run("env -u ASAN_OPTIONS c++ -g -O1 -fcf-protection=none -o lambda lambda.cc");
	r = name_at("lambda", fixture_address("lambda", "_ZZL6aroundiENKUliE_clEi"));
	assert_int_equal(r.inlined_count, 1);
	assert_string_equal(r.inlined[0].function, "inner");
	assert_int_equal(r.inlined[0].line, 2);
	assert_int_equal(r.line, 5);
}

static const struct frame *stack_frame(const struct recording *rec, const struct stack *stack,
				       uint32_t i)
{
	return &rec->frames.at[rec->stack_frames.at[stack->first + i]];
}

/* What stacks of a recording become: each function a frame of its own, in the right order. */
static void stacks_of_a_recording(void **state)
{
	struct recording *rec = recording_new();
	char path[256], id[IMAGE_ID];
	uint64_t outer;
	size_t expanded = 0;
	struct image image;
	uint32_t module;
	int fd;

	(void)state;
	program_build_by("cc", "program", "-g");
	snprintf(path, sizeof(path), "%s/program", fixture_directory);
	fd = open(path, O_RDONLY);
	assert_int_equal(image_identity(fd, id), 0);
	assert_int_equal(image_open(&image, fd), 0);
	assert_true(image_offset(&image, fixture_address("program", "outer"), &outer));
	image_close(&image);
	module = module_intern(rec, path, id);
	for (uint32_t i = 0; i < 60; i++) {
		uint32_t frame = frame_intern(rec, FRAME_USER, module, outer + i, 0);

		stack_intern(rec, &frame, 1, 0, STACK_COMPLETE);
	}
	/* Strait can open it by its path, but it is not known to last: all is looked up at once. */
	assert_true(symbols_resolve_quick(symbols, rec) > 30);
	stacks_expand(rec, 0);
	vec_each(&rec->stacks, stack) {
		const struct frame *last = stack_frame(rec, stack, stack->len - 1);

		assert_int_equal(last->inlined, 0);
		for (uint32_t i = 0; i < stack->len; i++) {
			const struct frame *frame = stack_frame(rec, stack, i);

			assert_int_equal(frame->inlined, stack->len - 1 - i);
			assert_int_equal(frame->offset, last->offset);
			assert_int_equal(frame->named, 1);
		}
		if (stack->len != 3)
			continue;
		expanded++;
		assert_string_equal(string_get(rec, stack_frame(rec, stack, 0)->function), "inner");
		assert_string_equal(string_get(rec, stack_frame(rec, stack, 1)->function),
				    "middle");
		assert_string_equal(string_get(rec, last->function), "outer");
		assert_int_equal(stack_frame(rec, stack, 1)->line, 9);
		assert_int_equal(last->line, 15);
	}
	assert_true(expanded > 3);
	/* Once more changes nothing. */
	expanded = rec->stack_frames.len;
	assert_int_equal(symbols_resolve(symbols, rec), 0);
	stacks_expand(rec, 0);
	assert_int_equal(rec->stack_frames.len, expanded);
	recording_free(rec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats),
		cmocka_unit_test(formats_of_clang),
		cmocka_unit_test(separate_files),
		cmocka_unit_test(units_in_common),
		cmocka_unit_test(files_in_common),
		cmocka_unit_test(zstd_sections),
		cmocka_unit_test(compressed_lies),
		cmocka_unit_test(mangled_names),
		cmocka_unit_test(lambdas_of_inlined_functions),
		cmocka_unit_test(stacks_of_a_recording),
	};

	return cmocka_run_group_tests_name("symbols/inlines", tests, symbols_set_up,
					   symbols_tear_down);
}
