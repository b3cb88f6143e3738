#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Targets: of two equal busy loops, the one that is asked for is seen and the other is not. By pid, of
# two threads by tid, by cgroup with what is below it, and as a command with its children.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need jq sqlite3 cc

loop='while :; do :; done'
start sh -c "$loop"
other=$started_pid
start sh -c "$loop"
mine=$started_pid

# seen: the pids of all findings, and how many CPU samples there are.
watch() {
	run "$strait" -q --json "$@"
	is "watched: $*" 0 "$status"
	pids=$(jq -r '[.bottlenecks[].where.pid // empty] | unique | join(" ")' "$out")
	samples=$(jq '.coverage.stacks.cpu_samples' "$out")
}

watch -d 2 -p "$mine"
is 'pid: its loop is found, and nothing else' "$mine" "$pids"
within 'pid: samples of one thread' 20 220 "$samples"

# A process of two threads that burn alike: one of them is asked for.
cat >"$work/pair.c" <<'END'
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static void *burn(void *loud)
{
	if (loud)
		printf("%d\n", gettid()), fflush(stdout);
	for (;;)
		__asm__ volatile("");
}
int main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, burn, "");
	burn(NULL);
}
END
cc -O1 -D_GNU_SOURCE -pthread -o "$work/pair" "$work/pair.c"
start "$work/pair"
pair=$started_pid
until_true 5 test -s "$work/started.out"
tid=$(cat "$work/started.out")
run "$strait" record -q --replace -d 2 -t "$tid" -o "$work/tid.strait"
is 'tid: recorded' 0 "$status"
is 'tid: all samples are of that thread' "$tid" "$(sqlite3 -readonly "$work/tid.strait" \
	"select group_concat(distinct tid) from v_samples where kind = 'cpu'")"
within 'tid: it burned all the time, or half' 80 220 "$(sqlite3 -readonly "$work/tid.strait" \
	"select sum(count) from v_samples where kind = 'cpu'")"
stop "$pair"

# Who had the CPU meanwhile is no target, and named all the same.
cpu=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')
cp "$(command -v dash || command -v bash)" "$work/neighbour"
start taskset -c "$cpu" "$work/neighbour" -c "$loop"
neighbour=$started_pid
start taskset -c "$cpu" sh -c "$loop"
watch -d 2 -p "$started_pid"
is 'pinned: nothing but it is found' "$started_pid" "$pids"
within 'pinned: its neighbour had its CPU, s of 2' 0.3 1.6 "$(jq --argjson pid "$neighbour" '
	[.profile.delays[] | select(.occupant == {process: "neighbour", pid: $pid}) | .seconds] | add // 0' "$out")"
stop "$started_pid"
stop "$neighbour"

# The first hierarchy where cgroups can be made: version 2, or a version 1 controller.
for base in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/cpu; do
	group=$base/strait-test-$$
	mkdir -p "$group/below" 2>/dev/null && [ -e "$group/below/cgroup.procs" ] && break
	rmdir "$group/below" "$group" 2>/dev/null
	group=
done
if [ -n "$group" ] && echo "$mine" >"$group/below/cgroup.procs" 2>/dev/null; then
	cleanups+=("rmdir '$group/below' '$group' 2>/dev/null")
	watch -d 2 -c "$group"
	is 'cgroup: the loop below it is found, and nothing else' "$mine" "$pids"
	watch -d 2 -c "/strait-test-$$/below"
	is 'cgroup by the path of /proc/PID/cgroup' "$mine" "$pids"
	# Out of the way of rmdir.
	echo "$mine" >"$base/cgroup.procs"
	mkdir -p "$group/empty"
	cleanups=("rmdir '$group/empty' '$group/below' '$group' 2>/dev/null")
	watch -d 1 -c "$group/empty"
	is 'an empty cgroup has nothing to report' ' 0' "$pids $samples"
else
	skip_part 'targets by cgroup' 'no cgroup can be made here'
fi

