/* SPDX-License-Identifier: BSD-2-Clause */
#include <dlfcn.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbols/fetcher.h"
#include "util/clock.h"
#include "util/disk_cache.h"

#define LIBRARY   "libdebuginfod.so.1"
#define URL_FILES "/etc/debuginfod/*.urls"
#define URLS      4096
#define CACHE     DISK_CACHE_HOME "/debuginfod"

/* libdebuginfod's own, from elfutils 0.178 on (0.180 with user data): debuginfod_begin(3). */
typedef struct debuginfod_client client;
typedef int client_progress(client *c, long done, long total);

struct fetcher {
	void *library;
	client *client;
	client *(*begin)(void);
	void (*end)(client *c);
	int (*find)(client *c, const unsigned char *id, int length, char **path);
	void (*set_progress)(client *c, client_progress *progress);
	void (*set_data)(client *c, void *data);
	void *(*get_data)(client *c);

	const struct symbols_fetch *options;
	const char *path;
	uint64_t begin_ns, file_ns; /* of all; of the current file */
	uint64_t told_ns;
	bool stopped;
	uint32_t fetched, missing;
};

/* ---- the servers ---- */

static void urls_read(char *urls, size_t size)
{
	glob_t files = {};
	size_t length = 0;

	if (!glob(URL_FILES, 0, NULL, &files))
		for (size_t i = 0; i < files.gl_pathc; i++) {
			FILE *file = fopen(files.gl_pathv[i], "re");
			char line[512];

			while (file && fgets(line, sizeof(line), file)) {
				size_t n = strcspn(line, "\r\n");

				if (!n || length + n + 2 > size)
					continue;
				if (length)
					urls[length++] = ' ';
				memcpy(urls + length, line, n);
				length += n;
			}
			if (file)
				fclose(file);
		}
	urls[length] = '\0';
	globfree(&files);
}

/* libdebuginfod is told by the environment only. What the user has set stays. */
static bool environment_set(void)
{
	const char *set = getenv("DEBUGINFOD_URLS");
	char urls[URLS], number[32];

	if (!set || !*set) {
		urls_read(urls, sizeof(urls));
		if (!*urls)
			return false;
		setenv("DEBUGINFOD_URLS", urls, 1);
	}
	snprintf(number, sizeof(number), "%llu", FETCH_BYTES);
	setenv("DEBUGINFOD_MAXSIZE", number, 0);
	snprintf(number, sizeof(number), "%llu", FETCH_FILE_NS / 1000000000);
	setenv("DEBUGINFOD_TIMEOUT", number, 0);
	setenv("DEBUGINFOD_MAXTIME", number, 0);
	/* Root does not write to a cache in whatever HOME it was given. */
	if (!geteuid() && !getenv("DEBUGINFOD_CACHE_PATH") &&
	    (!mkdir(DISK_CACHE_HOME, 0700) || errno == EEXIST) &&
	    (!mkdir(CACHE, 0700) || errno == EEXIST))
		setenv("DEBUGINFOD_CACHE_PATH", CACHE, 1);
	return true;
}

/* ---- the library ---- */

/* POSIX says that dlsym's answer is good for a function too; C has no cast for it. */
static bool function_find(void *library, const char *name, void *function)
{
	void *found = dlsym(library, name);

	memcpy(function, &found, sizeof(found));
	return found;
}

static bool library_load(struct fetcher *f)
{
	f->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	return f->library && function_find(f->library, "debuginfod_begin", &f->begin) &&
	       function_find(f->library, "debuginfod_end", &f->end) &&
	       function_find(f->library, "debuginfod_find_debuginfo", &f->find) &&
	       function_find(f->library, "debuginfod_set_progressfn", &f->set_progress) &&
	       function_find(f->library, "debuginfod_set_user_data", &f->set_data) &&
	       function_find(f->library, "debuginfod_get_user_data", &f->get_data);
}

/* The library calls it all the time while it waits. */
static bool fetch_goes_on(struct fetcher *f, long done, long total)
{
	uint64_t now = time_now();

	if (f->stopped || now - f->file_ns > FETCH_FILE_NS || now - f->begin_ns > FETCH_TOTAL_NS ||
	    (total > 0 && (uint64_t)total > FETCH_BYTES) ||
	    (done > 0 && (uint64_t)done > FETCH_BYTES))
		return false;
	if (!f->options->progress || now - f->told_ns < 100000000)
		return true;
	f->told_ns = now;
	f->stopped =
		!f->options->progress(f->options->context, f->path, done > 0 ? (uint64_t)done : 0,
				      total > 0 ? (uint64_t)total : 0);
	return !f->stopped;
}

/* The callback gets nothing but the client; its data are found by the library's own function. */
static void *(*data_of)(client *c);

static int progress_called(client *c, long done, long total)
{
	return !fetch_goes_on(data_of(c), done, total);
}

int fetcher_open(struct fetcher **out, const struct symbols_fetch *fetch, struct error *error)
{
	struct fetcher *f;

	if (!environment_set())
		return error_set(error, -EINVAL,
				 "--debuginfod: no server is known: set DEBUGINFOD_URLS (sudo "
				 "--preserve-env=DEBUGINFOD_URLS), or put a file into "
				 "/etc/debuginfod");
	f = calloc(1, sizeof(*f));
	if (!f)
		return error_set(error, -ENOMEM, "out of memory");
	if (!library_load(f)) {
		fetcher_close(f);
		return error_set(error, -ENOTSUP,
				 "--debuginfod: %s is not installed: install it (Debian and "
				 "Ubuntu: libdebuginfod1)",
				 LIBRARY);
	}
	f->client = f->begin();
	if (!f->client) {
		fetcher_close(f);
		return error_set(error, -EIO, "--debuginfod: %s does not start", LIBRARY);
	}
	f->options = fetch;
	f->begin_ns = time_now();
	f->path = "";
	*out = f;
	return 0;
}

void fetcher_close(struct fetcher *f)
{
	if (!f)
		return;
	if (f->client)
		f->end(f->client);
	/* It stays loaded: the HTTP library behind it does not like to be thrown out. */
	free(f);
}

void fetcher_tell(struct fetcher *f, const char *path)
{
	f->path = path;
}

int fetcher_get(struct fetcher *f, const char *build_id)
{
	char *path = NULL;
	int fd;

	f->file_ns = time_now();
	if (!fetch_goes_on(f, 0, 0))
		return -ETIMEDOUT;
	data_of = f->get_data;
	f->set_data(f->client, f);
	f->set_progress(f->client, progress_called);
	fd = f->find(f->client, (const unsigned char *)build_id, 0, &path);
	free(path);
	if (fd >= 0)
		f->fetched++;
	else
		f->missing++;
	return fd;
}

void fetcher_count(const struct fetcher *f, uint32_t *fetched, uint32_t *missing)
{
	*fetched = f->fetched;
	*missing = f->missing;
}
