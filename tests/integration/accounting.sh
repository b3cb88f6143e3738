#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What does not fit is counted: each way of losing something is provoked, with buffers that are far
# too small (STRAIT_LIMITS) or a reader that is stopped. What was consumed and what was dropped sum
# to what the load did, and every output says what was dropped.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need sqlite3 jq cc python3

load=$work/load
storm=$work/storm
recording=$work/r.strait

cc -std=gnu17 -static -O1 -D_GNU_SOURCE -pthread -o "$load" \
	"$root/tests/integration/accounting.c" &&
	cc -std=gnu17 -static -O1 -D_GNU_SOURCE -o "$storm" "$root/tests/integration/storms.c" ||
	skip 'cannot link statically'

ask() {
	sqlite3 -readonly "$recording" "$@"
}

# limited LIMITS COMMAND…: records it with these maps, nothing estimated; $truth is what it prints.
limited() {
	local limits=$1
	shift
	run env STRAIT_LIMITS="$limits" "$strait" record -q --replace --budget 100% \
		-o "$recording" -- "$@"
	is "$limits: recorded" "0 " "$status $(cat "$err")"
	truth=$(head -n 1 "$out" | cut -d ' ' -f 1)
}

lost() {
	ask "SELECT coalesce(sum(l.count), 0) FROM losses l JOIN strings s ON s.id = l.reason
		WHERE s.text LIKE '$1'"
}

total() {
	ask "SELECT coalesce(sum(value), 0) FROM v_counts WHERE metric = '$1'"
}

# meets NAME TRUTH SLACK SEEN LOST: both sum to it, some was lost, and some was not.
meets() {
	within "$1: $2 happened, $4 were seen, $5 lost" "$2" $(($2 + $3)) $(($4 + $5))
	[ "$5" -gt 0 ] && [ "$4" -gt 0 ]
	report $? "$1: some were lost, some not" "seen $4, lost $5"
}

# told REASON: the text and the JSON of the last recording say so.
told() {
	echo "$1" >>"$work/told"
	if ! [ "$work/line" -nt "$recording" ]; then
		"$strait" report --json "$recording" >"$work/report.json"
		"$strait" report -v "$recording" | tr -s ' \n' '  ' >"$work/line"
	fi
	check "told in JSON: $1" jq -e --arg what "$1" \
		'[.coverage.lost[] | select(.what == $what and .count > 0)] | length == 1' "$work/report.json"
	check "told in the text: $1" grep -qF "$1" "$work/line"
}

test_maps() {
	# The first call of a process comes before the load's own.
	limited syscalls=4 "$load" calls 1000
	meets 'map full, system calls' "$truth" 300 "$(total syscall.count)" \
		"$(lost 'map full: system calls')"
	told 'map full: system calls'
	limited net_flows=4 "$load" peers 20 50
	meets 'map full, network peers' "$truth" 50 "$(total net.sends)" \
		"$(lost 'map full: network peers')"
	told 'map full: network peers'
	limited memory_counts=8 "$load" faults 40 500
	# Their first faults, and those of the load itself, are no minor faults of children.
	meets 'map full, page faults' $((truth * 98 / 100)) $((truth / 10 + 2000)) \
		"$(($(total memory.faults_user) + $(total memory.faults_kernel)))" \
		"$(lost 'map full: memory events')"
	told 'map full: memory events'
	limited net_listeners=8 "$load" listeners 50
	# Others of this host are in the map before; those of the load close when it ends.
	within 'map full, sockets that listen: of 50, not told' 42 50 "$(lost 'map full: sockets that listen')"
	told 'map full: sockets that listen'
}

