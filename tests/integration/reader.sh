#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The processes that read strangers' files: what they may, what comes of it when they are killed while
# strait watches, or by a file, and that nothing stays when strait has ended, however it ended.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need cc jq sqlite3
# The tables are all to be made, not found on disk.
own_folders 700 /var/cache/strait

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

# watched RECORDING: processes of its own that strait has watched.
watched() {
	sqlite3 -readonly "$1" "SELECT comm, pid FROM v_processes WHERE targeted AND exe = '$(readlink -f "$strait")'"
}

only_socket() {
	[ "$(find "/proc/$1/fd" -type l -printf '%l\n' | grep -v '^/dev/null$' | sed 's/:.*//' | sort -u)" = socket ]
}

[ -z "$(kin 0)" ] || skip 'another strait runs'
start "$work/early"
start env --default-signal=INT "$strait" record -q --budget 100% -F 499 -d 60 -o "$work/r.strait"
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
# Of these two: what else runs here may have none that are.
within 'and they are whole' 0.95 1 "$(sqlite3 -readonly "$work/r.strait" "SELECT
	total(iif(s.user_end = 0, a.count, 0)) / total(a.count) FROM v_samples a JOIN stacks s ON s.id = a.stack
	WHERE a.kind = 'cpu' AND a.process_comm IN ('early', 'late')")"
is 'nobody is watched who reads, nor who comes in their places' '' "$(watched "$work/r.strait")"
is 'nothing stays' '' "$(kin 0)"

# They do not answer, as if a file held them up that no limit ends.
start "$work/early"
start env STRAIT_PATIENCE=2000 "$strait" record -q -F 499 -d 5 -o "$work/stopped.strait"
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

# Programs with an allocator of their own, and a name that ends whoever reads it. If that were strait,
# it would be strait's end.
for name in plain_name breaks_its_reader holds_its_reader_up; do
	cc -O0 -rdynamic -fno-builtin -w -DNAME=$name -o "$work/$name" -x c - <<-'END' || skip 'cannot compile'
		#include <unistd.h>
		static char room[65536];
		void *malloc(size_t n) { return n > sizeof(room) ? 0 : room; }
		void *calloc(size_t n, size_t m) { return malloc(n * m); }
		void *realloc(void *p, size_t n) { return malloc(n); }
		void free(void *p) {}
		void NAME(void) { malloc(3); }
		int main(void) { for (;; usleep(1000)) NAME(); }
	END
done
cc -O1 -g -o "$work/load" "$root/tests/integration/alloc.c" &&
	cc -O1 -D_GNU_SOURCE -fPIC -shared -o "$work/reader.so" "$root/tests/integration/reader.c" ||
	skip 'cannot compile'

# allocated EXPRESSION CONDITION: of the calls that were counted.
allocated() {
	sqlite3 -readonly "$work/alloc.strait" "SELECT $1 FROM v_counts WHERE metric = 'alloc.count' AND $2"
}

# own NAME: whether the program's own allocator is observed.
own() {
	allocated "count(*) > 0" "process_comm = '${1:0:15}'"
}

[ "$(uname -m)" = x86_64 ] || finish
start "$work/plain_name"
for evil in breaks_its_reader holds_its_reader_up; do
	start "$work/$evil"
	program=$started_pid
	start env LD_PRELOAD="$work/reader.so" "$strait" record --replace --alloc --budget 100% -d 6 \
		-o "$work/alloc.strait"
	watcher=$started_pid
	check "$evil: watching" until_true 30 grep -q watching "$work/started.err"
	sleep 2
	"$work/load" 2000 >"$work/told" &
	load=$!
	wait "$watcher"
	is "$evil: strait goes on" 0 $?
	wait "$load"
	kill "$program"
	while read -r _ function count _; do
		# And what its shell allocated in it before.
		within "$evil: $count calls of $function in another program" "$count" $((count + 200)) \
			"$(allocated 'sum(value)' "label = '$function' AND pid = $load")"
	done < <(grep '^call' "$work/told")
	is 'a program with a name that does nothing has its own calls' 1 "$(own plain_name)"
	is "$evil: its own calls are not seen" 0 "$(own "$evil")"
	is "$evil: nobody is watched who reads" '' "$(watched "$work/alloc.strait")"
	"$strait" report "$work/alloc.strait" --json >"$work/report"
	jq -r '.coverage.skipped[] | select(.family == "files") | .why' "$work/report" >"$work/why"
	matches "$evil: that is told" "given up.*/$evil: " "$work/why"
done
matches 'why one was given up' 'took too long' "$work/why"
is 'nothing stays of all these' '' "$(kin 0)"
finish
