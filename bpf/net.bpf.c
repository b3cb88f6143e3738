/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * net: bytes, connections, retransmits, resets and round-trip times by process, peer and service.
 *
 * Sends and receives run in the context of their process. Retransmits, resets and state changes run
 * in softirqs, as anybody: a bounded map remembers who used a socket last and which side it is on.
 * Where it knows nothing, the local port among those that are listened on decides the side, and the
 * process is 0, unknown.
 */
#include "core/compat.bpf.h"
#include "core/descriptor.bpf.h"
#include "core/ledger.bpf.h"
#include "core/sampling.bpf.h"
#include "core/targets.bpf.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#define FAMILY_UNIX    1
#define FAMILY_INET    2
#define FAMILY_INET6   10
#define PROTOCOL_TCP   6
#define PEEK           2 /* MSG_PEEK: the bytes stay, and are received once more */
#define BOUND_PORT     8 /* SOCK_BINDPORT_LOCK: the program chose the port */
#define UNIX_PATH_SIZE 108

GENERATION_MAPS(net_flows, struct net_key, struct net_value, 8192);

/* Whom a connection belongs to. */
struct net_owner {
	__u32 tgid;
	__u32 side; /* enum net_side */
};

/* By address of the struct sock. Entries exist for watched processes only. */
struct net_owners_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct net_owner);
};
struct net_owners_map net_owners SEC(".maps");

struct net_port {
	__u32 netns; /* inode number of the network namespace */
	__u32 port;
};

struct net_listener {
	__u64 socket; /* the last one that began to listen */
	__u32 tgid;
	__u32 targeted;
};

struct net_listeners_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct net_port);
	__type(value, struct net_listener);
};
struct net_listeners_map net_listeners SEC(".maps");

/* Sockets that began to listen so far: user space looks for new servers when it has grown. */
__u64 net_listeners_born = 0;

/* ---- sockets ---- */

static __always_inline bool socket_is_inet(const struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	return family == FAMILY_INET || family == FAMILY_INET6;
}

static __always_inline bool socket_is_tcp(const struct sock *sk)
{
	return socket_is_inet(sk) && BPF_CORE_READ(sk, sk_protocol) == PROTOCOL_TCP;
}

static __always_inline struct net_port socket_port(const struct sock *sk)
{
	struct net_port port = {
		.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum),
		.port = BPF_CORE_READ(sk, __sk_common.skc_num),
	};

	return port;
}

static __always_inline struct net_listener *socket_listener(const struct sock *sk)
{
	struct net_port port = socket_port(sk);

	return bpf_map_lookup_elem(&net_listeners, &port);
}

static __always_inline void owner_set(const struct sock *sk, __u32 tgid, enum net_side side)
{
	struct net_owner owner = {.tgid = tgid, .side = side};
	__u64 key = (__u64)sk;

	bpf_map_update_elem(&net_owners, &key, &owner, BPF_ANY);
}

/* The side of a TCP connection that the current, watched process uses; remembers the owner. */
static __always_inline enum net_side owner_current(const struct sock *sk, __u32 tgid)
{
	__u64 key = (__u64)sk;
	struct net_owner *owner = bpf_map_lookup_elem(&net_owners, &key);
	enum net_side side;

	if (owner) {
		/* A server accepts in one process and serves in another. */
		if (owner->tgid != tgid)
			owner->tgid = tgid;
		return owner->side;
	}
	side = socket_listener(sk) ? NET_SERVER : NET_CLIENT;
	owner_set(sk, tgid, side);
	return side;
}

/* The owner of a TCP socket in any context; false: it is not watched. */
static __always_inline bool owner_find(const struct sock *sk, struct net_owner *out)
{
	__u64 key = (__u64)sk;
	struct net_owner *owner = bpf_map_lookup_elem(&net_owners, &key);
	struct net_listener *listener;

	if (owner) {
		*out = *owner;
		return true;
	}
	listener = socket_listener(sk);
	out->side = listener ? NET_SERVER : NET_CLIENT;
	out->tgid = listener ? listener->tgid : 0;
	if (listener)
		return listener->targeted;
	return target_kind == TARGET_TEST_ALL;
}

/* ---- values by process, peer and service ---- */