# Requests of a disk: 4 KiB each, several at once. The load is a process of its own under fio.
test_disk() {
	local file=$root/build/accounting-$$ requests seen
	if ! command -v fio >/dev/null || ! on_disk "$root/build"; then
		for reason in 'disk requests on their way' 'times and sizes of disk requests' interrupts; do
			skipped "map full: $reason" 'no fio, or no disk below the build'
		done
		return
	fi
	cleanups+=("rm -f '$file'")
	head -c 16M /dev/urandom >"$file"
	sync "$file"
	set -- "$(command -v fio)" --name=known --filename="$file" --rw=randread --bs=4k --direct=1 --size=16M \
		--io_size=8M --ioengine=libaio --iodepth=16 --output-format=json
	run "$@" # a cold fio reads its own pages from the disk
	limited block_flights=4 "$@"
	requests=$(jq '.jobs[0].read.total_ios' "$out")
	seen=$(ask "SELECT coalesce(sum(count), 0) FROM v_buckets WHERE metric = 'block.bytes'")
	# One that has no room in the queue is tried again at the device: it is lost twice at most.
	within "map full, requests on their way: of $requests, seen $seen" $((requests - seen)) $((requests * 2 + 100)) \
		"$(lost 'map full: disk requests on their way')"
	told 'map full: disk requests on their way'
	limited block_buckets=4 "$@"
	requests=$(jq '.jobs[0].read.total_ios' "$out")
	# Each has a time in the queue, one at the device, and a size.
	meets 'map full, figures of requests' $((requests * 3)) 600 \
		"$(ask "SELECT coalesce(sum(count), 0) FROM v_buckets WHERE metric LIKE 'block.%'")" \
		"$(lost 'map full: times and sizes of disk requests')"
	told 'map full: times and sizes of disk requests'
	interrupts >"$work/before"
	limited irq_times=1 "$@" --numjobs=2 --cpus_allowed="0-$(($(nproc) - 1))" --cpus_allowed_policy=split
	if [ "$(interrupts | join "$work/before" - | awk '$3 - $2 > 100' | wc -l)" -gt 1 ]; then
		told 'map full: interrupts'
	else
		skipped 'map full: interrupts' 'one interrupt serves the whole disk'
	fi
	rm "$file"
}

# How often each device interrupted this host: "number: count".
interrupts() {
	awk '$1 ~ /^[0-9]+:$/ {for (i = sum = 0; i++ < NF;) if ($i ~ /^[0-9]+$/) sum += $i; print $1, sum}' \
		/proc/interrupts | sort
}

# skipped REASON WHY: it cannot be provoked here.
skipped() {
	skip_part "$1" "$2"
	echo "$1" >>"$work/told"
}

# Processes that allocate, each by two functions or more.
test_allocations() {
	run env STRAIT_LIMITS=alloc_counts=4 "$strait" record -q --replace --budget 100% --alloc -d 3 -o "$recording" \
		-- sh -c 'for i in 1 2 3 4 5 6; do
			python3 -c "for i in range(300000): bytearray(5000)" & done; wait'
	is 'alloc_counts: recorded' '0 ' "$status $(cat "$err")"
	check 'map full, allocations: some were seen' [ "$(total alloc.count)" -gt 0 ]
	told 'map full: allocations'
}

# As on kernels before 5.11: ledgers in a hash, here too small for all threads.
test_ledgers() {
	local room=100 all seen
	start_with "$work/threads" "$load" threads 300
	until_true 10 grep -q ready "$work/threads.out"
	run env STRAIT_LIMITS=ledger_hash=$room "$strait" record -q --replace -d 1 -o "$recording"
	is 'ledger_hash: recorded' "0 " "$status $(cat "$err")"
	all=$(ls -d /proc/[0-9]*/task/[0-9]* | wc -l)
	stop "$started_pid"
	seen=$(ask 'SELECT count(DISTINCT thread) FROM ledger')
	# Who ends meanwhile leaves its room to another.
	within "no room for ledgers: $all threads, so many have one" $((room * 8 / 10)) $((room * 11 / 10)) "$seen"
	# They are tried again at both ends of the window.
	within "no room for ledgers: told for the others, before the window and at both ends" \
		$(((all - room) * 27 / 10)) $(((all - room) * 34 / 10 + 60)) "$(lost 'no ledger for a thread%')"
	told 'no ledger for a thread: map full, or out of memory'
}

