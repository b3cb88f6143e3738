#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What happens to strait itself, or to what it watches: killed at any moment, stopped for five
# seconds, without a CPU, a target that is suspended, a disk that is full, two of them at once. Nothing
# stays attached, what was recorded is readable, and the figures stay true.
#
# STRAIT_KILLS: how many random moments it is killed at (4 while it starts,
# half as many later).

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need sqlite3 jq cc
"$root/scripts/find-tool" bpftool >/dev/null || skip 'no bpftool that runs'

load=$work/load
recording=$work/r.strait
kills=${STRAIT_KILLS:-4}
# Under a name of its own: others may run at the same time.
own=$work/flt$$
cp "$strait" "$own"

cc -O1 -o "$load" "$root/tests/integration/budget.c" || exit 1
head -c 32768 /dev/zero >"$work/data"

ask() {
	sqlite3 -readonly "$recording" "$@"
}

# Processes of this test's own strait, whoever their parent is.
own_processes() {
	local exe
	for exe in /proc/[0-9]*/exe; do
		[ "$(readlink "$exe" 2>/dev/null)" != "$own" ] || echo "${exe//[^0-9]/}"
	done
}

no_own_processes() {
	[ -z "$(own_processes)" ]
}

# Ids of all BPF programs and links of the kernel.
kernel_objects() {
	local kind
	for kind in prog link; do
		bpftool -j $kind show 2>/dev/null | jq -r --arg kind $kind '.[] | "\($kind) \(.id)"'
	done | sort
}

# ---- killed ----

# The file of a strait that was killed: there is none, it says in a line what is wrong, or it can be
# read. Sets $found to which.
file_is_good() {
	local file=$1
	found=
	if [ ! -e "$file" ]; then
		found='no file yet'
		return 0
	fi
	run "$strait" report --json "$file"
	if [ "$status" -eq 0 ]; then
		found="$(jq .window.seconds "$out") s are readable"
		jq -e '.strait.schema == 1' "$out" >/dev/null
		return
	fi
	found="$(cat "$err")"
	[ "$status" -eq 1 ] && [ "$(wc -l <"$err")" -eq 1 ] && [ ! -s "$out" ] &&
		grep -q "${file##*/}" "$err"
}

nothing_left() {
	left=$(grep . <<<"$held" | kernel_objects_left)
	[ -z "$left" ] && no_own_processes
}

# killed_after SECONDS WHEN COMMAND…: kills it then; what it held at that moment is gone soon.
# (Stopped for a moment, that it can be asked what it holds.)
killed_after() {
	local after=$1 when=$2 first=$3 file=$work/killed.strait
	shift 3
	rm -f "$file"*
	: >"$err"
	start_with "$work/killed.err" "$own" "$first" -o "$file" "$@"
	sleep "$after"
	kill -STOP "$started_pid" 2>/dev/null
	held=$(kernel_objects_of "$started_pid")
	kill -KILL "$started_pid" 2>/dev/null
	wait "$started_pid" 2>/dev/null
	file_is_good "$file"
	report $? "killed after $after s ($when): $found" "exit $status, $(head -c 300 "$err")"
	until_true 20 nothing_left
	nothing_left
	report $? "killed after $after s: nothing stays of the $(grep -c . <<<"$held") programs and \
links it had" "$left, processes $(own_processes | tr '\n' ' ')"
}

# A random number of seconds. between LOW HIGH
between() {
	awk -v low="$1" -v high="$2" -v random="$RANDOM" 'BEGIN {
		printf "%.3f", low + (high - low) * random / 32768}'
}

