/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names that are kept: programs are seen with their symbols, and asked for again without. What is
 * expected stands in their source, and in nm's list of them.
 */
#include "ask.h"
#include "sighting.h"

#include <dirent.h>

#include "model/recording.h"
#include "symbols/names_cache.h"
#include "util/disk_cache.h"

#define SECOND 1000000000ull
#define MAGIC  0x636e7573

static char kept[128]; /* the directory */

/* From here on names are kept, and nothing is known of files any more. */
static void observation_begin(void)
{
	symbols_free(symbols);
	symbols = symbols_new();
	symbols_keep_names(symbols, kept);
}

static void observation_end(void)
{
	struct names_cache *names = symbols_take_names(symbols);

	names_cache_store(names, SECOND);
	names_cache_free(names);
}

static int make_directory(void **state)
{
	if (symbols_set_up(state))
		return -1;
	snprintf(kept, sizeof(kept), "%s/names", fixture_directory);
	return 0;
}

static void forget(void)
{
	fixture_run("rm -rf '%s'", kept);
}

/* The only entry: its name. Their number is returned. */
static size_t entries(char name[256])
{
	DIR *directory = opendir(kept);
	struct dirent *entry;
	size_t count = 0;

	while (directory && (entry = readdir(directory)))
		if (entry->d_name[0] != '.') {
			snprintf(name, 256, "%s", entry->d_name);
			count++;
		}
	if (directory)
		closedir(directory);
	return count;
}

/* Observes a place in `hidden` of this file; the name must be this, NULL = none. */
static void observe(const char *name, uint64_t hidden, const char *expected)
{
	struct name_request answer;

	observation_begin();
	answer = name_at(name, hidden + 2);
	if (!expected)
		assert_null(answer.function);
	else if (!answer.function)
		fail_msg("%s: no name", name);
	else
		assert_string_equal(answer.function, expected);
	observation_end();
}

static uint64_t build(const char *name, const char *flags)
{
	fixture_build(name, flags);
	return fixture_address(name, "hidden");
}

static void stripped_copies_have_names(void **state)
{
	static const char *const flags[] = {
		"-Wl,--build-id -pie -fPIE", "-Wl,--build-id -no-pie -fno-pie",
		"-Wl,--build-id -static",    "-Wl,--build-id -Wl,-z,noseparate-code -Wl,-z,norelro",
		"-Wl,--build-id=md5 -g -O0", "-Wl,--build-id -rdynamic",
	};
	static const char *const strips[] = {"strip -s -o", "strip -R .comment -o",
					     "objcopy -S whole"};

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		uint64_t hidden = build("whole", flags[i]);

		for (size_t j = 0; j < sizeof(strips) / sizeof(*strips); j++) {
			forget();
			fixture_run("%s bare %s", strips[j], j < 2 ? "whole" : "");
			observe("bare", hidden, NULL);
			observe("whole", hidden, "hidden");
			observe("bare", hidden, "hidden");
		}
	}
}

/* All of a file's functions are kept, not those alone that were met. */
static void every_function_is_kept(void **state)
{
	uint64_t hidden = build("whole", "-Wl,--build-id"), size = 0;

	(void)state;
	forget();
	fixture_run("strip -s -o bare whole");
	observe("whole", hidden, "hidden");
	observation_begin();
	assert_string_equal(name_at("bare", fixture_address("whole", "main")).function, "main");
	assert_string_equal(name_at("bare", fixture_address("whole", "_ZN3app4workEi")).function,
			    "app::work(int)");
	assert_string_equal(name_at("bare", fixture_address("whole", "spinner") + 3).function,
			    "spinner");
	/* Assembly without a size reaches to what follows. */
	assert_string_equal(name_at("bare", fixture_address("whole", "bare") + 2).function, "bare");
	/* A function has an end, and what is outside of all has no name. */
	while (name_at("bare", hidden + size).function &&
	       !strcmp(name_at("bare", hidden + size).function, "hidden"))
		size++;
	assert_in_range(size, 4, 64);
	assert_null(name_at("bare", hidden + size).function);
	assert_int_equal(name_at("bare", hidden + 2).start, name_at("bare", hidden).offset);
	observation_end();
}

static void debug_files_that_are_gone(void **state)
{
	uint64_t hidden = build("split", "-O0 -g -Wl,--build-id");

	(void)state;
	forget();
	fixture_run("objcopy --only-keep-debug split split.debug; strip split;"
		    "objcopy --add-gnu-debuglink=split.debug split");
	observe("split", hidden, "hidden");
	fixture_run("rm split.debug");
	observe("split", hidden, "hidden");
	forget();
	observe("split", hidden, NULL);
}

