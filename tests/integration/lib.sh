# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What the integration tests share. A test sources this, makes its checks, and ends with `finish`.
# It passes with exit 0, skips with 77 and a reason as its last line, and fails with 1.
#
#   strait        the program under test (STRAIT in the environment overrides it)
#   work          a directory of this test's own, removed at the end
#   run …         runs a command: $status, $out (file), $err (file), $seconds
#   start …       runs a command in the background until the test ends: $started_pid
#   start_with …  the same, with files of its own for what it prints
#   skip_part …   tells of a part that cannot run here
#   is, matches, one_line, …     checks; each prints one line, a failed one says what it saw
#
# Everything started by `start` is ended by its pid when the test ends, however it ends.

set -uo pipefail
# Without it, arithmetic on what is no number leaves a function, and those that called it, and the test goes on
# without their checks: now it ends, and fails.
set -o posix

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
strait=${STRAIT:-$root/build/strait}
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C
# Where the name is a wrapper that refuses, the binary itself comes first.
for tool in bpftool perf; do
	if found=$("$root/scripts/find-tool" $tool) && [ "$found" != "$(type -P $tool)" ]; then
		PATH=${found%/*}:$PATH
	fi
done

checks=0
failures=0
started=()
mounts=()
folders=()
cleanups=()
work=$(mktemp -d)
out=$work/stdout
err=$work/stderr
status=0
seconds=0

cleanup() {
	local pid mount command
	trap - EXIT INT TERM
	for command in "${cleanups[@]}"; do
		eval "$command"
	done
	for pid in "${started[@]}"; do
		stop "$pid"
	done
	for mount in "${mounts[@]}"; do
		umount "$mount" 2>/dev/null || umount -l "$mount"
	done
	[ ${#folders[@]} -eq 0 ] || rmdir "${folders[@]}"
	rm -rf --one-file-system "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

skip() {
	echo "skip: $*"
	exit 77
}

# A part of the test that cannot run here; the rest goes on. scripts/test counts and lists it.
# skip_part WHAT WHY
skip_part() {
	echo "skip  $1: $2"
}

need_root() {
	[ "$(id -u)" -eq 0 ] || skip 'needs root'
}

need() {
	local tool
	for tool; do
		command -v "$tool" >/dev/null || skip "$tool is not installed"
	done
}

need_strait() {
	[ -x "$strait" ] || {
		echo "$strait is not built: run make"
		exit 1
	}
}

# Prints the one line of a check. report GOOD NAME [WHAT WAS SEEN]
report() {
	checks=$((checks + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok    $2"
	else
		failures=$((failures + 1))
		echo "FAIL  $2${3:+: $3}"
	fi
	return "$1"
}

# check NAME COMMAND…: the command must succeed.
check() {
	local name=$1
	shift
	if "$@" >"$work/check" 2>&1; then
		report 0 "$name"
	else
		report 1 "$name" "$* $(head -c 400 "$work/check")"
	fi
}

# is NAME EXPECTED SEEN
is() {
	[ "$2" = "$3" ]
	report $? "$1" "expected '$2', saw '$3'"
}

# matches NAME EXTENDED-REGEX FILE
matches() {
	grep -Eq -- "$2" "$3"
	report $? "$1" "no /$2/ in: $(head -c 600 "$3")"
}

# lacks NAME EXTENDED-REGEX FILE: a file that is not there lacks nothing.
lacks() {
	local found=0
	grep -Eq -- "$2" "$3" || found=$?
	[ $found -eq 1 ]
	report $? "$1" "/$2/ in: $(grep -E -- "$2" "$3" 2>&1 | head -c 600)"
}

# within NAME LOW HIGH SEEN: a number in the closed range.
within() {
	awk -v low="$2" -v high="$3" -v seen="$4" 'BEGIN {
		exit !(seen ~ /^-?[0-9.]+([eE][-+]?[0-9]+)?$/ && seen + 0 >= low && seen + 0 <= high) }'
	report $? "$1" "expected $2 to $3, saw '$4'"
}

# shellcheck disable=SC2034 # status and seconds are for the test to read
# Runs a command without standard input, at most 120 s, and remembers what came of it.
run() {
	local began=$EPOCHREALTIME
	status=0
	timeout -k 5 120 "$@" >"$out" 2>"$err" </dev/null || status=$?
	seconds=$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN {print b - a}')
}

# Runs a command in the background until `stop` or the end of the test.
start() {
	"$@" </dev/null >"$work/started.out" 2>"$work/started.err" &
	started_pid=$!
	started+=("$started_pid")
}

# start_with FILE COMMAND…: the same, its stderr in FILE, its stdout in FILE.out.
start_with() {
	local file=$1
	shift
	"$@" </dev/null >"$file.out" 2>"$file" &
	started_pid=$!
	started+=("$started_pid")
}

# Ends a started process by its pid and waits for it.
stop() {
	local _
	kill "$1" 2>/dev/null
	for _ in {1..50}; do
		kill -0 "$1" 2>/dev/null || break
		sleep 0.1
	done
	kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	return 0
}

# until_true SECONDS COMMAND…: tries every 50 ms.
until_true() {
	local deadline=$((SECONDS + $1))
	shift
	while ! "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.05
	done
}

# A pid that no process has.
free_pid() {
	local pid
	pid=$(($(cat /proc/sys/kernel/pid_max) - 1))
	while [ -d "/proc/$pid" ]; do
		pid=$((pid - 1))
	done
	echo $pid
}

# Mounts a small tmpfs for this test alone. small_disk DIRECTORY SIZE
small_disk() {
	mkdir -p "$1"
	mount -t tmpfs -o "size=$2,mode=1777" strait-test "$1" 2>/dev/null || skip 'cannot mount a tmpfs'
	mounts+=("$1")
}

# Whether files here are on a disk that takes requests (not a tmpfs).
on_disk() {
	local device
	device=$(findmnt -no MAJ:MIN -T "$1" 2>/dev/null)
	[ -e "/sys/dev/block/${device// /}" ]
}

# A memory cgroup of 24 MiB in $group, v1 or v2.
limited_group() {
	local base
	for base in /sys/fs/cgroup/memory /sys/fs/cgroup; do
		group=$base/strait-test-$$
		mkdir "$group" 2>/dev/null || continue
		cleanups+=("rmdir '$group'")
		echo 24M 2>/dev/null >"$group/memory.limit_in_bytes" && return
		echo 0 2>/dev/null >"$group/memory.swap.max"
		echo 24M 2>/dev/null >"$group/memory.max" && return
	done
	return 1
}

# Goes on in a mount namespace of this test's own, in which these folders are empty: nothing of the host's is
# seen from here, and nothing left there. To be called before anything is made. own_folders MODE FOLDER…
own_folders() {
	local mode=$1 folder
	need unshare
	if [ -z "${STRAIT_TEST_MOUNTS:-}" ]; then
		rm -rf "$work"
		STRAIT_TEST_MOUNTS=own exec unshare --mount --propagation private "$0"
	fi
	shift
	for folder; do
		[ -d "$folder" ] || folders+=("$folder")
		mkdir -p "$folder" && mount -t tmpfs -o "mode=$mode" strait-test "$folder" ||
			skip 'cannot mount a tmpfs'
		mounts+=("$folder")
	done
}

# Ids of the BPF programs and links that a process holds, one a line: "prog 12", "link 3".
kernel_objects_of() {
	cat "/proc/$1"/fdinfo/* 2>/dev/null | sed -n \
		's/^\(prog\|link\)_id:[[:space:]]*\([0-9]*\)$/\1 \2/p' | sort -u
}

# Prints those of such lines on its input that still are in the kernel.
kernel_objects_left() {
	local kind id
	while read -r kind id; do
		! bpftool "$kind" show id "$id" >/dev/null 2>&1 || echo "$kind $id"
	done
}

# ---- containers ----

need_busybox() {
	need busybox
	! ldd "$(command -v busybox)" >/dev/null 2>&1 || skip 'busybox is not linked statically'
}

# The root of a container: busybox as its shell, and /bin/burn, which burns CPU. container_root DIRECTORY
container_root() {
	mkdir -p "$1"/{bin,dev,etc,proc,run,sys,tmp}
	cp "$(command -v busybox)" "$1/bin/sh"
	printf '#!/bin/sh\nwhile :; do :; done\n' >"$1/bin/burn"
	chmod 755 "$1/bin/burn"
}

# An id as runtimes make them, that no other run has.
id_make() {
	head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'
}

# What burns CPU, in a cgroup that is made for it; $loop is its pid. group_burn DIRECTORY
group_burn() {
	start sh -c 'while :; do :; done'
	loop=$started_pid
	mkdir -p "$1" && echo "$loop" >"$1/cgroup.procs"
}

# Whose the CPU samples in $work/r.strait are, joined by ", " in the containers' order: columns of v_samples,
# of all or of those in containers like a pattern. samples_of COLUMNS [PATTERN]
samples_of() {
	sqlite3 -readonly "$work/r.strait" "SELECT group_concat(seen, ', ') FROM (SELECT DISTINCT $1 AS seen
		FROM (SELECT pid, coalesce(container, '') AS container FROM v_samples WHERE kind = 'cpu')
		WHERE container LIKE '${2:-%}' ORDER BY container)"
}

# All CPU samples are of these processes, each "PID CONTAINER", joined
# by ", " in the containers' order. Many that want a CPU take more than the second that it is, until each
# was seen on one. container_watch WHAT SEEN ASKED [SECONDS]
container_watch() {
	run "$strait" record -q --replace -F 199 -d "${4:-1}" --container "$3" -o "$work/r.strait"
	[ "$status" -eq 0 ] || cat "$err"
	is "$1: recorded" 0 "$status"
	is "$1: whose samples, and what they are in" "$2" "$(samples_of "pid || ' ' || container")"
}

finish() {
	echo "$((checks - failures)) of $checks checks good"
	if [ $failures -gt 0 ] || [ $checks -eq 0 ]; then
		exit 1
	fi
	exit 0
}