test_kill() {
	local i before after command
	before=$(kernel_objects)
	killed_after "$(between 0.005 0.06)" 'before it loads' record -q -d 20
	for ((i = 0; i < kills; i++)); do
		killed_after "$(between 0.05 0.6)" 'while it starts' record -q -d 20
	done
	for ((i = 0; i < kills / 2; i++)); do
		killed_after "$(between 0.6 2.5)" 'while it records' record -q -d 20
	done
	for ((i = 0; i < kills / 2; i++)); do
		killed_after "$(between 1.2 1.7)" 'while it reports' -q -d 1
	done
	# A command that did not begin never does; one that runs is left alone.
	killed_after 0.05 'before its command' record -q -- touch "$work/began"
	sleep 0.2
	check 'a command whose strait was killed before it began does not begin' \
		test ! -e "$work/began"
	start_with "$work/killed.err" "$own" record -q -o "$work/command.strait" -- sleep 30
	until_true 5 pgrep -P "$started_pid" -x sleep
	command=$(pgrep -P "$started_pid" -x sleep)
	kill -KILL "$started_pid"
	wait "$started_pid" 2>/dev/null
	sleep 0.2
	check 'a command that runs when strait is killed goes on' kill -0 "$command"
	kill "$command"
	after=$(kernel_objects | comm -13 <(echo "$before") -)
	[ -z "$after" ] || sleep 5
	kernel_objects >"$work/objects"
	is 'no program or link is in the kernel that was not there before' '' \
		"$(comm -12 <(echo "$after") "$work/objects" | tr '\n' ' ')"
	run "$strait" record -q -d 0.3 --replace -o "$work/killed.strait"
	is 'the file of one that was killed can be replaced' "0 " "$status $(cat "$err")"
}

# ---- stopped ----

links_of() {
	find "/proc/$1/fd" -lname '*bpf*link*' 2>/dev/null | wc -l
}

# Waits until strait has just attached the two programs at system calls; 1 = it did not.
await_calls() {
	local before now deadline=$((SECONDS + 4))
	before=$(links_of "$1")
	while [ $SECONDS -lt $deadline ]; do
		now=$(links_of "$1")
		[ $((now - before)) -ne 2 ] || return 0
		before=$now
	done
	return 1
}

# Of the load: ns in all states, and in running ones.
load_lives() {
	ask "SELECT coalesce(sum(ns), 0) FROM v_ledger WHERE tid = $1"
}

load_runs() {
	ask "SELECT coalesce(sum(ns), 0) FROM v_ledger WHERE tid = $1 AND (state LIKE 'running%'
		OR state IN ('interrupted', 'taken by the hypervisor'))"
}

lost_samples() {
	ask 'SELECT coalesce(sum(count), 0) FROM losses WHERE sample'
}

