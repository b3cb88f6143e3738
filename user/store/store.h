/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recording as a file: one SQLite database, described in docs/recording.md. It is written while
 * tracing and holds what it has at any moment: a recording that ends by SIGKILL or by a full disk
 * opens, and says that it was cut.
 */
#ifndef STRAIT_STORE_H
#define STRAIT_STORE_H

#include <stdbool.h>
#include <sys/types.h>

#include "model/recording.h"
#include "util/error.h"

struct store;

struct store_options {
	/*
	 * Take the place of an older recording of this name. Anything that is not a recording is
	 * refused all the same, an empty file excepted.
	 */
	bool replace;
	/* Who shall own the file when root records for somebody else (sudo); 0 = the caller. */
	uid_t owner;
	gid_t group;
};

/*
 * A new recording file, mode 0600, never through a symbolic link. Call it when capture is ready to
 * begin: the older recording is gone when this returns 0. `options` may be NULL.
 * Errors: -EEXIST (not replaced), -EBUSY (being recorded by another process), -EINVAL (not a
 * regular file), and what the file system says.
 */
int store_create(struct store **out, const char *path, const struct store_options *options,
		 struct error *error);

/*
 * Writes what was added or changed since the last call, in one transaction; call it after each
 * recording_end_slice(). After an error the file still holds what the calls before had written, and
 * a later call tries everything again. Errors: -ENOSPC (disk full, quota, file-size limit), -EIO,
 * ….
 */
int store_append(struct store *store, const struct recording *rec, struct error *error);

/*
 * Writes the rest, marks the recording as complete (unless rec->cut) and leaves one file. Errors as
 * store_append(); what was written until then is readable.
 */
int store_finish(struct store *store, const struct recording *rec, struct error *error);

/* Closes the file and frees the store. Without store_finish() the recording stays marked as cut. */
void store_close(struct store *store);

/* Closes the file, frees the store and removes the file: nothing was recorded. */
void store_discard(struct store *store);

/*
 * Reads a recording. Needs read access to the file (and to the -wal file that a killed recording
 * leaves beside it) and nothing else; it writes nothing. A recording that is still being written
 * gives what it has so far, marked as cut; but not to the very process that writes it, which would
 * lose its locks on the file by closing it here (POSIX). The rows hold to all rules of recording.h,
 * whatever the file holds. Errors: -ENOENT, -EACCES, -EINVAL (not a recording), -ENOTSUP (another
 * schema version), -EBADMSG (damaged), -EIO.
 */
int store_open(const char *path, struct recording **out, struct error *error);

/*
 * The same in two steps, for who has rights to give up in between: store_reach() opens the file and
 * what is beside it, and looks at the 100 bytes of its header; the errors about these are its own.
 * store_read() reads it, and opens nothing that only rights lead to. store_file_close() takes NULL.
 */
struct store_file;

int store_reach(const char *path, struct store_file **out, struct error *error);
int store_read(struct store_file *file, struct recording **out, struct error *error);
void store_file_close(struct store_file *file);

#endif
