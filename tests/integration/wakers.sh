#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Who ends long waits, and whence: pairs of threads of which one waits a known number of times for
# what the other does in a function of its own.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need sqlite3 jq cc

known=$work/known
recording=$work/r.strait

cc -O1 -g -D_GNU_SOURCE -pthread -o "$known" \
	"$root/tests/integration/wakers.c" || skip 'cannot compile'

ask() {
	sqlite3 -readonly "$recording" "$@"
}

# pair STATE VICTIM FUNCTION WAKER FUNCTION: the waits of one, ended by the other, each in its
# function; their number and time are those that the program knows of.
pair() {
	local where="FROM v_waits WHERE state = '$1' AND comm = '$2' AND waker_comm = '$4'
		AND ended_by = 'thread'
		AND stack IN (SELECT stack FROM v_stacks WHERE function = '$3')"
	local whence="AND waker_stack IN (SELECT stack FROM v_stacks WHERE function = '$5')"
	within "$3: long waits, of $waits, ended by $4" $((waits * 95 / 100)) $((waits + 5)) \
		"$(ask "SELECT count(*) $where")"
	within "$3: of these, ended in $5" $((waits * 95 / 100)) $((waits + 5)) \
		"$(ask "SELECT count(*) $where $whence")"
	within "$3: ms waited, of $((waits * ns / 1000000))" $((waits * ns / 1000000 * 95 / 100)) \
		$((waits * ns / 1000000 * 3 / 2)) "$(ask "SELECT sum(ns) / 1000000 $where $whence")"
}

run "$strait" record -q --replace -o "$recording" -- "$known"
is 'recorded' 0 "$status"
waits=$(awk '$1 == "waits" {print $2}' "$out")
ns=$(awk '$1 == "ns" {print $2}' "$out")

pair 'local peer' consumer consume producer produce
pair 'user lock' awaiter await signaller signal_it
pair 'local peer' client ask server answer

# Nobody ended these: the timer did, and no thread is named.
within "expire: long waits, of $waits, ended by the timer" $((waits * 95 / 100)) $((waits + 5)) \
	"$(ask "SELECT count(*) FROM v_waits WHERE comm = 'expirer' AND ended_by = 'timer'
		AND waker_tid IS NULL AND waker_stack IS NULL")"
within 'expire: ended by others' 0 $((waits / 50)) \
	"$(ask "SELECT count(*) FROM v_waits WHERE comm = 'expirer' AND ended_by <> 'timer'
		AND stack IN (SELECT stack FROM v_stacks WHERE function = 'expire')")"

is 'waits with a stack of a waker, but without him' 0 \
	"$(ask 'SELECT count(*) FROM v_waits WHERE waker_stack IS NOT NULL AND waker_tid IS NULL')"
run "$strait" report --json "$recording"
# told VICTIM FUNCTION WAKER FUNCTION: the row of the report that sums these waits up.
told() {
	jq -r --arg victim "$1" --arg at "$2" --arg waker "$3" --arg from "$4" '
		.profile.wakeups[] | select(.waits.thread == $victim and .waits.function == $at and
			.wakes.thread == $waker and .wakes.function == $from) |
		"\(.count) \(.seconds) \(.ended_by) \(.terminals[0].what) \(.terminals[0].share > 0.5)"' \
		"$out"
}
for row in 'consumer consume producer produce' 'awaiter await signaller signal_it' \
	'client ask server answer'; do
	# shellcheck disable=SC2086 # four words
	read -r count seconds ended what most <<<"$(told $row)"
	within "$row: waits in the report" $((waits * 95 / 100)) $((waits + 5)) "$count"
	within "$row: seconds in the report" 1.9 3 "$seconds"
	# Each waker sleeps before it wakes: that is what the wait was in the end.
	is "$row: what it was in the end" 'thread timer true' "$ended $what $most"
done
is 'expire: ended by' timer "$(jq -r '.profile.wakeups[] |
	select(.waits.function == "expire") | .ended_by' "$out" | head -1)"
within 'the long waits told' $((waits * 4 * 95 / 100)) $((waits * 5)) \
	"$(jq .coverage.waits.single "$out")"
is 'nothing was lost' 0 "$(ask 'SELECT count(*) FROM losses')"
finish
