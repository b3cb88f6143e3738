/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/untyped.h"
#include "wire_walk.h"
/* Its own names are those of strait.skel.h: no file includes both. */
#include "untyped.skel.h"

struct strait_bpf *untyped_open(const struct bpf_object_open_opts *options)
{
	return strait_bpf__open_opts(options);
}
