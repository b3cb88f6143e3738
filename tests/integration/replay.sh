#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# One model, many outputs: the live report and the one made from its recording are equal byte for
# byte, whoever makes it; and the numbers of the outputs agree with each other.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need jq sqlite3 mkfifo

recording=$work/r.strait

# Something to report: a busy loop, a sleeper, and two that wake each other by pipes.
start sh -c 'while :; do :; done'
start sleep 60
mkfifo "$work/to" "$work/fro"
start bash -c 'exec 3<>"$0" 4<>"$1"; while read -r x <&3; do echo "$x" >&4; done' "$work/to" "$work/fro"
start bash -c 'exec 3<>"$0" 4<>"$1"; while :; do echo x >&3; read -r x <&4; done' "$work/to" "$work/fro"

for format in text json; do
	run "$strait" -q -d 2 --replace -o "$recording" --format $format
	is "$format: live report" 0 "$status"
	cp "$out" "$work/live"
	run "$strait" report "$recording" --format $format
	is "$format: report of the recording" 0 "$status"
	check "$format: both are equal" cmp "$work/live" "$out"
done

# Without root, from a copy that anyone may read.
install -m 644 "$recording" /tmp/strait-replay-$$.strait
cleanups+=("rm -f /tmp/strait-replay-$$.strait")
chmod 755 "$work"
run setpriv --reuid=65534 --regid=65534 --clear-groups \
	"$strait" report /tmp/strait-replay-$$.strait --format json
is 'a recording needs no root' 0 "$status"
check 'the report does not depend on who makes it' cmp "$work/live" "$out"

# What is replayed needs to know who ended a wait: of the two, each wakes the other once a sleep.
pair="(select thread from v_threads where process_comm = 'bash')"
pair_count() {
	sqlite3 "$recording" "select count(*) from events where thread in $pair and $1"
}
wakes=$(pair_count "kind = 2 and other in $pair")
sleeps=$(pair_count "kind = 1 and state =
	(select value from words where what = 'state' and word = 'local peer')")
check "excerpts tell who woke whom: $wakes wakeups, $sleeps sleeps" \
	test "$sleeps" -gt 100 -a "$wakes" -gt $((sleeps * 8 / 10))

run "$strait" flame "$recording" --kind cpu
is 'folded stacks' 0 "$status"
matches 'the busy loop is in them' '^(sh|dash);.* [0-9]+$' "$out"
is 'folded: as many samples as the report says' \
	"$(jq '.coverage.stacks.cpu_samples' "$work/live")" \
	"$(awk '{sum += $NF} END {print sum}' "$out")"
finish
