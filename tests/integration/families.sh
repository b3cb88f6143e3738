#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Each probe family against a known answer: a program that does a known number of things, and a tool
# that counts the same another way (strace, fio, getrusage, /proc).

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need sqlite3 jq cc python3

known=$work/known
recording=$work/r.strait

cc -static -O1 -D_GNU_SOURCE -o "$known" "$root/tests/integration/families.c" ||
	skip 'cannot link statically'

# Records what the rest of the arguments do. Its own output is in $out.
record() {
	# Every call is counted here, not estimated.
	run "$strait" record -q --replace --budget 100% -o "$recording" "$@"
}

ask() {
	sqlite3 -readonly "$recording" "$@"
}

# total METRIC [CONDITION]: the sum of a counter over all slices.
total() {
	ask "SELECT coalesce(sum(value), 0) FROM v_counts WHERE metric = '$1' AND ${2:-1}"
}

# buckets METRIC EXPRESSION [CONDITION]
buckets() {
	ask "SELECT $2 FROM v_buckets WHERE metric = '$1' AND ${3:-1}"
}

# sampled KIND EXPRESSION [CONDITION]: of the samples of one kind, with their stacks and processes.
sampled() {
	ask "SELECT $2 FROM samples s JOIN stacks k ON k.id = s.stack
		JOIN words w ON w.what = 'sample' AND w.value = s.kind AND w.word = '$1'
		JOIN threads t ON t.id = s.thread JOIN processes p ON p.id = t.process WHERE ${3:-1}"
}

# whole FAMILY: all of its programs are attached. Where the kernel lacks what one needs, its own checks are
# left out, by name; on one that has all of it they are to run.
whole() {
	local why
	why=$(ask "SELECT s.text FROM families f JOIN strings n ON n.id = f.name
		JOIN strings s ON s.id = f.why WHERE n.text = '$1' AND f.status = 0")
	[ -z "$why" ] && [ -n "$(ask "SELECT 1 FROM families f JOIN strings n ON n.id = f.name
		WHERE n.text = '$1' AND f.status = 0")" ] && return 0
	skip_part "family $1" "it is not whole here: $(ask "SELECT s.text FROM families f
		JOIN strings n ON n.id = f.name JOIN strings s ON s.id = f.why WHERE n.text = '$1'")"
	return 1
}

test_syscall() {
	local call count errors ns
	record -- "$known" calls
	is 'syscall: recorded' 0 "$status"
	whole syscall || return
	is 'syscall: 1000 reads' 1000 "$(total syscall.count "label = 'read'")"
	is 'syscall: 77 opens failed' 77 "$(total syscall.errors "label IN ('openat', 'open')")"
	is 'syscall: 50 receives would block' 50 "$(total syscall.again "label = 'recvfrom'")"
	is 'syscall: it ended once' 1 "$(total syscall.count "label = 'exit_group'")"
	ns=$(total syscall.ns "label = 'clock_nanosleep'")
	within 'syscall: 5 sleeps of 40 ms' 200000000 260000000 "$ns"
	is 'syscall: nobody else is counted' 1 "$(ask "SELECT count(DISTINCT pid) FROM v_counts
		WHERE metric = 'syscall.count'")"

	command -v strace >/dev/null || {
		skip_part 'calls as strace counts them' 'strace is not installed'
		return
	}
	strace -qq -c -U name,calls,errors -o "$work/strace" "$known" calls
	while read -r call count errors; do
		is "syscall: $call as strace counts it" "$count ${errors:-0}" \
			"$(total syscall.count "label = '$call'") $(total syscall.errors "label = '$call'")"
	done < <(awk 'NR > 2 && $1 !~ /^(-|execve|total)/' "$work/strace")
}

# 300,000 calls from one function and 100,000 from another: one in 256 on average is sampled.
test_calls_sampled() {
	local often="k.id IN (SELECT stack FROM v_stacks WHERE function = 'call_often')"
	record -- "$known" many_calls 100000
	is 'syscall: recorded many' 0 "$status"
	within 'syscall: calls that the samples stand for' 340000 460000 \
		"$(sampled syscall 'sum(weight)')"
	within 'syscall: thousandths of them where three quarters are made' 690 810 \
		"$(sampled syscall "sum(weight) FILTER (WHERE $often) * 1000 / sum(weight)")"
	run "$strait" report --json "$recording"
	is 'syscall: the profile knows' call_often "$(jq -r 'first(.profile.hotspots[] |
		select(.kind == "syscall" and .self_share > 0.69 and .self_share < 0.81)).function' "$out")"
}

