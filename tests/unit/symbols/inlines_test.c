/* SPDX-License-Identifier: BSD-2-Clause */
/* Inlined functions of programs built in many ways, and of debugging information that is broken. */
#include "fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "model/recording.h"
#include "symbols/clock.h"
#include "symbols/image.h"
#include "symbols/inlines.h"
#include "symbols/lines.h"
#include "symbols/symbols.h"

static struct symbols *symbols;

static int make(void **state)
{
	symbols = symbols_new();
	return fixture_make(state);
}

static int clean(void **state)
{
	symbols_free(symbols);
	return fixture_remove(state);
}

/* Line numbers matter. `sink` makes sure that each line has code. */
static const char source[] =
	"volatile int sink;\n"                                              /* 1 */
	"static inline __attribute__((always_inline)) void inner(int a)\n"  /* 2 */
	"{\n"                                                               /* 3 */
	"	sink = a * 3;\n"                                            /* 4 */
	"}\n"                                                               /* 5 */
	"static inline __attribute__((always_inline)) void middle(int a)\n" /* 6 */
	"{\n"                                                               /* 7 */
	"	sink = a;\n"                                                /* 8 */
	"	inner(a + 1);\n"                                            /* 9 */
	"	sink = 5;\n"                                                /* 10 */
	"}\n"                                                               /* 11 */
	"__attribute__((noinline)) void outer(int a)\n"                     /* 12 */
	"{\n"                                                               /* 13 */
	"	sink = 7;\n"                                                /* 14 */
	"	middle(a);\n"                                               /* 15 */
	"	sink = 9;\n"                                                /* 16 */
	"	inner(a);\n"                                                /* 17 */
	"	sink = 11;\n"                                               /* 18 */
	"}\n"                                                               /* 19 */
	"int main(int argc, char **argv)\n"                                 /* 20 */
	"{\n"                                                               /* 21 */
	"	(void)argv;\n"                                              /* 22 */
	"	outer(argc);\n"                                             /* 23 */
	"	return sink;\n"                                             /* 24 */
	"}\n";                                                              /* 25 */

/* The answer for an address of a file in the fixture's directory; text valid until the next one. */
static struct name_request name_at(const char *name, uint64_t address)
{
	static char path[256], id[IMAGE_ID];
	struct name_request request = {.file = SYMBOLS_NO_FILE, .path = path, .build_id = id};
	struct image image;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fixture_directory, name);
	fd = open(path, O_RDONLY);
	assert_int_equal(image_identity(fd, id), 0);
	assert_int_equal(image_open(&image, fd), 0);
	assert_true(image_offset(&image, address, &request.offset));
	image_close(&image);
	symbols_name(symbols, &request, 1);
	return request;
}

static bool source_ends(const char *path, const char *end)
{
	return path && strlen(path) >= strlen(end) &&
	       !strcmp(path + strlen(path) - strlen(end), end);
}

/* Every byte of `outer` is in the function, and at the line, that the source has there. */
static void check_outer(const char *name, const char *symbols_of)
{
	uint64_t address = fixture_address(symbols_of, "outer");
	unsigned int plain = 0, one = 0, two = 0, again = 0;

	for (unsigned int i = 0; i < 200; i++) {
		struct name_request r = name_at(name, address + i);

		if (!r.function || strcmp(r.function, "outer") != 0)
			break;
		assert_true(source_ends(r.source, "program.c"));
		if (r.inlined_count == 0) {
			assert_true((r.line >= 12 && r.line <= 19));
			plain++;
		} else if (r.inlined_count == 2) {
			assert_int_equal(r.line, 15);
			assert_string_equal(r.inlined[0].function, "middle");
			assert_int_equal(r.inlined[0].line, 9);
			assert_string_equal(r.inlined[1].function, "inner");
			assert_in_range(r.inlined[1].line, 3, 5);
			assert_true(source_ends(r.inlined[1].source, "program.c"));
			two++;
		} else if (!strcmp(r.inlined[0].function, "inner")) {
			assert_int_equal(r.inlined_count, 1);
			assert_int_equal(r.line, 17);
			assert_in_range(r.inlined[0].line, 3, 5);
			again++;
		} else {
			assert_int_equal(r.inlined_count, 1);
			assert_int_equal(r.line, 15);
			assert_string_equal(r.inlined[0].function, "middle");
			assert_in_range(r.inlined[0].line, 7, 11);
			assert_true(source_ends(r.inlined[0].source, "program.c"));
			one++;
		}
	}
	assert_true(plain > 10 && one > 5 && two > 5 && again > 5);
}