/* As when a package is replaced while it is watched: what ran is known, and cannot be had. */
static void files_that_are_gone(void **state)
{
	struct recording *rec = recording_new();
	struct location where;
	struct sight sight;
	uint64_t address;
	uint32_t pid;

	(void)state;
	forget();
	fixture_write("sleeper.c",
		      "#include <unistd.h>\n"
		      "__attribute__((noinline)) static int asleep(void) { return pause() + 1; }\n"
		      "int main(void) { return write(1, \"r\", 1) ? asleep() : 0; }\n");
	fixture_run("env -u ASAN_OPTIONS cc -O1 -no-pie -fno-pie -Wl,--build-id -o whole "
		    "sleeper.c; strip -o ./sleeper whole");
	address = fixture_address("whole", "asleep");
	for (int known = 0; known < 2; known++) {
		struct name_request request = {};

		if (known)
			observe("whole", address, "asleep");
		fixture_run("cp sleeper sleeping");
		pid = program_start("./sleeping");
		observation_begin();
		sight_take(&sight, pid, address, "");
		assert_int_equal(symbols_file_seen(symbols, &sight.seen), 0);
		assert_int_equal(symbols_locate(symbols, sight.file, sight.offset, &where), 0);
		symbols_resolve(symbols, rec); /* and it is kept open no longer */
		program_stop(pid);
		fixture_run("rm sleeping");
		request.file = where.file;
		request.path = where.path;
		request.build_id = where.build_id;
		request.offset = where.offset;
		symbols_name(symbols, &request, 1);
		if (known) {
			assert_non_null(request.function);
			assert_string_equal(request.function, "asleep");
			assert_int_equal(request.start, where.offset);
		} else {
			assert_null(request.function);
		}
		assert_false(request.pause);
		observation_end();
	}
	recording_free(rec);
}

static void what_need_not_be_kept(void **state)
{
	char name[256];
	uint64_t hidden = build("whole", "-Wl,--build-id=none");

	(void)state;
	forget();
	observe("whole", hidden, "hidden");
	assert_int_equal(entries(name), 0);
	hidden = build("whole", "-Wl,--build-id");
	fixture_run("strip -o bare whole");
	observe("bare", hidden, NULL);
	assert_int_equal(entries(name), 0);
	/* No time: nothing is begun. */
	observation_begin();
	assert_string_equal(name_at("whole", hidden).function, "hidden");
	struct names_cache *names = symbols_take_names(symbols);

	names_cache_store(names, 0);
	names_cache_free(names);
	assert_int_equal(entries(name), 0);
	/* Without a directory all is as without the cache. */
	symbols_free(symbols);
	symbols = symbols_new();
	assert_string_equal(name_at("whole", hidden).function, "hidden");
	assert_null(symbols_take_names(symbols));
	names_cache_store(NULL, SECOND);
	names_cache_free(NULL);
}

static void a_thread_can_write_them(void **state)
{
	uint64_t hidden = build("whole", "-Wl,--build-id");
	struct names_cache *names;
	char name[256];

	(void)state;
	forget();
	fixture_run("strip -o bare whole");
	observation_begin();
	symbols_store_names(symbols);
	assert_string_equal(name_at("whole", hidden).function, "hidden");
	symbols_store_names(symbols);
	symbols_store_names(symbols);
	names = symbols_take_names(symbols);
	names_cache_free(names); /* waits for it */
	assert_int_equal(entries(name), 1);
	observe("bare", hidden, "hidden");
}

/* Programs that were linked to claim one build-id. */
static void false_claims_spoil_their_own_entry_only(void **state)
{
	static const char claim[] = "-Wl,--build-id=0x0123456789abcdef0123456789abcdef01234567";
	uint64_t hidden = build("whole", claim);
	char name[256], source[512];

	(void)state;
	forget();
	fixture_run("strip -o bare whole");
	snprintf(source, sizeof(source),
		 "#include <stdlib.h>\n"
		 "__attribute__((noinline, used)) static int liar(int a) { return a + 7; }\n"
		 "__asm__(\".text\\n.type all,@function\\nall: .fill 4096, 1, 0x90\\n"
		 ".size all, 4096\\n\");\n"
		 "int main(int c, char **v) { return liar(c) + atoi(v[0]); }\n");
	fixture_write("other.c", source);
	fixture_run("env -u ASAN_OPTIONS cc -O1 -o other other.c %s", claim);
	observe("other", fixture_address("other", "liar"), "liar");
	observe("bare", hidden, NULL);
	observe("whole", hidden, "hidden");
	assert_int_equal(entries(name), 2);
	observe("bare", hidden, "hidden");
}

/* Of root's files everybody's copies have names, of others' files their own. */
static void whose_word_it_is(void **state)
{
	uint64_t hidden = build("whole", "-Wl,--build-id");
	char name[256];

	(void)state;
	if (geteuid())
		skip();
	fixture_run("strip -o bare whole; chmod 755 . whole bare");
	forget();
	observe("whole", hidden, "hidden");
	fixture_run("chown 12345:12345 bare");
	observe("bare", hidden, "hidden");

	forget();
	fixture_run("chown 12345:12345 whole; chown 0:0 bare; chmod 775 whole");
	observe("whole", hidden, "hidden");
	assert_int_equal(entries(name), 1);
	observe("bare", hidden, NULL);
	fixture_run("chown 12346 bare");
	observe("bare", hidden, NULL);
	fixture_run("chown 12345 bare");
	observe("bare", hidden, "hidden");

	/* What anybody may write to is nobody's word. */
	forget();
	fixture_run("chown 0:0 whole bare; chmod 757 whole");
	observe("whole", hidden, "hidden");
	assert_int_equal(entries(name), 0);
	fixture_run("chmod 775 whole; chown 0:12345 whole");
	observe("whole", hidden, "hidden");
	assert_int_equal(entries(name), 0);
}