static __always_inline void key_address(struct net_key *key, const struct sock *sk, __u16 family)
{
	if (family == FAMILY_INET)
		BPF_CORE_READ_INTO((__u32 *)key->peer, sk, __sk_common.skc_daddr);
	else if (bpf_core_field_exists(sk->__sk_common.skc_v6_daddr))
		BPF_CORE_READ_INTO((struct in6_addr *)key->peer, sk, __sk_common.skc_v6_daddr);
}

/* What a new flow begins with: made anew on the stack it would cost each message. */
static const struct net_value flow_new;

static __always_inline struct net_value *flow_of(const struct sock *sk, __u16 family, __u32 tgid,
						 enum net_side side)
{
	struct net_key key = {.tgid = tgid, .family = family, .side = side};

	if (key.family != FAMILY_UNIX) {
		key.protocol = BPF_CORE_READ(sk, sk_protocol);
		if (side == NET_CLIENT)
			key.port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
		else
			key.port = BPF_CORE_READ(sk, __sk_common.skc_num);
		if (side != NET_LOCAL)
			key_address(&key, sk, key.family);
		/* Ports that the kernel chose say nothing, and are many. */
		else if (!(BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & BOUND_PORT))
			key.port = 0;
	}
	return generation_add(net_flows, &key, &flow_new, DROP_MAP_NET);
}

/* Adds to a field of the flow that a socket's owner has. */
#define FLOW_COUNT(sk, field)                                                                      \
	do {                                                                                       \
		struct net_owner owner_ = {};                                                      \
		struct net_value *value_;                                                          \
		if (owner_find(sk, &owner_)) {                                                     \
			value_ = flow_of(sk, BPF_CORE_READ(sk, __sk_common.skc_family),            \
					 owner_.tgid, owner_.side);                                \
			if (value_)                                                                \
				__sync_fetch_and_add(&value_->field, 1);                           \
		}                                                                                  \
	} while (0)

/* ---- messages ---- */

/* One message in so many is sampled with its user stack, on average. */
const volatile __u32 net_period = 128;

/* Its stack comes at the end of the system call. */
static __always_inline void message_sample(__u64 bytes)
{
	struct wire_ledger *ledger;

	if (!calls_on || !sample_due(SAMPLED_NET, net_period))
		return;
	ledger = ledger_current();
	if (ledger)
		sample_later(ledger, WIRE_NET_SAMPLE, 0,
			     bytes * net_period * calls_weight / WIRE_CALL_WEIGHT);
}

/* Set by user space: all messages count but its own, and no ledger needs to be looked up. */
const volatile bool net_all;

/* What a message stands for, 0 = they are not observed now: that is for the budget to decide. */
static __always_inline __u64 message_weight(void)
{
	__u64 weight = messages_weight;
	struct cpu_state *cpu = weight ? cpu_here() : NULL;

	if (!cpu)
		return 0;
	cpu->told.messages++;
	return weight;
}

/* Of a connection, smoothed, in units of 1/8 us; 0 until the first measurement. */
static __always_inline void round_trip_note(struct net_value *value, const struct sock *sk)
{
	__u32 rtt = BPF_CORE_READ((struct tcp_sock *)sk, srtt_us) >> 3;

	if (!rtt)
		return;
	__sync_fetch_and_add(&value->rtt_us_sum, rtt);
	__sync_fetch_and_add(&value->rtt_samples, 1);
}

/*
 * A message that the current process sends or has received. `family` comes from the caller: a
 * tracepoint's own argument can be read without a helper.
 */
static __always_inline void message_count(const struct sock *sk, __u16 family, __u64 bytes,
					  bool received, __u64 weight)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	enum net_side side = NET_LOCAL;
	struct net_value *value;
	bool tcp = false;

	if (net_all ? is_own(tgid) : !ledger_targeted(ledger_current()))
		return;
	if (family != FAMILY_UNIX) {
		if (family != FAMILY_INET && family != FAMILY_INET6)
			return;
		tcp = BPF_CORE_READ(sk, sk_protocol) == PROTOCOL_TCP;
		if (tcp)
			side = owner_current(sk, tgid);
		else if (BPF_CORE_READ(sk, __sk_common.skc_dport))
			side = NET_CLIENT;
	}
	value = flow_of(sk, family, tgid, side);
	if (!value)
		return;
	__sync_fetch_and_add(received ? &value->received_bytes : &value->sent_bytes,
			     bytes * weight);
	__sync_fetch_and_add(received ? &value->receives : &value->sends, weight);
	message_sample(bytes);
	if (received && tcp)
		round_trip_note(value, sk);
}

