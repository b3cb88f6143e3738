/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that are open already when SQLite asks for them. It opens what is beside a database (-wal,
 * -shm, -journal) late, and by name: who gave up its rights in between would not reach it any more.
 * For one thread; nothing outside store/ includes this.
 */
#ifndef STRAIT_HELD_H
#define STRAIT_HELD_H

/*
 * From here on SQLite gets copies of this descriptor, which held_close() closes, where it opens
 * `path`, as SQLite names it: absolute and without links.
 */
void held_put(const char *path, int fd);

/* Opens a regular file, to be written if it may be, and holds it. A negative errno: it does not. */
int held_open(const char *path, int more_flags);

/*
 * Closes what is held of that name, once for each held_put(). Locks of SQLite on the same file go
 * with it (POSIX): only when its connection is closed.
 */
void held_close(const char *path);

#endif