# In each hierarchy that the programs look at: by path, by number, and what is below, in cgroups that are
# made meanwhile, too.
hierarchies=0
for base in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/memory /sys/fs/cgroup/cpu; do
	group=$base/strait-test-$$-by-id
	[ -e "$base/cgroup.procs" ] && mkdir -p "$group/below" 2>/dev/null || continue
	start sh -c "$loop"
	inside=$started_pid
	echo "$inside" >"$group/below/cgroup.procs" || continue
	hierarchies=$((hierarchies + 1))
	cleanups+=("stop $inside; rmdir '$group/below/late' '$group/below' '$group' 2>/dev/null")
	watch -d 1 -c "$group"
	is "$base: by path" "$inside" "$pids"
	# A number may be that of another cgroup elsewhere: that is said. With its hierarchy it is one.
	number=$(stat -c %i "$group")
	run "$strait" -q --json -d 1 -c "$number"
	if [ "$status" -eq 0 ]; then
		is "$base: by number" "$inside" \
			"$(jq -r '[.bottlenecks[].where.pid // empty] | unique | join(" ")' "$out")"
		is "$base: by number, the path is told" "/strait-test-$$-by-id" "$(jq -r .target.name "$out")"
	else
		matches "$base: a number of two" "cgroup $number is '.*' in one hierarchy" "$err"
	fi
	hierarchy=$(sed -n "s|^\([0-9]*\):.*:/strait-test-$$-by-id/below\$|\1|p" "/proc/$inside/cgroup")
	watch -d 1 -c $((hierarchy << 56 | number))
	is "$base: by the number that recordings have" "$inside" "$pids"
	start "$strait" record -q --replace -d 3 -o "$work/late.strait" -c "$group"
	recorder=$started_pid
	sleep 1
	mkdir "$group/below/late"
	start sh -c "echo \$\$ >'$group/below/late/cgroup.procs'; $loop"
	late=$started_pid
	cleanups+=("stop $late; rmdir '$group/below/late' '$group/below' '$group' 2>/dev/null")
	wait "$recorder"
	is "$base: what starts in a cgroup that is made meanwhile" "$inside $late" \
		"$(sqlite3 -readonly "$work/late.strait" "SELECT group_concat(tid, ' ') FROM
			(SELECT DISTINCT tid FROM v_samples WHERE kind = 'cpu' ORDER BY tid = $late)")"
	stop "$late"
	stop "$inside"
done
[ $hierarchies -gt 0 ] || skip_part 'cgroups by number' 'no cgroup can be made here'

