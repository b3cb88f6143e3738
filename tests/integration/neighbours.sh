#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Blame leads out of the target: who keeps the disk busy that the target waits for is named, and how much
# of the disk it has; with nobody else there, nobody is. (Who has its CPU: targets.sh.)

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need jq fio

file=$root/build/neighbours-$$
cleanups+=("rm -f '$file.reads' '$file.writes'")
on_disk "$root/build" || skip 'the build is not on a disk'

# reader and writer are fio under other names: processes of one name in one cgroup are told as one.
cp "$(command -v fio)" "$work/reader"
cp "$(command -v fio)" "$work/writer"
# load NAME OPTION…: direct I/O, in the process itself
load() {
	start "$work/$1" --name=test --thread --direct=1 --time_based --runtime=600 "${@:2}"
}
head -c 200M /dev/urandom >"$file.reads"
head -c 200M /dev/zero >"$file.writes"
sync "$file.reads" "$file.writes"

load reader --filename="$file.reads" --rw=randread --bs=4k --ioengine=psync
reader=$started_pid

# watch WHAT OPTION…: what its finding about reads says.
watch() {
	run "$strait" -q --json -d 2 "${@:2}"
	is "$1: watched" 0 "$status"
	jq '[.bottlenecks[] | select(.id == "disk.read-latency")][0]' "$out" >"$work/finding"
	is "$1: it waits for reads" "$reader" "$(jq .where.pid "$work/finding")"
}

# named WHAT: the writer is, with what it has of the disk.
named() {
	is "$1: the writer is named, as the cause" "$writer writer" \
		"$(jq -r '.chain[0] | "\(.where.pid) \(.where.process)"' "$work/finding")"
	matches "$1: the title says so" 'reader waits .*, while writer keeps .* busy' <(jq -r .title "$work/finding")
	within "$1: its share of the disk's work, %" 50 99 "$(jq -r '.evidence[] |
		select(.what | startswith("writer: of all requests")) | .value' "$work/finding")"
}

sleep 1
watch 'alone, by pid' -p "$reader"
is 'alone, by pid: nobody else is named' 1 "$(jq '.chain | length' "$work/finding")"
watch 'alone, on the host'
is 'alone, on the host: nobody else is named' 1 "$(jq '.chain | length' "$work/finding")"

load writer --filename="$file.writes" --rw=randwrite --bs=256k --ioengine=libaio --iodepth=8
writer=$started_pid
sleep 1
watch 'beside a writer, by pid' -p "$reader"
named 'beside a writer, by pid'
# At most what it asks for at once, in as many requests as 256 KiB may become.
within 'beside a writer, by pid: its requests at once' 0.5 64 "$(jq -r '.evidence[] |
	select(.what | startswith("requests of writer")) | .value' "$work/finding")"
is 'beside a writer, by pid: nothing else is told of it' 0 "$(jq --argjson pid "$writer" \
	'[.profile.hotspots[] | select(.pid == $pid)] | length' "$out")"
watch 'beside a writer, on the host'
named 'beside a writer, on the host'
finish
