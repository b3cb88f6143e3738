#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Ten thousand threads and as many switches as this host does: no total is lost, no thread is
# missing, and strait stays small.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need sqlite3 jq cc

load=$work/load
truth=$work/truth
recording=$work/r.strait
threads=${STRAIT_THREADS:-10000}
rss_limit=$((96 << 20))
maps_limit=$((64 << 20))

cc -O1 -D_GNU_SOURCE -pthread -o "$load" "$root/tests/integration/threads.c" || exit 1
[ "$(cat /proc/sys/kernel/threads-max)" -gt $((threads * 2)) ] &&
	[ "$(ulimit -Hn)" -gt $((threads + 100)) ] || skip "this host does not allow $threads threads"

ask() {
	sqlite3 -readonly "$recording" "$@"
}

# Of the load's process: ns in running states, all ns, threads, switches.
spent() {
	ask "SELECT coalesce(sum(ns), 0) FROM v_ledger WHERE pid = $1 AND (state LIKE 'running%'
		OR state IN ('interrupted', 'taken by the hypervisor'))"
}

lives() {
	ask "SELECT coalesce(sum(ns), 0) FROM v_ledger WHERE pid = $1 AND tid <> pid"
}

ledgers() {
	ask "SELECT count(DISTINCT l.thread) FROM ledger l JOIN v_threads t ON t.thread = l.thread
		WHERE t.pid = $1 AND t.tid <> t.pid"
}

counted() {
	ask "SELECT coalesce(sum(value), 0) FROM v_counts WHERE pid = $1 AND metric = 'sched.switches'"
}

stolen() {
	awk -v hz="$(getconf CLK_TCK)" '$1 == "cpu" {printf "%d", $9 / hz * 1e9}' /proc/stat
}

# The largest process: the load.
load_pid() {
	ask 'SELECT pid FROM v_threads GROUP BY process ORDER BY count(*) DESC LIMIT 1'
}

# What the load said that it had done by then: the CPU time (column 3) or the switches (4) in the
# window, between its two nearest moments at each end.
truth_in_window() {
	ask 'SELECT start_unix_ns, start_unix_ns + length_ns FROM recording' -separator ' ' |
		awk -v column="$1" 'NR == FNR {begin = $1; end = $2; next}
			$1 == "at" {
				if (at && at <= begin && $2 > begin)
					from = was + ($column - was) * (begin - at) / ($2 - at)
				if (at && at <= end && $2 > end)
					to = was + ($column - was) * (end - at) / ($2 - at)
				at = $2; was = $column
			}
			END {printf "%.0f", to - from}' - "$truth"
}

# Nothing is lost but single waits above the rate, which their sums hold.
complete() {
	local report
	report=$("$strait" report "$recording" --json)
	is "$1: nothing was lost" '[]' "$(jq -c '[.coverage.lost[] |
		select(.what | startswith("single waits above") | not)]' <<<"$report")"
	within "$1: memory of strait is below $((rss_limit >> 20)) MiB" 1 $rss_limit \
		"$(jq '.coverage.self.rss_bytes' <<<"$report")"
	within "$1: its maps are below $((maps_limit >> 20)) MiB" 1 $maps_limit \
		"$(jq '.coverage.self.bpf_map_bytes' <<<"$report")"
}

# They were there before the window, and are after it.
test_there() {
	local pid window ran switches steal life
	start "$load" $threads 25
	pid=$started_pid
	until_true 20 grep -q ready "$work/started.out" || skip "$threads threads cannot be made here"
	steal=$(stolen)
	run "$strait" record -q --replace -d 3 -o "$recording"
	is 'recorded' 0 "$status"
	steal=$(($(stolen) - steal + 10000000))
	sleep 0.5
	kill "$pid"
	wait "$pid"
	truth=$work/started.out
	window=$(ask 'SELECT length_ns FROM recording')
	# A kernel whose RCU has to wait for a CPU holds the recorder up, and the window is longer.
	within 'the window is as long as it was to be, or a little longer' \
		3000000000 20000000000 "$window"
	ran=$(truth_in_window 3) switches=$(truth_in_window 4)
	is "there: $((switches * 1000000000 / window)) switches a second, each thread has a ledger" \
		$threads "$(ledgers "$pid")"
	life=$((threads * window))
	within "there: the lives sum to $threads windows" \
		$((life - life / 10000)) $((life + life / 10000)) "$(lives "$pid")"
	# All ledgers are cut at one moment, whenever they are read: to the nanosecond, but for what a
	# CPU that the hypervisor stopped in the middle of a program has not written by then.
	is 'there: threads that lost or won more than 0.1 % of the window' 0 \
		"$(ask "SELECT count(*) FROM (SELECT sum(ns) AS ns FROM v_ledger WHERE pid = $pid
		GROUP BY tid) WHERE ns NOT BETWEEN $window * 0.999 AND $window * 1.001")"
	is 'there: or of a slice' 0 "$(ask "SELECT count(*) FROM (
		SELECT sum(l.ns) AS ns, s.end_ns - s.begin_ns AS whole FROM ledger l
		JOIN slices s ON s.id = l.slice JOIN v_threads t ON t.thread = l.thread
		WHERE t.pid = $pid GROUP BY l.slice, l.thread)
		WHERE ns NOT BETWEEN whole * 0.999 AND whole * 1.001")"
	within "there: time on a CPU agrees with the $((ran / 1000000)) ms of its CPU clock" \
		$((ran - ran * 3 / 100)) $((ran + ran * 3 / 100 + steal)) "$(spent "$pid")"
	within "there: $switches switches were counted" \
		$((switches - switches / 50)) $((switches + switches / 50)) "$(counted "$pid")"
	complete 'there'
}

# All of them are born in the window and end in it, at once.
test_born() {
	local pid name made least most ran switches steal _
	steal=$(stolen)
	run "$strait" record -q --replace -o "$recording" -- "$load" $threads 2
	is 'recorded' 0 "$status"
	steal=$(($(stolen) - steal + 10000000))
	read -r name made least most ran switches _ < <(grep '^all ' "$out")
	is 'the load ran to its end' "all $threads" "$name $made"
	# A thread's last switch comes after the kernel added up its others.
	switches=$((switches + made))
	pid=$(load_pid)
	is "born: each thread has a ledger" $threads "$(ledgers "$pid")"
	# Outside of what a thread sees of its life: becoming one, and going.
	within "born: the lives sum to $((least / 1000000000)) to $((most / 1000000000)) s" \
		"$least" "$most" "$(lives "$pid")"
	within "born: time on a CPU agrees with the $((ran / 1000000)) ms of its CPU clock" \
		$((ran - ran * 3 / 100)) $((ran + ran * 3 / 100 + steal + 50000000)) "$(spent "$pid")"
	within "born: $switches switches were counted" \
		$((switches - switches / 50)) $((switches + switches / 50)) "$(counted "$pid")"
	complete 'born'
}

test_there
test_born
finish
