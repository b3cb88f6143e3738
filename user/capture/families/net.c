/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net: bytes, connections, retransmits, resets and round-trip times by process, peer and service;
 * and the sockets that listen, which are the servers of the host.
 *
 * A process keeps at most PEERS_NAMED peers apart over the whole window. The first slices' largest
 * get a name; what comes later is folded into "other peers", and how many those are is counted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/budget.h"
#include "capture/families.h"
#include "capture/iterate.h"
#include "capture/messages.h"
#include "capture/namespace.h"
#include "strait.skel.h"

#define PEERS_NAMED      64
#define OTHER_PEERS      "other peers"
#define LISTENERS_KEPT   65536
#define MESSAGE_PROGRAMS 3

/* A peer of a process; `key.tgid` is 0 here: a process is its position in the recording. */
struct peer {
	uint32_t process;
	struct net_key key;
};

struct flow {
	struct peer peer;
	struct net_value sum;
};

struct net_data {
	bool listed;                                 /* which sockets listen can be read */
	struct bpf_link *messages[MESSAGE_PROGRAMS]; /* of those that are attached */
	uint64_t listeners_born;                     /* when they were last read */
	struct index by_listener;
	VEC(struct peer) named;
	struct index by_peer;
	VEC(uint32_t) named_of; /* how many of them, by process */
	VEC(struct flow) flows; /* of the slice that is being drained */
};

static struct net_data *net_data(struct session *session)
{
	return session->family_data[family_index(&family_net)];
}

/* ---- listening sockets ---- */

static uint64_t listener_hash(const struct listener *listener)
{
	return hash_mix(hash_u64((uint64_t)listener->process << 32 | listener->address),
			(uint64_t)listener->family << 16 | listener->port);
}

static bool listener_equal(const void *context, uint32_t position, const void *key)
{
	const struct recording *rec = context;
	const struct listener *a = &rec->listeners.at[position], *b = key;

	return a->process == b->process && a->family == b->family && a->port == b->port &&
	       a->address == b->address;
}

static void listener_keep(struct session *session, const struct wire_listener *wire)
{
	struct net_data *data = net_data(session);
	struct recording *rec = session->recording;
	struct listener listener = {.family = wire->family, .port = wire->port};
	char address[INET6_ADDRSTRLEN] = "";

	listener.process = session_process(session, wire->tgid);
	if (listener.process == NONE || rec->listeners.len >= LISTENERS_KEPT)
		return;
	if (wire->family == AF_UNIX) {
		listener.address =
			string_intern_n(rec, wire->path, strnlen(wire->path, sizeof(wire->path)));
	} else {
		inet_ntop(wire->family, wire->address, address, sizeof(address));
		listener.address = string_intern(rec, address);
	}
	if (index_find(&data->by_listener, listener_hash(&listener), listener_equal, rec,
		       &listener) != INDEX_NONE)
		return;
	vec_push(&rec->listeners, listener);
	index_add(&data->by_listener, listener_hash(&listener), (uint32_t)rec->listeners.len - 1);
}

struct listeners {
	VEC(struct wire_listener) found;
};

static bool listener_found(struct session *session, const void *record, void *context)
{
	struct listeners *listeners = context;

	(void)session;
	vec_push(&listeners->found, *(const struct wire_listener *)record);
	return listeners->found.len < LISTENERS_KEPT;
}

/* Reads all listening sockets of the host; the program also files their ports for itself. */
static int listeners_read(struct session *session, struct error *error)
{
	struct net_data *data = net_data(session);
	struct listeners listeners = {};
	int err;

	data->listeners_born = session->skeleton->bss->net_listeners_born;
	err = iterate(session, session->skeleton->progs.net__listeners,
		      sizeof(struct wire_listener), listener_found, &listeners, error);
	/* Processes that were born a moment ago are known from here on. */
	ring_buffer__consume(session->ring);
	vec_each(&listeners.found, listener)
		listener_keep(session, listener);
	vec_free(&listeners.found);
	return err;
}