# stopped NAME CALLS: strait is stopped for five seconds out of nine; CALLS = while it observes
# system calls.
stopped() {
	local name=$1 tid calls life window samples counted ran from to
	start_with "$work/load.err" "$load" 11 "$work/data"
	tid=$started_pid
	start_with "$work/stopped.err" "$own" record -q --replace -d 9 -o "$recording"
	sleep 1.5
	if [ -n "$2" ] && ! await_calls "$started_pid"; then
		echo "note: $name: system calls were not begun to be observed in time"
	fi
	kill -STOP "$started_pid"
	from=$EPOCHREALTIME
	sleep 5
	to=$EPOCHREALTIME
	kill -CONT "$started_pid"
	status=0
	wait "$started_pid" || status=$?
	wait "$tid"
	is "$name: exit" "0 " "$status $(cat "$work/stopped.err")"
	read -r tid calls life _ <"$work/load.err.out"
	window=$(ask 'SELECT length_ns FROM recording')
	within "$name: the window is 9 s, stopped for $(awk "BEGIN {printf \"%.2f\", $to - $from}")" \
		8990000000 9600000000 "$window"
	within "$name: the ledger of a thread sums to it" \
		$((window - window / 50)) $((window + window / 50)) "$(load_lives "$tid")"
	ran=$(load_runs "$tid")
	samples=$(ask "SELECT coalesce(sum(weight), 0) FROM v_samples
		WHERE tid = $tid AND kind = 'cpu'")
	within "$name: samples stand for its $((ran / 1000000)) ms on a CPU, $(lost_samples) lost" \
		$((ran * 9 / 10)) $((ran * 11 / 10)) \
		$((samples + $(lost_samples) * 1000000000 / 99))
	counted=$(ask "SELECT coalesce(sum(value), 0) FROM v_counts
		WHERE metric = 'syscall.count' AND label = 'pread64'")
	calls=$((calls * (window / 1000000) / (life / 1000000)))
	within "$name: about $calls calls in it, estimated" $((calls * 6 / 10)) \
		$((calls * 14 / 10)) "$counted"
	"$strait" report --json "$recording" | jq -c '.coverage.lost' >"$work/lost"
	echo "note: $name: lost: $(cat "$work/lost")"
}

# Names of the programs that a process has attached, one a line.
attached() {
	local file
	for file in "/proc/$1"/fdinfo/*; do
		grep -qs '^link_id:' "$file" && sed -n 's/^prog_id:[[:space:]]*//p' "$file"
	done | while read -r id; do
		bpftool prog show id "$id"
	done | sed -n 's/.* name \([a-z_]*\) .*/\1/p'
}

calls_attached() {
	attached "$1" | grep -q '^syscall__'
}

# Ctrl-Z: what is observed in turns is not observed while strait stands still.
test_paused() {
	start_with "$work/paused.err" "$own" record -q --replace -d 8 -o "$recording"
	# On a quiet host they are, all the time.
	until_true 6 calls_attached "$started_pid" || echo 'note: paused: system calls were not seen to be observed before'
	kill -TSTP "$started_pid"
	check 'paused: it stands still' until_true 5 grep -q '^State:.T' "/proc/$started_pid/status"
	attached "$started_pid" >"$work/attached"
	matches 'paused: switches are observed' '^sched__switch$' "$work/attached"
	lacks 'paused: calls and messages are not' '^(syscall__|net__send$)' "$work/attached"
	sleep 1
	kill -CONT "$started_pid"
	status=0
	wait "$started_pid" || status=$?
	is 'paused: exit' '0 ' "$status $(cat "$work/paused.err")"
	within 'paused: the window' 8000000000 9000000000 "$(ask 'SELECT length_ns FROM recording')"
}

# ---- what it watches is suspended ----

test_suspended() {
	local pid window
	start "$load" 60 "$work/data"
	pid=$started_pid
	sleep 0.2
	kill -STOP "$pid"
	run "$strait" record -q --replace -d 1 -o "$recording" -p "$pid"
	is 'a target that is suspended: exit' "0 " "$status $(cat "$err")"
	window=$(ask 'SELECT length_ns FROM recording')
	within 'it is there, and waited for all of the window' \
		$((window - window / 50)) $((window + window / 50)) \
		"$(ask "SELECT sum(ns) FROM v_ledger WHERE tid = $pid AND state = 'other wait'")"
	run "$strait" report --json "$recording"
	is 'nothing holds it back that it could be told for' '[]' \
		"$(jq -c '[.bottlenecks[] | select(.severity != "low")]' "$out")"
	start_with "$work/suspend.err" "$own" record -q --replace -d 4 -o "$recording" -p "$pid"
	kill -CONT "$pid"
	sleep 1.5
	kill -STOP "$pid"
	sleep 1.5
	kill -CONT "$pid"
	wait "$started_pid"
	window=$(ask 'SELECT length_ns FROM recording')
	within 'suspended for 1.5 s of 4: its ledger sums to the window' \
		$((window - window / 50)) $((window + window / 50)) "$(load_lives "$pid")"
	within 'and 1.5 s of it are waiting' 1400000000 1900000000 \
		"$(ask "SELECT sum(ns) FROM v_ledger WHERE tid = $pid AND state = 'other wait'")"
	stop "$pid"
}

# ---- a full disk ----

has_slice() {
	sqlite3 -readonly "$1" 'SELECT id FROM slices' | grep -q .
}

# bad-input.sh has that of record, monitor.sh that of its store: here the report goes on.
test_full_disk() {
	local disk=$work/disk
	small_disk "$disk" 4m
	start_with "$work/full.err" "$own" -q --json -d 4 -o "$disk/full.strait"
	check 'recording on a small disk: a slice is there' until_true 10 has_slice "$disk/full.strait"
	dd if=/dev/zero of="$disk/filler" bs=64k 2>/dev/null
	status=0
	wait "$started_pid" || status=$?
	is 'a full disk while it watches: exit' 1 "$status"
	is 'one line says so' 1 "$(wc -l <"$work/full.err")"
	matches 'and why' 'no space left' "$work/full.err"
	within 'the report has all of its seconds' 3.9 4.9 \
		"$(jq .window.seconds "$work/full.err.out")"
	rm -f "$disk/filler"
	run "$strait" report --json "$disk/full.strait"
	within 'what was recorded before can be read, seconds' 0.9 4 \
		"$(jq .window.seconds "$out")"
}

# ---- two at once ----

# The first as `record`, the second a moment later; each is a process as any other to the other one.
test_two() {
	local file tid calls life first second window ran
	start_with "$work/load.err" "$load" 5 "$work/data"
	tid=$started_pid
	start_with "$work/one.err" "$own" record -q -d 3 -o "$work/one.strait"
	first=$started_pid
	sleep 0.4
	start_with "$work/two.err" "$own" record -q -d 3 -o "$work/two.strait"
	second=$started_pid
	wait "$first"
	is 'two at once: exit of the first' "0 " "$? $(cat "$work/one.err")"
	wait "$second"
	is 'exit of the second' "0 " "$? $(cat "$work/two.err")"
	wait "$tid"
	read -r tid calls life _ <"$work/load.err.out"
	for file in one two; do
		recording=$work/$file.strait
		window=$(ask 'SELECT length_ns FROM recording')
		within "$file: the load's ledger sums to the window" \
			$((window - window / 50)) $((window + window / 50)) "$(load_lives "$tid")"
		ran=$(load_runs "$tid")
		within "$file: samples stand for its $((ran / 1000000)) ms on a CPU" \
			$((ran * 85 / 100)) $((ran * 115 / 100)) "$(ask "SELECT sum(weight)
			FROM v_samples WHERE tid = $tid AND kind = 'cpu'")"
		calls=$((calls * (window / 1000000) / (life / 1000000)))
		life=$((window))
		within "$file: about $calls calls, estimated" $((calls * 6 / 10)) \
			$((calls * 14 / 10)) "$(ask "SELECT sum(value) FROM v_counts
			WHERE metric = 'syscall.count' AND label = 'pread64'")"
	done
	recording=$work/one.strait
	within 'the first sees the second as any process: ns on a CPU' 1000000 3000000000 \
		"$(load_runs "$second")"
	recording=$work/two.strait
	within 'the second sees the first' 1000000 3000000000 "$(load_runs "$first")"
	is 'neither has samples of itself' 0 "$(ask "SELECT count(*) FROM v_samples
		WHERE pid = $second")"
	recording=$work/r.strait
}

# Whoever is more urgent has all CPUs for two seconds: strait waits, and says so.
test_starved() {
	chrt -f 1 true 2>/dev/null || {
		skip_part 'strait without a CPU' 'no real-time policy may be used here'
		return
	}
	# shellcheck disable=SC2016 # for the inner shell
	run "$strait" record -q --replace -o "$recording" -- sh -c 'sleep 0.5; for i in $(seq "$0"); do
		chrt -f 2 timeout 2 chrt -f 1 sh -c "while :; do :; done" &
	done; wait; sleep 0.5' "$(nproc)"
	is 'without a CPU: recorded' 0 "$status"
	"$strait" report "$recording" --json >"$work/starved.json"
	matches 'without a CPU: it says for how long it waited' \
		"strait itself waited for a CPU for [0-9.]* of [0-9.]* s" "$work/starved.json"
}

for part in ${STRAIT_FAULTS:-kill stopped calls paused suspended starved full_disk two}; do
	case $part in
	stopped) stopped 'stopped' '' ;;
	calls) stopped 'stopped while it observes system calls' 1 ;;
	*) "test_$part" ;;
	esac
done
finish