static void program_build_by(const char *compiler, const char *name, const char *flags)
{
	fixture_write("program.c", source);
	fixture_run("env -u ASAN_OPTIONS %s -O1 -falign-functions=64 -o %s program.c %s", compiler,
		    name, flags);
}

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
	fixture_run("env -u ASAN_OPTIONS c++ -g -O1 -o names names.cc");
	r = name_at("names", fixture_address("names", "outer"));
	assert_int_equal(r.inlined_count, 1);
	assert_string_equal(r.inlined[0].function, "app::box<int>::put(int)");
	assert_int_equal(r.inlined[0].line, 3);
	assert_int_equal(r.line, 4);
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
		const uint32_t *at = &rec->stack_frames.at[stack->first];
		const struct frame *last = &rec->frames.at[at[stack->len - 1]];

		assert_int_equal(last->inlined, 0);
		for (uint32_t i = 0; i < stack->len; i++) {
			const struct frame *frame = &rec->frames.at[at[i]];

			assert_int_equal(frame->inlined, stack->len - 1 - i);
			assert_int_equal(frame->offset, last->offset);
			assert_int_equal(frame->named, 1);
		}
		if (stack->len != 3)
			continue;
		expanded++;
		assert_string_equal(string_get(rec, rec->frames.at[at[0]].function), "inner");
		assert_string_equal(string_get(rec, rec->frames.at[at[1]].function), "middle");
		assert_string_equal(string_get(rec, last->function), "outer");
		assert_int_equal(rec->frames.at[at[1]].line, 9);
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

/* ---- what no compiler writes ---- */

/* One unit of DWARF 4 that has 4096 bytes of code at `start`; `entries` are within it. */
static void broken_build(const char *entries)
{
	FILE *file = fopen("broken.s", "w");

	assert_non_null(file);
	fprintf(file,
		".globl main\n.text\n.p2align 12\n.type main, @function\nmain:\nstart:\n"
		".fill 4096, 1, 0x90\nret\nfinish:\n.size main, .-main\n"
		".section .debug_abbrev,\"\",@progbits\n"
		".uleb128 1\n.uleb128 0x11\n.byte 1\n" /* unit */
		".uleb128 0x11,1\n.uleb128 0x12,7\n.byte 0,0\n"
		".uleb128 2\n.uleb128 0x2e\n.byte 1\n" /* function with children */
		".uleb128 0x11,1\n.uleb128 0x12,7\n.byte 0,0\n"
		".uleb128 3\n.uleb128 0x1d\n.byte 1\n" /* inlined call with children */
		".uleb128 0x31,0x13\n.uleb128 0x11,1\n.uleb128 0x12,7\n.uleb128 0x59,0x0b\n.byte "
		"0,0\n"
		".uleb128 4\n.uleb128 0x2e\n.byte 0\n" /* a name, and another entry's */
		".uleb128 3,8\n.uleb128 0x31,0x13\n.byte 0,0\n"
		".uleb128 5\n.uleb128 0x2e\n.byte 0\n" /* only another entry's name */
		".uleb128 0x31,0x13\n.byte 0,0\n"
		".uleb128 6\n.uleb128 0x2e\n.byte 1\n" /* a function with a sibling */
		".uleb128 1,0x13\n.uleb128 0x11,1\n.uleb128 0x12,7\n.byte 0,0\n"
		".uleb128 7\n.uleb128 0x2e\n.byte 0\n" /* a block */
		".uleb128 3,9\n.byte 0,0\n"
		".uleb128 8\n.uleb128 0x1d\n.byte 0\n" /* a call with a list of ranges */
		".uleb128 0x31,0x13\n.uleb128 0x55,0x17\n.byte 0,0\n"
		".uleb128 9\n.uleb128 0x2e\n.byte 0\n" /* a name alone */
		".uleb128 3,8\n.byte 0,0\n"
		".byte 0\n"
		".section .debug_ranges,\"\",@progbits\nranges:\n"
		".quad 0,16\n.quad 0,-1\n.quad -1,5\n.quad 0,0\n"
		".section .debug_info,\"\",@progbits\nunit:\n.4byte last - first\nfirst:\n"
		".2byte 4\n.4byte .debug_abbrev\n.byte 8\n"
		".uleb128 1\n.8byte start\n.8byte finish - start\n"
		"%s\n.byte 0,0,0,0\nlast:\n",
		entries);
	fclose(file);
	fixture_run("cc -no-pie -nostdlib -Wl,-e,main -o broken broken.s");
}

#define FUNCTION       ".uleb128 2\n.8byte start\n.8byte finish - start\n"
#define CALL(to, line) ".uleb128 3\n.4byte " to " - unit\n.8byte start\n.8byte 64\n.byte " line "\n"

static struct name_request broken_ask(uint64_t offset)
{
	uint64_t before = time_now();
	struct name_request r = name_at("broken", fixture_address("broken", "main") + offset);

	assert_true(time_now() - before < 5000000000ull);
	assert_string_equal(r.function, "main");
	return r;
}