/* Without the tracepoints for bytes (before 6.3) they are counted at the end of system calls. */
static int net_prepare(struct session *session, struct error *error)
{
	struct strait_bpf *skeleton = session->skeleton;
	bool traced = bpf_program__autoload(skeleton->progs.net__send) &&
		      bpf_program__autoload(skeleton->progs.net__receive);

	(void)error;
	bpf_program__set_autoload(skeleton->progs.net__syscall, !traced);
	/* Attached and detached as the budget says. */
	bpf_program__set_autoattach(skeleton->progs.net__send, false);
	bpf_program__set_autoattach(skeleton->progs.net__receive, false);
	bpf_program__set_autoattach(skeleton->progs.net__syscall, false);
	/* In a pid namespace of its own only threads that have a ledger are known. */
	skeleton->rodata->net_all = session->options.target == TARGET_HOST && !namespace_is_own();
	skeleton->rodata->net_recvfrom = SYS_recvfrom;
	skeleton->rodata->net_recvmsg = SYS_recvmsg;
	skeleton->rodata->net_recvmmsg = SYS_recvmmsg;
	skeleton->rodata->net_sendmmsg = SYS_sendmmsg;
	return 0;
}

/* ---- the programs at every message ---- */

const char *messages_family(void)
{
	return family_net.name;
}

bool messages_are_calls(const struct session *session)
{
	return bpf_program__fd(session->skeleton->progs.net__syscall) >= 0;
}

/* Those of them that the kernel took; 0, or a negative errno where one cannot be attached. */
static int messages_link(struct session *session, struct net_data *data)
{
	struct bpf_program *programs[MESSAGE_PROGRAMS] = {
		session->skeleton->progs.net__send,
		session->skeleton->progs.net__receive,
		session->skeleton->progs.net__syscall,
	};

	for (size_t i = 0; i < MESSAGE_PROGRAMS; i++) {
		if (data->messages[i] || bpf_program__fd(programs[i]) < 0)
			continue;
		data->messages[i] = bpf_program__attach(programs[i]);
		if (!data->messages[i])
			return errno ? -errno : -EIO;
	}
	return 0;
}

bool messages_attach(struct session *session)
{
	struct net_data *data = net_data(session);
	bool attached = false;

	if (!data || session->family_off[family_index(&family_net)])
		return false;
	messages_link(session, data);
	for (size_t i = 0; i < MESSAGE_PROGRAMS; i++)
		attached |= data->messages[i] != NULL;
	return attached;
}

void messages_weigh(struct session *session, double duty)
{
	uint32_t weight = duty > 0 ? (uint32_t)(WIRE_CALL_WEIGHT / duty + 0.5) : 0;

	__atomic_store_n(&session->skeleton->bss->messages_weight, weight, __ATOMIC_SEQ_CST);
}

void messages_detach(struct session *session)
{
	struct net_data *data = net_data(session);

	for (size_t i = 0; data && i < MESSAGE_PROGRAMS; i++) {
		bpf_link__destroy(data->messages[i]);
		data->messages[i] = NULL;
	}
}

static int net_attach(struct session *session, struct error *error)
{
	struct net_data *data = calloc(1, sizeof(*data));
	int err;

	if (!data)
		return error_set(error, -ENOMEM, "out of memory");
	session->family_data[family_index(&family_net)] = data;
	err = messages_link(session, data);
	if (err)
		return error_set(error, err, "cannot attach to messages: %s", strerror(-err));
	/* Refused by the kernel: then sides are guessed from what connects inside the window. */
	data->listed = bpf_program__fd(session->skeleton->progs.net__listeners) >= 0;
	return 0;
}

static int net_begin(struct session *session, struct error *error)
{
	return net_data(session)->listed ? listeners_read(session, error) : 0;
}

static void net_close(struct session *session)
{
	struct net_data *data = net_data(session);

	if (!data)
		return;
	messages_detach(session);
	index_free(&data->by_listener);
	index_free(&data->by_peer);
	vec_free(&data->named);
	vec_free(&data->named_of);
	vec_free(&data->flows);
	free(data);
}

/* ---- peers ---- */