test_ring() {
	local started
	limited events=65536 "$storm" processes 2000 3
	started=$truth
	meets 'ring buffer full, births' "$started" 300 \
		"$(ask 'SELECT count(*) FROM processes WHERE born')" \
		"$(lost '%births of threads')"
	meets 'ring buffer full, ends' $((started + 1)) 300 \
		"$(ask 'SELECT count(*) FROM processes WHERE exited AND targeted')" \
		"$(lost '%ends of threads%')"
	told 'ring buffer full: births of threads'
	told 'ring buffer full: ends of threads, with their last times'
}

# The reader is stopped: samples pile up.
test_stopped() {
	local burn ran samples
	head -c 32768 /dev/zero >"$work/data"
	cc -O1 -o "$work/burn" "$root/tests/integration/budget.c" || exit 1
	start_with "$work/burn.err" "$work/burn" 6 "$work/data"
	burn=$started_pid
	start_with "$work/record" env STRAIT_LIMITS=events=65536 "$strait" record -q --replace \
		--budget 100% -F 1000 -d 4 -o "$recording" -p "$burn"
	sleep 1.2
	kill -STOP "$started_pid"
	sleep 2
	kill -CONT "$started_pid"
	wait "$started_pid"
	is 'a reader that is stopped: recorded' "0 " "$? $(cat "$work/record")"
	stop "$burn"
	ran=$(ask "SELECT sum(ns) / 1000000 FROM v_ledger WHERE tid = $burn
		AND (state LIKE 'running%' OR state IN ('interrupted', 'taken by the hypervisor'))")
	samples=$(ask "SELECT sum(weight) / 1000000 FROM v_samples WHERE kind = 'cpu'")
	# One a millisecond, give or take what the timer does.
	meets 'a reader that is stopped, ms of CPU time' $((ran * 9 / 10)) $((ran * 2 / 10)) \
		"$samples" "$(lost '%CPU samples')"
	told 'ring buffer full: CPU samples'
	run "$strait" flame "$recording"
	matches 'flame says so on stderr' 'lost: ring buffer full: CPU samples: [0-9]+' "$err"
	lacks 'and not among its stacks' 'ring buffer' "$out"
	is 'the sum of lost samples' "$(ask 'SELECT sum(count) FROM losses WHERE sample')" \
		"$("$strait" report --json "$recording" | jq .coverage.lost_samples)"
}

test_unreadable() {
	run "$strait" record -q --replace -o "$recording" -- "$load" unreadable 2
	is 'unreadable: recorded' "0 " "$status $(cat "$err")"
	run "$strait" report --json "$recording"
	is 'unreadable: complete and incomplete stacks sum to all' 0 "$(jq '.coverage.stacks |
		.user_samples - .complete - ([.incomplete[]] | add)' "$out")"
	within "of $(jq .coverage.stacks.user_samples "$out") stacks, as unreadable, percent" 90 100 \
		"$(jq '.coverage.stacks | 100 * .incomplete.unreadable / .user_samples' "$out")"
	run "$strait" flame "$recording"
	matches 'unreadable: the folded stacks say so' '\[incomplete: unreadable\]' "$out"
	run "$strait" report "$recording"
	matches 'unreadable: the text says so' 'incomplete: .*unreadable [0-9]' "$out"
}

test_monitor() {
	start "$storm" processes 1500 4
	run env STRAIT_LIMITS=events=65536 "$strait" monitor --json -i 1 -d 2 --no-store
	check 'monitor, JSON: says what was lost' jq -se '[.[] | .interval.lost // [] | .[] |
		select(.what == "ring buffer full: births of threads")] | length > 0' "$out"
	run env STRAIT_LIMITS=events=65536 "$strait" monitor -i 1 -d 1.5 --no-store
	matches 'monitor, text: says so' 'lost [0-9,.k]+ events' "$out"
	stop "$started_pid"
}

