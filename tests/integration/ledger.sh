#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The thread ledger against ground truth: threads that spend known times in known states, the
# kernel's own schedstat, and threads that only sleep.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need sqlite3 cc

known=$work/known
recording=$work/r.strait

cc -O1 -D_GNU_SOURCE -pthread -o "$known" "$root/tests/integration/ledger.c" || exit 1

ask() {
	sqlite3 -readonly "$recording" "$@"
}

# spent TID [STATE…]: ns of a thread in these states, or in all of them.
spent() {
	local tid=$1 states=''
	shift
	[ $# -eq 0 ] || states="AND state IN ($(printf "'%s'," "$@" | sed 's/,$//'))"
	ask "SELECT coalesce(sum(ns), 0) FROM v_ledger WHERE tid = $tid $states"
}

# Time that the hypervisor took from this machine's CPUs so far, ns: schedstat leaves it out of what a
# thread ran, the ledger's clock goes on.
stolen() {
	awk -v hz="$(getconf CLK_TCK)" '$1 == "cpu" {printf "%d", $9 / hz * 1e9}' /proc/stat
}

running=('running user code' 'running kernel code' 'interrupted')

test_threads() {
	local name tid life ran steal _
	steal=$(stolen)
	run "$strait" record -q --replace -o "$recording" -- "$known"
	is 'recorded' 0 "$status"
	steal=$(($(stolen) - steal + 10000000))
	while read -r name tid life ran _; do
		# From its first to its last instruction: birth and exit are outside, a switch or two.
		within "$name: the parts sum to its life of $((life / 1000000)) ms" \
			"$life" $((life + 60000000)) "$(spent "$tid")"
		# schedstat is exact; what came after the thread read it is a few ms at most.
		within "$name: time on a CPU agrees with schedstat's $((ran / 1000)) µs" \
			$((ran - ran / 50 - 500000)) $((ran + ran / 50 + 5000000 + steal)) \
			"$(spent "$tid" "${running[@]}")"
		case $name in
		burn) within 'burn: 700 ms of user code' 650000000 $((720000000 + steal)) \
			"$(spent "$tid" 'running user code' interrupted)" ;;
		nap) within 'nap: 800 ms of timers' 795000000 900000000 "$(spent "$tid" timer)" ;;
		pipe | socket) within "$name: 900 ms of waiting for a local peer" \
			800000000 1200000000 "$(spent "$tid" 'local peer')" ;;
		futex) within 'futex: 900 ms of waiting for a lock' 800000000 1200000000 \
			"$(spent "$tid" 'user lock')" ;;
		calls) within 'calls: most of 300 ms is kernel code' 100000000 $((320000000 + steal)) \
			"$(spent "$tid" 'running kernel code' interrupted)" ;;
		esac
	done <"$out"
	is 'six threads told their times' 6 "$(grep -c . "$out")"
}

# Who calls exec() takes over the id and the begin of the first thread, whose end was told before.
test_exec() {
	local tid life _
	run "$strait" record -q --replace -i 0.4 -o "$recording" -- "$known" exec
	is 'exec by another thread: recorded' 0 "$status"
	read -r _ tid life _ <"$out"
	# The slice in which it is called belongs to the first one, 200 ms of it from before.
	within "exec by another thread: the parts sum to the image's $((life / 1000000)) ms and 600 before" \
		$((life + 590000000)) $((life + 1000000000)) "$(spent "$tid")"
	within 'exec by another thread: 700 ms of user code' 600000000 800000000 \
		"$(spent "$tid" "${running[@]}")"
	within 'exec by another thread: 300 ms of timers, and 200 before' 295000000 700000000 \
		"$(spent "$tid" timer)"
	within 'exec by another thread: some 400 ms of timers were its own' 350000000 600000000 \
		"$(ask "SELECT sum(ns) FROM v_ledger WHERE pid = $tid AND tid != $tid")"
}

test_sleeper() {
	local window
	start sleep 60
	until_true 5 test -d "/proc/$started_pid"
	run "$strait" record -q --replace -d 3 -i 0.5 -o "$recording"
	is 'host recorded' 0 "$status"
	window=$(ask 'SELECT length_ns FROM recording')
	within 'a thread that sleeps all the time: the window and no more' \
		$((window - 100000000)) "$window" "$(spent "$started_pid" timer)"
	is 'a thread that sleeps all the time: in no other state' "$(spent "$started_pid" timer)" \
		"$(spent "$started_pid")"
	is 'it has a row in every slice' "$(ask 'SELECT count(*) FROM slices')" \
		"$(ask "SELECT count(DISTINCT slice) FROM v_ledger WHERE tid = $started_pid")"
	# All threads that were there all the time (their leaders): nobody lost more than 1 %.
	is 'no thread lost more than 1 % of the window' 0 "$(ask "
		SELECT count(*) FROM (SELECT l.thread, sum(l.ns) AS ns FROM ledger l
			JOIN threads t ON t.id = l.thread JOIN processes p ON p.id = t.process
			WHERE p.born = 0 AND p.exited = 0 AND t.tid = p.pid GROUP BY l.thread)
		WHERE ns NOT BETWEEN $window * 0.99 - 50000000 AND $window * 1.01")"
}

test_threads
test_exec
test_sleeper
finish