static bool peer_equal(const void *context, uint32_t position, const void *key)
{
	const struct net_data *data = context;

	return !memcmp(&data->named.at[position], key, sizeof(struct peer));
}

/* Whether the peer has a name of its own; gives it one while there is room. */
static bool peer_named(struct net_data *data, const struct peer *peer)
{
	uint64_t hash = hash_bytes(peer, sizeof(*peer));
	uint32_t slot = peer->process == NONE ? 0 : peer->process + 1;

	if (index_find(&data->by_peer, hash, peer_equal, data, peer) != INDEX_NONE)
		return true;
	if (slot >= data->named_of.len)
		vec_extend(&data->named_of, slot + 1 - data->named_of.len);
	if (data->named_of.at[slot] >= PEERS_NAMED)
		return false;
	data->named_of.at[slot]++;
	vec_push(&data->named, *peer);
	index_add(&data->by_peer, hash, (uint32_t)data->named.len - 1);
	return true;
}

/* "client 10.0.0.1:5432", "server :8080 from 10.0.0.7", "udp :53", "udp unbound", "unix" */
static void peer_label(const struct net_key *key, char *label, size_t size)
{
	char address[INET6_ADDRSTRLEN] = "?", protocol[32] = "";
	bool bracket = key->family == AF_INET6;

	if (key->family == AF_UNIX) {
		snprintf(label, size, "unix");
		return;
	}
	inet_ntop(key->family, key->peer, address, sizeof(address));
	if (key->protocol == IPPROTO_UDP)
		snprintf(protocol, sizeof(protocol), "udp ");
	else if (key->protocol != IPPROTO_TCP)
		snprintf(protocol, sizeof(protocol), "protocol %u ", key->protocol);
	if (key->side == NET_CLIENT)
		snprintf(label, size, "%sclient %s%s%s:%u", protocol, bracket ? "[" : "", address,
			 bracket ? "]" : "", key->port);
	else if (key->side == NET_SERVER)
		snprintf(label, size, "%sserver :%u from %s", protocol, key->port, address);
	else if (key->port)
		snprintf(label, size, "%s:%u", protocol, key->port);
	else
		snprintf(label, size, "%sunbound", protocol);
}

/* ---- counters ---- */

static const struct {
	const char *metric;
	size_t offset;
} net_metrics[] = {
#define METRIC(field)                                                                              \
	{                                                                                          \
		"net." #field, offsetof(struct net_value, field)                                   \
	}
	METRIC(sent_bytes),       METRIC(received_bytes), METRIC(sends),       METRIC(receives),
	METRIC(retransmits),      METRIC(connects),       METRIC(accepts),     METRIC(resets),
	METRIC(connect_failures), METRIC(rtt_us_sum),     METRIC(rtt_samples),
};
#define METRICS (sizeof(net_metrics) / sizeof(net_metrics[0]))

static uint64_t *value_field(struct net_value *value, size_t metric)
{
	return (uint64_t *)(void *)((char *)value + net_metrics[metric].offset);
}

static void value_add(struct net_value *sum, struct net_value *more)
{
	for (size_t i = 0; i < METRICS; i++)
		*value_field(sum, i) += *value_field(more, i);
}

static uint64_t value_bytes(const struct net_value *value)
{
	return value->sent_bytes + value->received_bytes;
}

/* A value whose messages counted by weight, in whole units. */
static struct net_value value_weighed(const struct net_value *value, double scale)
{
	struct net_value out = *value;
	__u64 *sums[] = {&out.sent_bytes, &out.received_bytes, &out.sends, &out.receives};

	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		*sums[i] = (uint64_t)llround((double)*sums[i] * scale / WIRE_CALL_WEIGHT);
	return out;
}

static void value_emit(struct recording *rec, uint32_t process, const char *label,
		       struct net_value *value)
{
	for (size_t i = 0; i < METRICS; i++)
		if (*value_field(value, i))
			recording_count(rec, net_metrics[i].metric, process, label,
					*value_field(value, i));
}

