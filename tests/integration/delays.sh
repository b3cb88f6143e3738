#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Who waits for a CPU for long, who has it meanwhile, and why: threads of which one waits for known
# others. How long, the scheduler says itself.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need sqlite3 jq cc

known=$work/known
recording=$work/r.strait
cpus=$(nproc)
group=

cc -O1 -D_GNU_SOURCE -pthread -o "$known" \
	"$root/tests/integration/delays.c" || skip 'cannot compile'

ask() {
	sqlite3 -readonly "$recording" "$@"
}

# near NAME EXPECTED PERCENT SEEN: ns, told in ms.
near() {
	within "$1, ms of $(($2 / 1000000))" $(($2 * (100 - $3) / 100000000)) \
		$(($2 * (100 + $3) / 100000000)) $(($4 / 1000000))
}

# What a thread waited for a CPU by the scheduler's sums, all of that name.
waited() {
	awk -v name="$1" '$1 == name {sum += $2} END {printf "%.0f", sum}' "$work/truth"
}

# What the single waits of a thread stand for, all of that name.
told() {
	ask "SELECT coalesce(sum(d.weight_ns), 0) FROM delays d JOIN v_threads t ON t.thread = d.thread
		WHERE t.comm = '$1'"
}

# reported VICTIM OCCUPANT WHY: ns in the report's row of these.
reported() {
	jq --arg victim "$1" --arg occupant "$2" --arg why "$3" '[.profile.delays[] |
		select((.waits.thread // "") == $victim and (.occupant.thread // "") == $occupant and
			.why == $why) | .seconds * 1e9 | round] | add // 0' "$work/report"
}

# because NAME VICTIM OCCUPANT WHY: of what the report says that the one waited for the other, nine
# tenths and more were for this reason. Others may run on this host, too.
because() {
	within "$1" 0.9 1 "$(jq --arg victim "$2" --arg occupant "$3" --arg why "$4" '
		[.profile.delays[] | select((.waits.thread // "") == $victim and
			(.occupant.thread // "") == $occupant)] | (map(.seconds) | add // 0) as $all |
		(map(select(.why == $why) | .seconds) | add // 0) / (if $all > 0.1 then $all else 1e9 end)
		' "$work/report")"
}

# The share of the time for which the CPUs but the last one idled, percent.
idle_elsewhere() {
	ask "SELECT coalesce(sum(value), 0) * 100 / ((SELECT length_ns FROM recording) * max($cpus - 1, 1))
		FROM v_points WHERE metric = 'cpu.idle_ns' AND label <> 'cpu$((cpus - 1))'"
}

# record CASE [COMMAND…]: by way of a command where there is one.
record() {
	local case=$1
	shift
	run "$strait" record -q --replace -o "$recording" -- "$@" "$known" "$case"
	[ $status -eq 0 ] || return 1
	cp "$out" "$work/truth"
	"$strait" report --json "$recording" >"$work/report" 2>"$err"
}

# What holds for every recording.
sound() {
	is "$1: more of a wait was seen than it took, or had by others than was seen" 0 "$(ask "
		SELECT count(*) FROM delays d WHERE d.seen_ns > d.end_ns - d.begin_ns OR d.seen_ns <
			(SELECT coalesce(sum(ns), 0) FROM occupants o WHERE o.delay = d.id)")"
	is "$1: waits below the threshold" 0 \
		"$(ask 'SELECT count(*) FROM delays WHERE end_ns - begin_ns < 1000000 AND begin_ns > 0')"
	is "$1: threads that had the CPU they waited for themselves" 0 "$(ask 'SELECT count(*)
		FROM occupants o JOIN delays d ON d.id = o.delay WHERE o.thread = d.thread')"
	is "$1: nothing was lost" 0 "$(ask 'SELECT count(*) FROM losses')"
}

# Two take turns on one CPU. With others that idle, it is that they may not use them.
test_pinned() {
	local why='no CPU free' a b
	record pinned
	is 'pinned: recorded' 0 "$status"
	[ "$cpus" -gt 1 ] && [ "$(idle_elsewhere | cut -d. -f1)" -ge 20 ] && why=affinity
	a=$(waited hog-a) b=$(waited hog-b)
	near 'pinned: both waited' $((a + b)) 5 $(($(told hog-a) + $(told hog-b)))
	near 'pinned: hog-a waited' "$a" 20 "$(told hog-a)"
	near "pinned: hog-a waited for hog-b, $why" "$a" 30 "$(reported hog-a hog-b "$why")"
	near "pinned: hog-b waited for hog-a, $why" "$b" 30 "$(reported hog-b hog-a "$why")"
	sound pinned
}

# As many again as there are CPUs: whoever waits, another of them runs.
test_crowd() {
	local all
	record crowd
	is 'crowd: recorded' 0 "$status"
	all=$(waited crowd)
	near 'crowd: all waited' "$all" 10 "$(told crowd)"
	because 'crowd: for each other, no CPU free' crowd crowd 'no CPU free'
	sound crowd
}

# One of the lowest priority gets next to nothing.
test_nice() {
	local all
	record nice
	is 'nice: recorded' 0 "$status"
	all=$(waited low)
	near 'nice: it waited' "$all" 20 "$(told low)"
	because 'nice: for those of higher priority' low usual priority
	sound nice
}

# A thread of real time takes the CPU 40 times for 20 ms.
test_fifo() {
	local all
	record fifo || {
		grep -q 'sched_setscheduler' "$err" &&
			skip_part 'fifo' 'no threads of real time may be made here' && return
	}
	is 'fifo: recorded' 0 "$status"
	all=$(waited plain)
	near 'fifo: it waited' "$all" 10 "$(told plain)"
	within 'fifo: for the thread of real time, ms of 800' 700 900 \
		"$(($(reported plain fifo 'real time') / 1000000))"
	within 'fifo: single waits of 15 ms and more, of 40' 36 42 "$(ask "SELECT count(*) FROM
		(SELECT DISTINCT delay FROM v_delays WHERE comm = 'plain' AND occupant_comm = 'fifo' AND
		occupant_ns > 15000000)")"
	sound fifo
}

# A cgroup that may use a fifth of a CPU: $group, its directory.
quota_make() {
	local at
	for at in /sys/fs/cgroup /sys/fs/cgroup/cpu; do
		[ -e $at/cpu.cfs_quota_us ] || grep -qsw cpu $at/cgroup.subtree_control || continue
		mkdir "$at/strait-test-$$" 2>/dev/null || continue
		group=$at/strait-test-$$
		cleanups+=("rmdir $group")
		if [ -e "$group/cpu.max" ]; then
			echo '20000 100000' >"$group/cpu.max"
		else
			echo 100000 >"$group/cpu.cfs_period_us" &&
				echo 20000 >"$group/cpu.cfs_quota_us"
		fi 2>/dev/null && return
	done
	group=
	return 1
}

test_quota() {
	local all
	quota_make || {
		skip_part 'quota' 'no cgroup with a quota of CPU time can be made here'
		return
	}
	# shellcheck disable=SC2016 # the inner shell's
	record alone sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group"
	is 'quota: recorded' 0 "$status"
	# cgroup v1 and v2 count the same.
	all=$(awk '$1 == "throttled_time" {print $2} $1 == "throttled_usec" {printf "%.0f", $2 * 1000}' \
		"$group/cpu.stat")
	near 'quota: it waited' "$all" 15 "$(told alone)"
	near 'quota: for its quota' "$all" 15 "$(reported alone '' quota)"
	sound quota
}

test_pinned
test_crowd
test_nice
test_fifo
test_quota
finish
