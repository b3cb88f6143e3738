/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process of strait's own beside it, for what must not happen in strait itself: made early, while
 * there is little to share with it.
 */
#ifndef STRAIT_HELPER_H
#define STRAIT_HELPER_H

/*
 * Runs `run` there, which must not return, with its end of a pair of sockets (SOCK_SEQPACKET). The
 * process has nothing else open, no terminal, and is nobody's child: it is to end when the socket
 * does. Returns this side's end, or a negative errno.
 */
int helper_start(void (*run)(int fd));

#endif