static void references_in_circles(void **state)
{
	struct name_request r;

	(void)state;
	broken_build(FUNCTION CALL("a", "3") ".byte 0\n.byte 0\n"
					     "a: .uleb128 4\n.asciz \"alpha\"\n.4byte b - unit\n"
					     "b: .uleb128 5\n.4byte a - unit\n");
	r = broken_ask(5);
	assert_int_equal(r.inlined_count, 1);
	assert_string_equal(r.inlined[0].function, "alpha");
	assert_int_equal(r.line, 3);
	assert_int_equal(broken_ask(64).inlined_count, 0);
	/* To itself, with no name; out of the unit; into the middle of an entry. */
	broken_build(FUNCTION CALL("a", "3") ".byte 0\n.byte 0\na: .uleb128 5\n.4byte a - unit\n");
	assert_int_equal(broken_ask(5).inlined_count, 0);
	assert_int_equal(broken_ask(5).line, 3);
	/* The outermost has no name: what is in it is not told of, whatever its name. */
	broken_build(FUNCTION CALL("a", "3") CALL(
		"b", "4") ".byte 0\n.byte 0\n.byte 0\n"
			  "a: .uleb128 5\n.4byte a - unit\nb: .uleb128 9\n.asciz \"beta\"\n");
	assert_int_equal(broken_ask(5).inlined_count, 0);
	assert_int_equal(broken_ask(5).line, 3);
	broken_build(FUNCTION CALL("first + 0x7fffffff", "3") ".byte 0\n");
	assert_int_equal(broken_ask(5).inlined_count, 0);
	broken_build(FUNCTION CALL("unit + 1", "3") ".byte 0\n");
	assert_int_equal(broken_ask(5).inlined_count, 0);
}

static void deep_nesting(void **state)
{
	static char text[1 << 20];
	struct name_request r;
	size_t length = 0;

	(void)state;
	length += (size_t)sprintf(text + length, FUNCTION);
	for (int i = 0; i < 5000; i++)
		length += (size_t)sprintf(text + length, CALL("a", "%d"), i % 250 + 1);
	length += (size_t)sprintf(text + length,
				  ".fill 5001, 1, 0\na: .uleb128 9\n.asciz \"deep\"\n");
	broken_build(text);
	r = broken_ask(5);
	assert_int_equal(r.inlined_count, SYMBOLS_INLINED);
	assert_int_equal(r.line, 1);
	for (size_t i = 0; i < r.inlined_count; i++) {
		assert_string_equal(r.inlined[i].function, "deep");
		assert_int_equal(r.inlined[i].line, i + 2);
	}
}

static void sizes_that_lie(void **state)
{
	(void)state;
	/* A sibling that lies behind, in itself, far out. */
	broken_build("x: .uleb128 6\n.4byte x - unit\n.8byte 1\n.8byte 2\n.byte 0\n" FUNCTION CALL(
		"a", "3") ".byte 0\n.byte 0\na: .uleb128 9\n.asciz \"alpha\"\n");
	assert_int_equal(broken_ask(5).inlined_count, 1);
	broken_build(
		"x: .uleb128 6\n.4byte 0xfffffff0\n.8byte 1\n.8byte 2\n.byte 0\n" FUNCTION CALL(
			"a", "3") ".byte 0\n.byte 0\na: .uleb128 9\n.asciz \"alpha\"\n");
	assert_int_equal(broken_ask(5).inlined_count, 1);
	/* A block of 2^63 bytes ends the unit; so does an unknown entry. */
	broken_build(".uleb128 7\n.uleb128 0x7fffffffffffffff\n" FUNCTION CALL(
		"a", "3") ".byte 0\n.byte 0\na: .uleb128 9\n.asciz \"alpha\"\n");
	assert_int_equal(broken_ask(5).inlined_count, 0);
	broken_build(".uleb128 99\n" FUNCTION CALL(
		"a", "3") ".byte 0\n.byte 0\na: .uleb128 9\n.asciz \"alpha\"\n");
	assert_int_equal(broken_ask(5).inlined_count, 0);
	/* A name without an end. */
	broken_build(FUNCTION CALL("a", "3") ".byte 0\n.byte 0\na: .uleb128 9\n.ascii \"alpha\"\n"
					     ".fill 5000, 1, 65\n");
	assert_int_equal(broken_ask(5).inlined_count, 0);
}

/* Offsets from the begin of the unit: only the first range makes sense; -1 sets a new begin. */
static void ranges_that_lie(void **state)
{
	(void)state;
	broken_build(FUNCTION ".uleb128 8\n.4byte a - unit\n.4byte 0\n.byte 0\n"
			      "a: .uleb128 9\n.asciz \"alpha\"\n");
	assert_int_equal(broken_ask(5).inlined_count, 1);
	assert_int_equal(broken_ask(16).inlined_count, 0);
	broken_build(FUNCTION ".uleb128 8\n.4byte a - unit\n.4byte 0x7ffffff0\n.byte 0\n"
			      "a: .uleb128 9\n.asciz \"alpha\"\n");
	assert_int_equal(broken_ask(5).inlined_count, 0);
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
		cmocka_unit_test(stacks_of_a_recording),
		cmocka_unit_test(references_in_circles),
		cmocka_unit_test(deep_nesting),
		cmocka_unit_test(sizes_that_lie),
		cmocka_unit_test(ranges_that_lie),
	};

	return cmocka_run_group_tests_name("symbols/inlines", tests, make, clean);
}
