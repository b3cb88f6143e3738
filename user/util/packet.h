/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets between strait's processes (SOCK_SEQPACKET), with descriptors. */
#ifndef STRAIT_PACKET_H
#define STRAIT_PACKET_H

#include <stddef.h>
#include <stdint.h>

#define PACKET_FDS 40 /* descriptors in one */

/* Sends a packet with `count` descriptors, PACKET_FDS at most. 0, or a negative errno. */
int packet_send(int to, const void *bytes, size_t size, const int *fds, unsigned int count);

/*
 * Waits for a packet of this size. Returns how many descriptors came with it, `most` at most, which
 * are the caller's and are closed by an exec; or a negative errno, -EPIPE where the other side is
 * gone. `sender`, NULL = of no interest: the process that sent it, as the kernel says where the
 * socket is to tell (SO_PASSCRED), else 0.
 */
int packet_receive(int from, void *bytes, size_t size, int *fds, unsigned int most,
		   uint32_t *sender);

#endif