/* ---- spoilt and hostile entries ---- */

static char entry_path[512];

static size_t entry_read(uint8_t **bytes)
{
	char name[256];
	struct stat stat_;
	int fd;

	assert_int_equal(entries(name), 1);
	snprintf(entry_path, sizeof(entry_path), "%s/%s", kept, name);
	fd = open(entry_path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &stat_), 0);
	*bytes = malloc((size_t)stat_.st_size);
	assert_int_equal(read(fd, *bytes, (size_t)stat_.st_size), stat_.st_size);
	close(fd);
	return (size_t)stat_.st_size;
}

static void entry_write(const void *bytes, size_t size)
{
	int fd = open(entry_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
}

static void spoilt_entries_are_made_anew(void **state)
{
	uint64_t hidden = build("whole", "-Wl,--build-id");
	uint8_t *bytes;
	size_t size;

	(void)state;
	forget();
	fixture_run("strip -o bare whole");
	observe("whole", hidden, "hidden");
	size = entry_read(&bytes);
	assert_true(size > 300 && size < 8192);
	for (size_t i = 0; i < 12; i++) {
		bytes[size / 12 * i] ^= 0x20;
		entry_write(bytes, size);
		observe("bare", hidden, NULL);
		observe("whole", hidden, "hidden");
		bytes[size / 12 * i] ^= 0x20;
		observe("bare", hidden, "hidden");
	}
	entry_write(bytes, size - 1);
	observe("bare", hidden, NULL);
	entry_write("", 0);
	observe("bare", hidden, NULL);
	observe("whole", hidden, "hidden");
	observe("bare", hidden, "hidden");
	/* Nor is a link followed, or a pipe waited for. */
	fixture_run("mv '%s' elsewhere; ln -s '%s/elsewhere' '%s'", entry_path, fixture_directory,
		    entry_path);
	observe("bare", hidden, NULL);
	fixture_run("rm -f '%s'; mkfifo '%s'", entry_path, entry_path);
	observe("bare", hidden, NULL);
	fixture_run("rm -f '%s'; mkdir '%s'", entry_path, entry_path);
	observe("bare", hidden, NULL);
	fixture_run("rmdir '%s'; chmod 777 '%s'; mv elsewhere '%s'", entry_path, kept, entry_path);
	observe("bare", hidden, NULL);
	fixture_run("chmod 755 '%s'", kept);
	observe("bare", hidden, "hidden");
	free(bytes);
}

/* Their checksum is right, and what they hold is anything. */
static void hostile_entries_do_no_harm(void **state)
{
	struct disk_cache disk = {kept, MAGIC, 1, 1u << 20};
	uint64_t hidden = build("whole", "-Wl,--build-id"), random = 88172645463325252ull;
	size_t size, header = 88, named = 0;
	uint8_t *bytes, *changed;
	char name[256];

	(void)state;
	forget();
	fixture_run("strip -o bare whole");
	observe("whole", hidden, "hidden");
	size = entry_read(&bytes);
	entries(name);
	changed = malloc(size);
	for (int i = 0; i < 600; i++) {
		const char *function;

		memcpy(changed, bytes, size);
		for (int j = 0; j < 1 + i % 8; j++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			changed[header + random % (i % 2 ? 1000 : size - header)] =
				(uint8_t)(random >> 32 & (random & 1 ? 0xff : 0x1));
		}
		assert_int_equal(disk_cache_store(&disk, name, changed + header, size - header), 0);
		observation_begin();
		function = name_at("bare", hidden + 2).function;
		named += function && !strcmp(function, "hidden");
		observation_end();
	}
	/* Most of its bytes are about other functions. */
	assert_in_range(named, 100, 590);
	free(changed);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stripped_copies_have_names),
		cmocka_unit_test(every_function_is_kept),
		cmocka_unit_test(debug_files_that_are_gone),
		cmocka_unit_test(files_that_are_gone),
		cmocka_unit_test(what_need_not_be_kept),
		cmocka_unit_test(a_thread_can_write_them),
		cmocka_unit_test(false_claims_spoil_their_own_entry_only),
		cmocka_unit_test(whose_word_it_is),
		cmocka_unit_test(spoilt_entries_are_made_anew),
		cmocka_unit_test(hostile_entries_do_no_harm),
	};

	return cmocka_run_group_tests_name("symbols/names_cache", tests, make_directory,
					   symbols_tear_down);
}
