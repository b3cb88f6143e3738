#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A thread that is woken on its way off its CPU, and then waits for its turn there: that is a wait for
# a CPU, in its ledger as everywhere else.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need sqlite3 cc
[ "$(nproc)" -ge 2 ] || skip 'needs two CPUs'

known=$work/known
recording=$work/r.strait
rounds=1000

cc -O1 -g -D_GNU_SOURCE -pthread -o "$known" \
	"$root/tests/integration/early.c" || skip 'cannot compile'

ask() {
	sqlite3 -readonly "$recording" "$@"
}

# in_state STATE…: ns of the sleeper.
in_state() {
	ask "SELECT coalesce(sum(ns), 0) FROM v_ledger WHERE tid = $tid
		AND state IN ($(printf "'%s'," "$@" | sed 's/,$//'))"
}

# in_await EXPRESSION: of the sleeper's waits there, by place.
in_await() {
	ask "SELECT coalesce($1, 0) FROM v_samples WHERE kind = 'offcpu' AND tid = $tid
		AND stack IN (SELECT stack FROM v_stacks WHERE function = 'await')"
}

start "$known" hog
start "$known" hog
run "$strait" record -q --replace -o "$recording" -- "$known" $rounds
is 'recorded' 0 "$status"
for pid in "${started[@]}"; do
	stop "$pid"
done
read -r _ tid waited waited_long blocked awake <"$out"
is 'it was woken too early, and too late' 'yes yes' \
	"$([ "$awake" -gt 0 ] && echo yes) $([ "$blocked" -gt $((rounds / 2)) ] && echo yes)"

blocked_ns=$(in_state 'user lock')
ready_ns=$(in_state 'waiting for CPU' preempted)
# The kernel counts from when the thread is in the queue, up to 30 us after its wakeup.
within "ms ready, of $((waited / 1000000))" $((waited * 95 / 100000000)) \
	$(((waited * 105 / 100 + rounds * 30000) / 1000000)) $((ready_ns / 1000000))

# In the ledger the wait ends when the thread is woken, and so it has to where it waits.
within "us blocked in await(), of $((blocked_ns / 1000)) in the ledger" \
	$((blocked_ns / 1000 - 1000)) $((blocked_ns / 1000 + 1000)) $(($(in_await 'sum(weight)') / 1000))
within "waits there, of which the kernel counted $blocked" $((blocked - 5)) $((blocked + 5)) \
	"$(in_await 'sum(count)')"
# All that waker ended, whenever.
within "waits that were ended, of $blocked" $((blocked - 5)) $((blocked + 5)) \
	"$(ask "SELECT coalesce(sum(count), 0) FROM v_edges WHERE kind = 'waker' AND tid = $tid")"

# Shorter waits for a CPU than 20 us are charged to nobody.
within "ms for which it is known who had the CPU, of $((ready_ns / 1000000))" \
	$(((ready_ns * 97 / 100 - rounds * 20000) / 1000000)) $((ready_ns / 1000000 + 1)) \
	$(($(ask "SELECT coalesce(sum(ns), 0) FROM v_edges WHERE kind = 'culprit' AND tid = $tid") / 1000000))
# There are more than are told: those that are stand for the rest, by chance.
within "ms in single waits for a CPU, of $((waited_long / 1000000))" \
	$((waited_long * 80 / 100000000)) $((waited_long * 120 / 100000000 + 1)) \
	$(($(ask "SELECT coalesce(sum(weight_ns), 0) FROM delays d JOIN v_threads t ON t.thread = d.thread
		WHERE t.tid = $tid") / 1000000))
is 'nothing was lost' 0 "$(ask 'SELECT count(*) FROM losses')"
finish
