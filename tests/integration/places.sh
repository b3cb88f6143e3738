#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Where threads wait: a program blocks a known number of times in known places; every one of these
# waits has its stack, and next to none was walked.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need sqlite3 jq cc

known=$work/known
recording=$work/r.strait

cc -O1 -g -D_GNU_SOURCE -o "$known" \
	"$root/tests/integration/places.c" || skip 'cannot compile'

ask() {
	sqlite3 -readonly "$recording" "$@"
}

# placed KIND EXPRESSION FUNCTION: of the samples whose stacks hold the function.
placed() {
	ask "SELECT coalesce($2, 0) FROM v_samples WHERE kind = '$1' AND process_comm = 'known'
		AND stack IN (SELECT stack FROM v_stacks WHERE function = '$3')"
}

# counted FUNCTION: the waits there as the kernel counted them.
counted() {
	awk -v name="$1" '$1 == name {print $2}' "$out"
}

# place KIND FUNCTION SLACK: the waits there are those that the kernel counted, and take what they
# took, at most the wall time.
place() {
	local waits ns
	waits=$(counted "$2")
	ns=$(awk -v name="$2" '$1 == name {print $3}' "$out")
	within "$2: waits, of which the kernel counted $waits" $((waits - $3)) $((waits + $3)) \
		"$(placed "$1" 'sum(count)' "$2")"
	within "$2: ns blocked, of $ns" $((ns / 20)) "$ns" "$(placed "$1" 'sum(weight)' "$2")"
}

# looked LEAST MOST: of the waits that the kernel counted one in so many was looked at twice.
looked() {
	local total=$(($(counted often) + $(counted seldom) + $(counted answer)))
	within "places looked at twice, of $total" $((total / $2)) $((total / $1)) \
		"$(ask "SELECT sum(value) FROM v_points WHERE metric = 'context.checks'")"
}

run "$strait" record -q --budget 100% --replace -o "$recording" -- "$known"
is 'recorded' 0 "$status"
# Until a look at the stack shows that two places have one key, one passes for the other: 64 times
# on average, 1 in 10,000 times for longer than 600.
place offcpu often 600
place offcpu seldom 600
place idle nap 5
total=$(($(counted often) + $(counted seldom)))
within "both together, of which the kernel counted $total" $((total - 10)) $((total + 10)) \
	"$(placed offcpu 'sum(count)' ask)"
is 'nothing was lost' 0 "$(ask 'SELECT count(*) FROM losses')"

total=$(counted answer)
within "the child: waits, of which the kernel counted $total" $((total - 20)) $((total + 5)) \
	"$(placed offcpu 'sum(count)' answer)"

# The places are few: what was walked are they, and one of 64 again.
within 'stacks that were walked' 3 2000 "$(ask "SELECT sum(value) FROM v_points
	WHERE metric = 'context.walks'")"
looked 32 128
within 'of which another stack was found' 0 5 "$(ask "SELECT sum(value) FROM v_points
	WHERE metric = 'context.wrong'")"

run "$strait" report --json "$recording"
within 'the share of blocked time with its place' 0.99 1 \
	"$(jq .coverage.waits.placed_share "$out")"

# Switches alone cost more than this: one in 64 until that is known, one in 512 from then on.
run "$strait" record -q --budget 0.1% --replace -o "$recording" -- "$known"
is 'recorded with a budget of 0.1%' 0 "$status"
looked 100 1024
total=$(($(counted often) + $(counted seldom)))
within "all together, of which the kernel counted $total" $((total - 10)) $((total + 10)) \
	"$(placed offcpu 'sum(count)' ask)"
finish
