/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "store/file.h"

static uint32_t big_endian(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

int header_read(int fd, struct recording_header *header)
{
	unsigned char bytes[100] = {};
	ssize_t n = pread(fd, bytes, sizeof(bytes), 0);

	if (n < 0)
		return -errno;
	*header = (struct recording_header){};
	if (n < (ssize_t)sizeof(bytes) || memcmp(bytes, "SQLite format 3", 16))
		return 0;
	header->is_sqlite = true;
	header->is_wal = bytes[18] == 2 || bytes[19] == 2;
	header->version = (int32_t)big_endian(bytes + 60);
	header->application = (int32_t)big_endian(bytes + 68);
	return 0;
}

pid_t file_writer(int fd)
{
	struct flock lock = {.l_type = F_WRLCK,
			     .l_whence = SEEK_SET,
			     .l_start = SHARED_FIRST,
			     .l_len = SHARED_SIZE};

	/* F_OFD_GETLK also sees the locks of this very process, which F_GETLK does not. */
	if (fcntl(fd, F_OFD_GETLK, &lock) || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid > 0 ? lock.l_pid : -1;
}

static int database_errno(sqlite3 *db, int rc)
{
	/* SQLite notes the errno of some calls only; of a failed write it is still in errno itself.
	 */
	int system = db ? sqlite3_system_errno(db) : 0;

	if (!system && (errno == EFBIG || errno == EDQUOT))
		system = errno;

	switch (rc & 0xff) {
	case SQLITE_FULL:
		return ENOSPC;
	case SQLITE_NOMEM:
		return ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR: /* the schema is not ours */
	case SQLITE_TOOBIG:
	case SQLITE_MISMATCH:
		return EBADMSG;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return EACCES;
	}
	if (system == EFBIG || system == EDQUOT)
		return ENOSPC;
	return system > 0 ? system : EIO;
}

int database_error(sqlite3 *db, int rc, const char *path, const char *what, struct error *error)
{
	int err = database_errno(db, rc);

	switch (err) {
	case ENOSPC:
		return error_set(error, -err,
				 "%s %s: no space left on its file system, or a file-size limit or "
				 "quota is reached: free space, or take another file",
				 what, path);
	case EBUSY:
		return error_set(error, -err, "%s %s: another process holds it: try again", what,
				 path);
	case EBADMSG:
		return error_set(error, -err, "%s %s: it is damaged (%s)", what, path,
				 sqlite3_errstr(rc));
	case EIO:
		return error_set(error, -err, "%s %s: %s", what, path, sqlite3_errstr(rc));
	default:
		return error_set(error, -err, "%s %s: %s", what, path, strerror(err));
	}
}