static void flow_collect(struct session *session, const void *key, const void *value)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct flow flow = {};

	flow.peer.key = *(const struct net_key *)key;
	flow.sum = value_weighed(value, budget_scale(session->budget, true));
	flow.peer.process =
		flow.peer.key.tgid ? session_process(session, flow.peer.key.tgid) : NONE;
	flow.peer.key.tgid = 0;
	flow.peer.key.pad = 0;
	/* An IPv4 peer of a socket that takes both families is the same peer. */
	if (flow.peer.key.family == AF_INET6 && !memcmp(flow.peer.key.peer, mapped, 12)) {
		flow.peer.key.family = AF_INET;
		memmove(flow.peer.key.peer, flow.peer.key.peer + 12, 4);
		memset(flow.peer.key.peer + 4, 0, 12);
	}
	vec_push(&net_data(session)->flows, flow);
}

static int flow_by_peer(const void *a, const void *b)
{
	return memcmp(&((const struct flow *)a)->peer, &((const struct flow *)b)->peer,
		      sizeof(struct peer));
}

/* By process, then the largest first, so that names go to those. */
static int flow_by_size(const void *a, const void *b)
{
	const struct flow *one = a, *other = b;
	uint64_t x = value_bytes(&one->sum), y = value_bytes(&other->sum);

	if (one->peer.process != other->peer.process)
		return one->peer.process < other->peer.process ? -1 : 1;
	if (x != y)
		return x > y ? -1 : 1;
	return memcmp(&one->peer, &other->peer, sizeof(struct peer));
}

/* Adds up flows that are of one peer (of both families, of a reused process id). */
static void flows_merge(struct net_data *data)
{
	size_t kept = 0;

	vec_sort(&data->flows, flow_by_peer);
	for (size_t i = 0; i < data->flows.len; i++) {
		if (kept && !flow_by_peer(&data->flows.at[kept - 1], &data->flows.at[i]))
			value_add(&data->flows.at[kept - 1].sum, &data->flows.at[i].sum);
		else
			data->flows.at[kept++] = data->flows.at[i];
	}
	data->flows.len = kept;
	vec_sort(&data->flows, flow_by_size);
}

static void flows_emit(struct net_data *data, struct recording *rec)
{
	struct net_value others = {};
	uint64_t folded = 0;
	char label[128];

	for (size_t i = 0; i < data->flows.len; i++) {
		struct flow *flow = &data->flows.at[i];
		uint32_t process = flow->peer.process;

		if (peer_named(data, &flow->peer)) {
			peer_label(&flow->peer.key, label, sizeof(label));
			value_emit(rec, process, label, &flow->sum);
		} else {
			value_add(&others, &flow->sum);
			folded++;
		}
		if (folded &&
		    (i + 1 == data->flows.len || data->flows.at[i + 1].peer.process != process)) {
			value_emit(rec, process, OTHER_PEERS, &others);
			recording_count(rec, "net.other_peers", process, OTHER_PEERS, folded);
			memset(&others, 0, sizeof(others));
			folded = 0;
		}
	}
}

static int net_drain(struct session *session, struct error *error)
{
	struct net_data *data = net_data(session);
	int err;

	budget_observe(session->budget, session, session->slice_end_ns);
	err = generation_drain(session, session->skeleton->maps.net_flows_0,
			       session->skeleton->maps.net_flows_1, flow_collect, error);
	flows_merge(data);
	flows_emit(data, session->recording);
	data->flows.len = 0;
	if (err >= 0 && data->listed &&
	    session->skeleton->bss->net_listeners_born != data->listeners_born)
		err = listeners_read(session, error);
	return err;
}

static void message_sampled(struct session *session, const void *record, size_t size)
{
	session_sample(session, SAMPLE_NET, record, size);
}

const struct family family_net = {
	.name = "net",
	.what = "bytes, connections, retransmits and round trips, by process and peer",
	.handlers = {{WIRE_NET_SAMPLE, message_sampled}},
	.prepare = net_prepare,
	.attach = net_attach,
	.begin = net_begin,
	.drain = net_drain,
	.close = net_close,
};
