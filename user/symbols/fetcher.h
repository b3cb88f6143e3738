/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fetches separate debug files from debuginfod servers, through elfutils' libdebuginfod, which
 * keeps them in a cache on disk. It is loaded when it is wanted: a program that names no file from
 * the network needs neither it nor the HTTP library behind it.
 */
#ifndef STRAIT_SYMBOLS_FETCHER_H
#define STRAIT_SYMBOLS_FETCHER_H

#include "symbols/symbols.h"

/* One file may take so long and be so large; all together may take so long. */
#define FETCH_FILE_NS  30000000000ull
#define FETCH_TOTAL_NS 120000000000ull
#define FETCH_BYTES    (1ull << 30)

struct fetcher;

/*
 * Finds the library and the servers: DEBUGINFOD_URLS of the environment, else what the system's
 * files in /etc/debuginfod say (sudo clears the environment). -ENOTSUP: the library is not
 * installed; -EINVAL: no server is known.
 */
int fetcher_open(struct fetcher **out, const struct symbols_fetch *fetch, struct error *error);
void fetcher_close(struct fetcher *fetcher);
/* What the file is called that is fetched next; lives as long as the fetcher uses it. */
void fetcher_tell(struct fetcher *fetcher, const char *path);
/* A descriptor, to be closed, of the debug file of that build-id; -errno: it is not to be had. */
int fetcher_get(struct fetcher *fetcher, const char *build_id);
/* Files fetched, or found in its cache; and asked for in vain. */
void fetcher_count(const struct fetcher *fetcher, uint32_t *fetched, uint32_t *missing);

#endif