TRACEPOINT("sock_send_length")
int BPF_PROG(net__send, struct sock *sk, int bytes)
{
	__u64 weight = message_weight();

	if (weight && sk && bytes > 0)
		message_count(sk, LOAD(sk, __sk_common.skc_family), bytes, false, weight);
	return 0;
}

TRACEPOINT("sock_recv_length")
int BPF_PROG(net__receive, struct sock *sk, int bytes, int flags)
{
	__u64 weight = message_weight();

	if (weight && sk && bytes > 0 && !(flags & PEEK))
		message_count(sk, LOAD(sk, __sk_common.skc_family), bytes, true, weight);
	return 0;
}

/* ---- bytes where those tracepoints are missing (before 6.3): at the end of system calls ---- */

/* Numbers of calls, set by user space. The last two return messages, not bytes. */
const volatile __s32 net_recvfrom = -1;
const volatile __s32 net_recvmsg = -1;
const volatile __s32 net_recvmmsg = -1;
const volatile __s32 net_sendmmsg = -1;

/* The socket behind a descriptor of the current process, NULL for other files. */
static __always_inline struct sock *socket_of_descriptor(__s32 fd)
{
	struct file *file = descriptor_file(descriptors_current(), fd);
	struct socket *socket;

	if (!file || file_type(file) != MODE_SOCKET)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

/* Not seen here: io_uring, sendmmsg() and recvmmsg(), splice() into a socket. */
TRACEPOINT("sys_exit")
int BPF_PROG(net__syscall, struct pt_regs *regs, long bytes)
{
	__u64 weight = message_weight(), flags = 0;
	struct arch_call call;
	struct sock *sk;
	__u8 class;
	__s32 nr;

	if (!weight)
		return 0;
	call = arch_call_read((struct task_struct *)bpf_get_current_task(), regs);
	nr = call.number;
	if (bytes <= 0 || !ledger_targeted(ledger_current()) || nr < 0 || nr >= WIRE_SYSCALLS)
		return 0;
	class = syscall_class[nr];
	if ((class != CLASS_READ && class != CLASS_WRITE) || nr == net_recvmmsg ||
	    nr == net_sendmmsg)
		return 0;
	if (nr == net_recvfrom)
		flags = LOAD_REGISTER(regs, PARM4);
	else if (nr == net_recvmsg)
		flags = LOAD_REGISTER(regs, PARM3);
	if (flags & PEEK)
		return 0;
	sk = socket_of_descriptor(call.argument);
	if (sk)
		message_count(sk, BPF_CORE_READ(sk, __sk_common.skc_family), bytes,
			      class == CLASS_READ, weight);
	return 0;
}

/* ---- connections ---- */

/* The current process begins to listen. */
static __always_inline void listener_born(const struct sock *sk)
{
	struct net_port port = socket_port(sk);
	struct net_listener listener = {
		.socket = (__u64)sk,
		.tgid = bpf_get_current_pid_tgid() >> 32,
		.targeted = ledger_targeted(ledger_current()),
	};

	if (bpf_map_update_elem(&net_listeners, &port, &listener, BPF_ANY))
		drop_count(DROP_MAP_LISTENER);
	__sync_fetch_and_add(&net_listeners_born, 1);
}

static __always_inline void listener_gone(const struct sock *sk)
{
	struct net_listener *listener = socket_listener(sk);
	struct net_port port;

	if (!listener || listener->socket != (__u64)sk)
		return;
	port = socket_port(sk);
	bpf_map_delete_elem(&net_listeners, &port);
}

/* The child of a listener is complete: it belongs to the listener until somebody uses it. */
static __always_inline void connection_accepted(const struct sock *sk)
{
	struct net_listener *listener = socket_listener(sk);

	if (listener && listener->targeted)
		owner_set(sk, listener->tgid, NET_SERVER);
	FLOW_COUNT(sk, accepts);
}

TRACEPOINT("inet_sock_set_state")
int BPF_PROG(net__state, const struct sock *sk, int before, int after)
{
	if (!socket_is_tcp(sk))
		return 0;
	if (after == TCP_LISTEN)
		listener_born(sk);
	else if (before == TCP_LISTEN && after == TCP_CLOSE)
		listener_gone(sk);
	else if (after == TCP_SYN_SENT && ledger_targeted(ledger_current()))
		owner_set(sk, bpf_get_current_pid_tgid() >> 32, NET_CLIENT);
	else if (before == TCP_SYN_SENT && after == TCP_ESTABLISHED)
		FLOW_COUNT(sk, connects);
	else if (before == TCP_SYN_SENT && after == TCP_CLOSE)
		FLOW_COUNT(sk, connect_failures);
	else if (before == TCP_SYN_RECV && after == TCP_ESTABLISHED)
		connection_accepted(sk);
	return 0;
}

TRACEPOINT("tcp_destroy_sock")
int BPF_PROG(net__destroy, struct sock *sk)
{
	__u64 key = (__u64)sk;

	bpf_map_delete_elem(&net_owners, &key);
	return 0;
}

/* ---- trouble ---- */

TRACEPOINT("tcp_retransmit_skb")
int BPF_PROG(net__retransmit, const struct sock *sk)
{
	if (sk)
		FLOW_COUNT(sk, retransmits);
	return 0;
}

/* Without a socket somebody knocked at a closed port: that is nobody's connection. */
TRACEPOINT("tcp_send_reset")
int BPF_PROG(net__send_reset, const struct sock *sk)
{
	if (sk && socket_is_tcp(sk) && BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_LISTEN)
		FLOW_COUNT(sk, resets);
	return 0;
}

/* A connection that was refused counts as a failure to connect. */
TRACEPOINT("tcp_receive_reset")
int BPF_PROG(net__receive_reset, struct sock *sk)
{
	if (BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_SYN_SENT)
		FLOW_COUNT(sk, resets);
	return 0;
}

/* ---- sockets that listened before ---- */

static __always_inline void listener_path(struct wire_listener *out, struct sock *sk)
{
	struct unix_address *address;
	__u32 length;

	if (!bpf_core_type_exists(struct unix_sock))
		return;
	address = BPF_CORE_READ((struct unix_sock *)sk, addr);
	if (!address)
		return;
	/* The length covers the family, and not always a NUL. */
	length = BPF_CORE_READ(address, len) - sizeof(__u16);
	if (length > UNIX_PATH_SIZE)
		length = UNIX_PATH_SIZE;
	bpf_probe_read_kernel(out->path, length, address->name[0].sun_path);
	if (!out->path[0] && length > 1)
		out->path[0] = '@';
}

static __always_inline void listener_inet(struct wire_listener *out, struct sock *sk,
					  struct task_struct *task)
{
	struct net_port port = socket_port(sk);
	struct net_listener listener = {
		.socket = (__u64)sk,
		.tgid = out->tgid,
		.targeted = ledger_targeted(ledger_of(task)),
	};

	out->port = port.port;
	if (out->family == FAMILY_INET)
		BPF_CORE_READ_INTO((__u32 *)out->address, sk, __sk_common.skc_rcv_saddr);
	else if (bpf_core_field_exists(sk->__sk_common.skc_v6_rcv_saddr))
		BPF_CORE_READ_INTO((struct in6_addr *)out->address, sk,
				   __sk_common.skc_v6_rcv_saddr);
	if (bpf_map_update_elem(&net_listeners, &port, &listener, BPF_ANY))
		drop_count(DROP_MAP_LISTENER);
}

ITERATOR("task_file")
int net__listeners(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ITERATED(ctx, task);
	struct file *file = ITERATED(ctx, file);
	struct wire_listener out = {};
	struct socket *socket;
	struct sock *sk;

	if (!task || !file || file_type(file) != MODE_SOCKET)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_LISTEN)
		return 0;
	out.tgid = LOAD(task, tgid);
	out.family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (out.family == FAMILY_UNIX)
		listener_path(&out, sk);
	else if (socket_is_tcp(sk))
		listener_inet(&out, sk, task);
	else
		return 0;
	ITERATED_TELL(ctx, &out);
	return 0;
}
