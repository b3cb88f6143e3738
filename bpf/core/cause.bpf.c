/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a thread waits for at a file or socket. */
#include "core/cause.bpf.h"
#include "core/descriptor.bpf.h"
#include <bpf/bpf_endian.h>

#define FAMILY_INET  2
#define FAMILY_INET6 10

static __always_inline bool address_is_local(const struct sock *sk, __u16 family)
{
	__u32 peer, own;

	if (family == FAMILY_INET) {
		peer = BPF_CORE_READ(sk, __sk_common.skc_daddr);
		own = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		return (peer & 0xff) == 127 || (peer && peer == own);
	}
	if (bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) {
		struct in6_addr to, from;

		BPF_CORE_READ_INTO(&to, sk, __sk_common.skc_v6_daddr);
		BPF_CORE_READ_INTO(&from, sk, __sk_common.skc_v6_rcv_saddr);
		return (to.in6_u.u6_addr32[0] == from.in6_u.u6_addr32[0] &&
			to.in6_u.u6_addr32[1] == from.in6_u.u6_addr32[1] &&
			to.in6_u.u6_addr32[2] == from.in6_u.u6_addr32[2] &&
			to.in6_u.u6_addr32[3] == from.in6_u.u6_addr32[3]) ||
		       (to.in6_u.u6_addr32[0] == 0 && to.in6_u.u6_addr32[1] == 0 &&
			to.in6_u.u6_addr32[2] == bpf_htonl(0xffff) &&
			(to.in6_u.u6_addr32[3] & 0xff) == 127);
	}
	return false;
}

__attribute__((noinline)) __u64 wait_on_descriptor(__u64 open, __u64 fd, __u64 is_write)
{
	struct file *file = open ? descriptor_file((struct files_struct *)open, (__s32)fd)
				 : descriptor_file_current((__s32)fd);
	struct socket *socket;
	struct sock *sk;
	__u16 mode, family;

	if (!file)
		return STATE_WAIT_OTHER;
	mode = file_type(file);
	if (mode == MODE_REGULAR || mode == MODE_BLOCK)
		return is_write ? STATE_WAIT_DISK_WRITE : STATE_WAIT_DISK_READ;
	if (mode == MODE_PIPE)
		return STATE_WAIT_LOCAL;
	if (mode != MODE_SOCKET)
		return STATE_WAIT_POLL;
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (family != FAMILY_INET && family != FAMILY_INET6)
		return STATE_WAIT_LOCAL;
	return address_is_local(sk, family) ? STATE_WAIT_LOCAL : STATE_WAIT_REMOTE;
}
