#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The processes that read strangers' files: what they may, what comes of it when they are killed while
# strait watches, and that nothing stays when strait has ended, however it ended.

# The tables are all to be made, not found on disk.
if [ -z "${STRAIT_TEST_MOUNTS:-}" ] && [ "$(id -u)" -eq 0 ]; then
	STRAIT_TEST_MOUNTS=own exec unshare --mount --propagation private "$0" "$@"
fi

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need cc jq
mkdir -p /var/cache/strait
small_disk /var/cache/strait 64m
chmod 700 /var/cache/strait

# Of one build-id each: nothing that is known of one is known of the other.
for name in early late; do
	cc -O2 -fomit-frame-pointer -DNAME=$name -o "$work/$name" "$root/tests/integration/rights.c" ||
		skip 'cannot compile'
done

# kin PID: its processes beside it, "NAME PID" a line. They are of a session of their own, whose leader
# is nobody's child, so they are known by what they run.
kin() {
	local pid
	for pid in /proc/[0-9]*; do
		[ "$(readlink "$pid/exe")" = "$(readlink -f "$strait")" ] &&
			[ "${pid#/proc/}" != "$1" ] && echo "$(cat "$pid/comm") ${pid#/proc/}"
	done 2>/dev/null
}

reader_of() {
	kin "$1" | sed -n 's/^strait-reader //p'
}

field() {
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

only_socket() {
	[ "$(find "/proc/$1/fd" -type l -printf '%l\n' | grep -v '^/dev/null$' | sed 's/:.*//' | sort -u)" = socket ]
}

[ -z "$(kin 0)" ] || skip 'another strait runs'
start "$work/early"
start "$strait" record -q --budget 100% -F 499 -d 60 -o "$work/r.strait"
watcher=$started_pid begun=$SECONDS
until_true 10 sh -c "test -n \"\$(cat /proc/$watcher/status | grep 'NoNewPrivs:.1')\""
readers=$(reader_of "$watcher")
is 'there are two that read' 2 "$(wc -w <<<"$readers")"
for reader in $readers; do
	is 'it has no capabilities' 0000000000000000 "$(field "$reader" CapEff)"
	is 'nor could it get any' '0000000000000000 1' \
		"$(field "$reader" CapPrm) $(field "$reader" NoNewPrivs)"
	is 'it may ask the kernel for little' 2 "$(field "$reader" Seccomp)"
	is 'its memory is limited' 1073741824 \
		"$(awk '/^Max address space/ {print $4}' "/proc/$reader/limits")"
	check 'when it waits, it has nothing open but its socket' until_true 10 only_socket "$reader"
done
sleep 1
for reader in $readers; do
	kill -KILL "$reader"
done
# others PIDS: there are two that read, and none of these.
others() {
	[ "$(reader_of "$watcher" | grep -cvxF "$1")" -eq 2 ]
}
check 'others come in their places' until_true 10 others "$readers"
start "$work/late"
late=$started_pid
# However long all that took: half of the window is with both.
sleep $((SECONDS - begun + 2))
kill -INT "$watcher"
wait "$watcher"
is 'strait goes on' 0 $?
kill -0 "$late" || report 1 'the late program ran to the end'
"$strait" report "$work/r.strait" --json >"$work/report"
for name in early late; do
	within "stacks through what was read $name have their function" 0.05 1 \
		"$(jq -r --arg f "often_$name" '[.profile.hotspots[] | select(.function == $f) | .total_share] | max' \
			"$work/report")"
done
within 'and they are whole' 0.95 1 \
	"$(jq -r '.coverage.stacks | .complete / .user_samples' "$work/report")"
is 'nothing stays' '' "$(kin 0)"

# They do not answer, as if a file held them up that no limit ends.
start "$work/early"
start "$strait" record -q -F 499 -d 5 -o "$work/stopped.strait"
watcher=$started_pid
until_true 10 sh -c "grep -q 'NoNewPrivs:.1' /proc/$watcher/status"
for reader in $(reader_of "$watcher"); do
	kill -STOP "$reader"
done
wait "$watcher"
is 'strait ends with readers that do not answer' 0 $?
"$strait" report "$work/stopped.strait" --json >"$work/report"
check 'the file that was given up is told' \
	grep -q 'given up .*does not answer' <(jq -r '.coverage.skipped[] | select(.family == "names") | .why' "$work/report")
is 'nothing stays of them' '' "$(kin 0)"

start "$strait" record -q -d 60 -o "$work/killed.strait"
until_true 10 sh -c "grep -q 'NoNewPrivs:.1' /proc/$started_pid/status"
kill -KILL "$started_pid"
alone() {
	[ -z "$(kin 0)" ]
}
check 'nothing stays of one that was killed' until_true 5 alone
finish
