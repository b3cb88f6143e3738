/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/delays.h"
#include "wire.h"

/* The part of a sum of ns that a part of the time has. */
static uint64_t part_of(uint64_t sum, uint64_t part, uint64_t whole)
{
	return part < whole ? (uint64_t)((double)sum * (double)part / (double)whole) : sum;
}

void delays_told(struct session *session, const void *record, size_t size)
{
	const struct wire_delay *in = record;
	struct occupant occupants[WIRE_RUNS];
	struct delay delay = {};
	size_t count = 0;
	uint64_t waited, left;

	if (size < sizeof(*in) || !state_is_ready(in->state) || in->header.time_ns <= in->begin_ns)
		return;
	delay.begin_ns = session_time(session, in->begin_ns);
	delay.end_ns = session_time(session, in->header.time_ns);
	if (delay.end_ns <= delay.begin_ns)
		return;
	waited = delay.end_ns - delay.begin_ns;
	delay.thread = session_thread(session, in->header.tid, in->header.tgid);
	delay.state = in->state;
	delay.cpu = in->header.cpu;
	delay.weight_ns = part_of(in->weight_ns, waited, in->header.time_ns - in->begin_ns);
	delay.seen_ns = in->seen_ns < waited ? in->seen_ns : waited;
	left = delay.seen_ns;
	/* The last one comes first: what was before the window drops out. */
	for (size_t i = 0; i < WIRE_RUNS && left; i++) {
		uint64_t ns = in->run[i].ns < left ? in->run[i].ns : left;

		if (!ns || !in->run[i].tid)
			continue;
		left -= ns;
		occupants[count++] = (struct occupant){
			.thread = session_thread(session, in->run[i].tid, in->run[i].tgid),
			.ns = ns};
	}
	recording_delay(session->recording, &delay, occupants, count);
}
