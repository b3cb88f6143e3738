/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the file that the kernel saw mapped. */
#ifndef STRAIT_SYMBOLS_SIGHTING_H
#define STRAIT_SYMBOLS_SIGHTING_H

#include <stdbool.h>

#include "symbols/symbols.h"

/*
 * A descriptor of exactly that file, to be closed; -ENOENT where it cannot be had. While the
 * process lives its own links lead to it; later its path must lead to a file of that number and
 * size, in some file system mounted here.
 */
int sighting_open(const struct file_sighting *seen);

/* An absolute path of names only: no "..", no "//". */
bool path_is_plain(const char *path);

#endif