test_memory() {
	local pages=4096 seen sampled
	record -- "$known" faults $pages
	is 'memory: recorded' 0 "$status"
	seen=$(total memory.minor_faults "process_comm = 'known'")
	within "memory: minor faults, of which the kernel told $(cat "$out")" $pages $((pages + 300)) \
		"$seen"
	whole memory || return
	within 'memory: faults of user code' $pages $((pages + 300)) "$(total memory.faults_user)"
	# One in 64 on average, at uniform distances: five standard deviations are 29 %.
	sampled=$(ask "SELECT coalesce(sum(weight), 0) FROM v_samples WHERE kind = 'fault'")
	within 'memory: faults that the samples stand for' $((pages * 7 / 10)) $((pages * 14 / 10)) \
		"$sampled"
}

# A process that takes 10 MiB a second is told with about that, and one that does not grow is not.
test_growth() {
	local rate=10485760 growing still row
	start "$known" grow $rate
	growing=$started_pid
	start sleep 60
	still=$started_pid
	run "$strait" -q --json --replace -o "$recording" -d 5 -p "$growing,$still"
	is 'growth: reported' 0 "$status"
	row=".baseline.memory_growth[] | select(.pid == $growing)"
	is 'growth: one row, that of the process that grows' "$growing known" \
		"$(jq -r '.baseline.memory_growth[] | "\(.pid) \(.process)"' "$out")"
	within 'growth: bytes a second' $((rate * 9 / 10)) $((rate * 11 / 10)) \
		"$(jq "$row | .growth_bytes_per_s" "$out")"
	within 'growth: bytes, in the 4 s behind the warm-up' $((rate * 36 / 10)) $((rate * 44 / 10)) \
		"$(jq "$row | .growth_bytes" "$out")"
	run "$strait" report "$recording"
	matches 'growth: in the text' "^ known \[$growing\] .*(10\.[0-9]|9\.[0-9]+) MiB/s" "$out"
	run "$strait" -q --json -d 0.5 -p "$still"
	is 'growth: one slice shows none' null "$(jq .baseline.memory_growth "$out")"
	stop "$growing"
	stop "$still"
}

test_reclaim() {
	if ! limited_group; then
		skip_part 'reclaim and the OOM killer' 'no memory cgroup can be made here'
		return
	fi
	head -c 64M /dev/zero >"$work/file"
	cat >"$work/press" <<-END
		echo \$\$ >$group/cgroup.procs
		cat "$work/file" "$work/file" >/dev/null
		"$known" hog 100000000
		true
	END
	record -- /bin/sh "$work/press"
	whole memory || return
	is 'memory: one process was killed for want of memory' 1 \
		"$(total memory.oom "process_comm = 'known'")"
	within 'memory: reclaims at the limit of the cgroup' 1 100000 "$(total memory.reclaim_cgroup)"
	within 'memory: ns in them' 1000 60000000000 "$(total memory.reclaim_cgroup_ns)"
	rm "$work/file"
}

test_net() {
	local bytes=1000000 client server port as_client as_server
	record -- "$known" exchange $bytes
	is 'net: recorded' 0 "$status"
	read -r client server port <"$out"
	as_client="pid = $client AND label = 'client 127.0.0.1:$port'"
	as_server="pid = $server AND label = 'server :$port from 127.0.0.1'"
	is 'net: one connect' 1 "$(total net.connects "$as_client")"
	is 'net: one accept' 1 "$(total net.accepts "label = 'server :$port from 127.0.0.1'")"
	is 'net: one connect failed' 1 "$(total net.connect_failures "$as_client")"
	is 'net: the server is found' "$port" "$(ask "SELECT DISTINCT port FROM listeners l
		JOIN processes p ON p.id = l.process WHERE p.pid = $client")"
	whole net || return
	is 'net: the client sent' $bytes "$(total net.sent_bytes "$as_client")"
	is 'net: the server received, not counting its peek' $bytes \
		"$(total net.received_bytes "$as_server")"
	is 'net: the server sent' 1234 "$(total net.sent_bytes "$as_server")"
	is 'net: the client received' 1234 "$(total net.received_bytes "$as_client")"
	within 'net: round trips, us' 1 100000 "$(ask "SELECT
		sum(value) FILTER (WHERE metric = 'net.rtt_us_sum') /
		sum(value) FILTER (WHERE metric = 'net.rtt_samples') FROM v_counts")"
}