# A process that is in a cgroup of each hierarchy: the one that is told is of the hierarchy that was asked for.
start sh -c "$loop"
inside=$started_pid
own=()
for base in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/memory /sys/fs/cgroup/cpu; do
	group=$base/strait-test-$$-in-${base##*/}
	[ -e "$base/cgroup.procs" ] && mkdir -p "$group/below" 2>/dev/null || continue
	cleanups+=("stop $inside; rmdir '$group/below' '$group' 2>/dev/null")
	echo "$inside" >"$group/below/cgroup.procs" && own+=("$group")
done
for group in "${own[@]}"; do
	run "$strait" record -q --replace -d 1 -c "$group" -o "$work/own.strait"
	is "$group: the cgroup that is told" "/${group##*/}/below" "$(sqlite3 -readonly "$work/own.strait" \
		"SELECT DISTINCT g.text FROM v_samples s JOIN processes p USING (pid)
		JOIN cgroups c ON c.id = p.cgroup JOIN strings g ON g.id = c.path WHERE s.kind = 'cpu'")"
done
run "$strait" record -q --replace -d 1 -p "$inside" -o "$work/own.strait"
[ ${#own[@]} -eq 0 ] || is 'where nobody asks for one, the first of them' "/${own[0]##*/}/below" \
	"$(sqlite3 -readonly "$work/own.strait" "SELECT g.text FROM processes p
	JOIN cgroups c ON c.id = p.cgroup JOIN strings g ON g.id = c.path WHERE p.pid = $inside")"
stop "$inside"

# What moves into it meanwhile is watched from the slice after, what moves out is not any more: neither
# calls exec or has children.
base=/sys/fs/cgroup/unified
[ -e $base/cgroup.procs ] || base=/sys/fs/cgroup
group=$base/strait-test-$$-moves
if mkdir "$group" 2>/dev/null && [ -e "$group/cgroup.procs" ]; then
	start "$work/pair"
	comes=$started_pid
	start sh -c "$loop"
	leaves=$started_pid
	cleanups+=("stop $comes; stop $leaves; rmdir '$group'")
	echo "$leaves" >"$group/cgroup.procs"
	start_with "$work/moves.err" "$strait" record -F 199 -d 6 -c "$group" -o "$work/moves.strait"
	tracer=$started_pid
	until_true 20 grep -q watching "$work/moves.err"
	sleep 2
	echo "$comes" >"$group/cgroup.procs"
	echo "$leaves" >"$base/cgroup.procs"
	wait "$tracer"
	# slices PID: those in which it has samples, of its threads.
	slices() {
		sqlite3 -readonly "$work/moves.strait" "SELECT group_concat(slice, ' ') FROM (SELECT DISTINCT
			slice FROM v_samples WHERE kind = 'cpu' AND pid = $1 ORDER BY slice)"
	}
	matches 'moved out: seen before' '^0' <(slices "$leaves")
	lacks 'moved out: not seen any more' '[45]' <(slices "$leaves")
	matches 'moved in: seen from then on' '5$' <(slices "$comes")
	lacks 'moved in: not seen before' '0' <(slices "$comes")
	is 'moved in: all its threads' 2 "$(sqlite3 -readonly "$work/moves.strait" \
		"SELECT count(DISTINCT tid) FROM v_samples WHERE kind = 'cpu' AND pid = $comes")"
	is 'moved in: where it is now' "/strait-test-$$-moves" "$(sqlite3 -readonly "$work/moves.strait" \
		"SELECT DISTINCT g.text FROM processes p JOIN cgroups c ON c.id = p.cgroup
		JOIN strings g ON g.id = c.path WHERE p.pid = $comes")"
	stop "$comes"
	stop "$leaves"
else
	skip_part 'moves between cgroups' 'no cgroup of version 2 can be made here'
fi
# Deep below it: what is too deep to be told is counted.
deep() {
	printf 'n/%.0s' $(seq "$1")
}
group=$base/strait-test-$$-deep
if mkdir "$group" 2>/dev/null && [ -e "$group/cgroup.procs" ]; then
	cleanups+=("find '$group' -depth -type d -exec rmdir {} +")
	mkdir -p "$group/$(deep 70)"
	start sh -c "$loop"
	below=$started_pid
	cleanups=("stop $below" "${cleanups[@]}")
	for levels in 20 60; do
		echo "$below" >"$group/$(deep $levels)cgroup.procs"
		watch -d 1 -c "$group"
		is "$levels levels below: the loop is found" "$below" "$pids"
	done
	echo "$below" >"$group/$(deep 70)cgroup.procs"
	watch -d 1 -c "$group"
	is '70 levels below: not found' '' "$pids"
	matches '70 levels below: told' '"threads in cgroups of more than 64 levels: left out"' "$out"
else
	skip_part 'cgroups far below a target' 'no cgroup can be made here'
fi
run "$strait" -d 1 -c 987654321987
is 'no such number: exit and lines' '1 1' "$status $(wc -l <"$err")"
matches 'no such number: says so' "no cgroup '987654321987'" "$err"

# shellcheck disable=SC2016 # the inner shell expands
run "$strait" -q --json -- sh -c 'sh -c "i=0; while [ \$i -lt 300000 ]; do i=\$((i + 1)); done"; exit 3'
is 'command: reported' 0 "$status"
within 'command: samples of its child' 1 2000 "$(jq '.coverage.stacks.cpu_samples' "$out")"
# Who had its CPU may be named, whoever that is.
jq 'del(.profile.delays[].occupant)' "$out" >"$work/command.json"
lacks 'command: the other loops are not in it' "\"pid\": ($other|$mine)\\b" "$work/command.json"
finish