# The reader is stopped while there is something of everything.
test_everything() {
	local kind pid group disk
	printf '%s\n' >"$work/alloc.py" 'while True: kept = [bytearray(5000) for i in range(1000)]'
	load_of() {
		start bash -c "while :; do $1; done"
	}
	if limited_group; then
		load_of "sh -c 'echo \$\$ >$group/cgroup.procs; exec \"$load\" hog 100000000'"
	else
		group=
		skipped 'ring buffer full: victims of the OOM killer' 'no memory cgroup can be made here'
	fi
	load_of "cp '$load' '$work/again'; '$work/again' calls 1000; rm '$work/again'"
	load_of "'$load' peers 4 500; '$load' faults 10 500"
	load_of "'$load' places 50000"
	if on_disk "$root/build"; then
		disk=$root/build/accounting-$$
		cleanups+=("rm -f '$disk'")
		load_of "head -c 1M /dev/urandom >'$disk'; sync '$disk'"
	else
		skipped 'ring buffer full: samples of disk requests' 'no disk below the build'
	fi
	start python3 "$work/alloc.py"
	start "$storm" processes 500 30
	start_with "$work/record" env STRAIT_LIMITS=events=65536 "$strait" record -q --replace --budget 100% --alloc \
		-F 999 -d 8 -o "$recording"
	sleep 3
	kill -STOP "$started_pid"
	sleep 3
	kill -CONT "$started_pid"
	wait "$started_pid"
	is 'something of everything: recorded' '0 ' "$? $(cat "$work/record")"
	for pid in "${started[@]}"; do
		stop "$pid"
	done
	for kind in 'frames of a stack' 'CPU samples' 'samples of page faults' 'samples of messages' \
		'samples of system calls' 'single waits' 'births of threads' 'programs that processes began to run' \
		'ends of threads, with their last times' 'excerpts of the schedule, cut short' \
		'files whose code runs' 'time of waits by place' 'stacks of wakers' 'single waits for a CPU' \
		'samples of allocations' ${disk:+'samples of disk requests'} \
		${group:+'victims of the OOM killer'}; do
		told "ring buffer full: $kind"
	done
}

# A CPU tells of 500 single waits a second.
test_waits() {
	limited events=1048576 "$load" waits 2
	told 'single waits above 500 a second and CPU (their time is counted)'
}

# Every reason that there is was provoked, or stands here and says why not.
test_reasons() {
	sed -n 's/^\t\[DROP_[A-Z_]*\] = {"\([^"]*\)".*/\1/p' "$root/user/capture/losses.c" | sort >"$work/reasons"
	is 'reasons: as many as the programs know' "$(grep '^	DROP_[A-Z_]*,' "$root/include/drops.h" | grep -vc DROP_COUNT)" \
		"$(wc -l <"$work/reasons")"
	# The kernel has four buffers for a call chain on each CPU, one for each kind of context: they are never
	# all taken. A thread would have to be preempted by another that is sampled, too, within microseconds.
	# Depth of cgroups: targets.sh.
	printf '%s\n' 'kernel stacks that could not be read' "samples of allocations during another one's walk" \
		'threads in cgroups of more than 64 levels: left out' >>"$work/told"
	sort -u "$work/told" >"$work/provoked"
	is 'reasons: none was not provoked' '' "$(comm -23 "$work/reasons" "$work/provoked")"
}

# What is not there, or not smaller, is refused.
test_limits() {
	local limits
	for limits in events=5 events=99999999 syscalls=0 none=4 syscalls syscalls=4x =; do
		run env STRAIT_LIMITS="$limits" "$strait" -d 1
		is "STRAIT_LIMITS=$limits: exit" 1 "$status"
		matches "STRAIT_LIMITS=$limits: why" 'STRAIT_LIMITS: .*no map with a limit' "$err"
	done
}

test_limits
test_maps
test_ledgers
test_ring
test_stopped
test_unreadable
test_monitor
test_disk
test_allocations
test_everything
test_waits
test_reasons
finish