# 20,000 messages of 100 bytes, there and back over a pair of sockets: 80,000 times 100 bytes.
test_messages() {
	local sum
	record -- python3 -c "
import socket
a, b = socket.socketpair()
for i in range(20000):
    a.send(bytes(100)), b.recv(100), b.send(bytes(100)), a.recv(100)"
	is 'net: recorded messages' 0 "$status"
	whole net || return
	sum=$(sampled net 'sum(weight)')
	within 'net: the bytes of sampled messages stand for the 8,000,000 of all' 6000000 10000000 "$sum"
	is 'net: all of them know who sent' 0 "$(sampled net 'count(*) FILTER (WHERE k.len = 0)')"
}

test_block() {
	local file=$root/build/strait-test-$$ requests bytes clat device queue seen
	local job load
	if ! command -v fio >/dev/null || ! on_disk "$root/build"; then
		skip_part 'block requests' 'no fio, or no disk below the build'
		return
	fi
	cleanups+=("rm -f '$file'")
	head -c 16M /dev/urandom >"$file"
	sync "$file"
	load=("$(command -v fio)" --name=known --filename="$file" --rw=randread --bs=4k --direct=1
		--size=16M --io_size=4M --ioengine=psync --output-format=json)
	# Once unobserved: a cold fio would read its own pages from the disk.
	run "${load[@]}"
	record -- "${load[@]}"
	requests=$(jq '.jobs[0].read.total_ios' "$out")
	# fio's job is a process of its own; the others load fio.
	job="pid = $(ask "SELECT pid FROM v_buckets WHERE metric = 'block.bytes' AND low = 4096
		GROUP BY pid ORDER BY sum(count) DESC LIMIT 1")"
	bytes="$job AND label LIKE '% read' AND low = 4096"
	seen=$(buckets block.bytes 'sum(count)' "$bytes")
	is 'block: recorded' 0 "$status"
	whole block || return
	clat=$(jq '.jobs[0].read.clat_ns.mean | floor' "$out")
	# The file system may read a block or two of its own on the way. Some virtual machines hide their
	# agent's process from BPF, and with it the completions that interrupt it: half of them at worst.
	echo "note: $seen of $requests requests were seen"
	within "block: the $requests reads of 4 KiB that fio made" $((requests / 2)) $((requests + 8)) \
		"$seen"
	is 'block: their sizes are exact' 0 "$(buckets block.bytes 'sum(sum) - 4096 * sum(count)' "$bytes")"
	# One request in 16 is sampled, of a thousand of one size 64. What loads fio from a cold disk is
	# few and large: it would decide the sum.
	seen=$(buckets block.bytes 'sum(sum)' "$job")
	within "block: the bytes of sampled requests stand for the $seen of all" \
		$((seen * 6 / 10)) $((seen * 14 / 10)) "$(sampled block 'sum(weight)' "p.$job")"
	is 'block: samples know who asked' 0 "$(sampled block \
		'coalesce(sum(s.count) FILTER (WHERE k.len = k.kernel_len), 0) * 10 > sum(s.count)' "p.$job")"
	device=$(buckets block.device_ns 'sum(sum) / sum(count)' "$job")
	queue=$(buckets block.queue_ns 'sum(sum) / sum(count)' "$job")
	is 'block: each has a queue time' "$(buckets block.device_ns 'sum(count)')" \
		"$(buckets block.queue_ns 'sum(count)')"
	within "block: mean ns in queue and device, within fio's $clat" $((clat / 5)) "$clat" \
		$((device + queue))
	rm -f "$file"
}

# Counts of one kind in /proc, summed over CPUs. soft_total NAME
soft_total() {
	awk -v name="$1:" '$1 == name {for (i = 2; i <= NF; i++) sum += $i} END {print sum + 0}' \
		/proc/softirqs
}

test_irq() {
	local name before after
	before=$(soft_total TIMER)
	record -d 2
	after=$(soft_total TIMER)
	whole irq || return
	# Within what the kernel counted in a somewhat longer time.
	within 'irq: timer softirqs' 1 $((after - before)) "$(total irq.count "label LIKE 'softirq TIMER %'")"
	for name in count ns; do
		within "irq: $name belongs to no process" 1 1000000000000 "$(total irq.$name 'pid IS NULL')"
	done
}

test_syscall
test_calls_sampled
test_memory
test_growth
test_reclaim
test_net
test_messages
test_block
test_irq
finish
