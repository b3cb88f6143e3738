#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# More than a host usually has: 2,000 short-lived processes a second, 5,000 cgroups, 100,000
# connections, a process with 100,000 mappings (10,000 threads: threads.sh). Everything is counted,
# or told as lost; strait stays small, and quick.
#
#   STRAIT_STORMS       which of: processes groups connections mappings (all)
#   STRAIT_PROCESSES    a second (2000)      STRAIT_GROUPS     (5000)
#   STRAIT_CONNECTIONS  (100000)             STRAIT_MAPPINGS   (100000)

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need sqlite3 jq cc unshare

load=$work/load
recording=$work/r.strait
rss_limit=$((160 << 20))
maps_limit=$((96 << 20))

cc -std=gnu17 -static -O1 -D_GNU_SOURCE -o "$load" "$root/tests/integration/storms.c" ||
	skip 'cannot link statically'

ask() {
	sqlite3 -readonly "$recording" "$@"
}

lost() {
	ask "SELECT coalesce(sum(l.count), 0) FROM losses l JOIN strings s ON s.id = l.reason
		WHERE s.text LIKE '$1'"
}

# What strait took, and that its report names what was lost. cost NAME: sets $document.
cost() {
	document=$work/report.json
	run "$strait" report --json "$recording"
	cp "$out" "$document"
	is "$1: the report, in $seconds s" "0 " "$status $(cat "$err")"
	within "$1: memory of strait, $(($(jq .coverage.self.rss_bytes "$document") >> 20)) MiB (and \
$(jq '.coverage.self.cpu_percent * 10 | round / 10' "$document") % of a CPU)" 1 $rss_limit \
		"$(jq .coverage.self.rss_bytes "$document")"
	within "$1: its maps, $(($(jq .coverage.self.bpf_map_bytes "$document") >> 20)) MiB" 1 $maps_limit "$(jq .coverage.self.bpf_map_bytes "$document")"
	echo "note: $1: lost $(jq -c .coverage.lost "$document")"
}

test_processes() {
	local rate=${STRAIT_PROCESSES:-2000} started failed took born known gone nameless
	run "$strait" record -q --replace -o "$recording" -- "$load" processes "$rate" 5
	is 'processes: recorded' "0 " "$status $(cat "$err")"
	read -r started failed took <"$out"
	is "processes: $started in $took ms, $((started * 1000 / took)) a second" 0 "$failed"
	born=$(ask "SELECT count(*) FROM processes WHERE born AND targeted")
	gone=$(ask "SELECT count(*) FROM processes WHERE exited AND targeted")
	# The loader itself is one more that ends.
	within "processes: $born born, $(lost '%births%') births or ends were lost" \
		"$((started - $(lost '%births%')))" "$started" "$born"
	within "processes: $gone ended" "$((started + 1 - $(lost '%births%')))" $((started + 1)) "$gone"
	known=$(ask "SELECT count(DISTINCT p.id) FROM processes p JOIN strings e ON e.id = p.exe
		WHERE p.born AND p.targeted AND e.text = '$load'")
	nameless=$(ask "SELECT count(*) FROM processes p WHERE p.targeted AND p.exe = 0")
	is "processes: all have their executable ($nameless without)" "$born" "$known"
	cost processes
}

# shellcheck disable=SC2317 # at the end
groups_remove() {
	find "$1" -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null
	rmdir "$1" 2>/dev/null
}

test_groups() {
	local count=${STRAIT_GROUPS:-5000} base top i directories=() pid sleepers passers=200 wrong kind
	base=/sys/fs/cgroup/unified
	[ -d $base ] || base=/sys/fs/cgroup
	top=$base/strait-storm-$$
	[ -f $base/cgroup.procs ] && mkdir "$top" 2>/dev/null || {
		skip_part 'groups' 'no cgroup of version 2 can be made here'
		return
	}
	cleanups+=("until_true 10 groups_remove '$top'")
	for ((i = 0; i < count; i++)); do
		directories+=("$top/$((i / 500))/$((i / 50 % 10))/g$i")
	done
	printf '%s\0' "${directories[@]}" | xargs -0 mkdir -p
	within 'groups: made' "$count" $((count + 200)) "$(find "$top" -mindepth 1 -type d | wc -l)"
	# A process in one of five, and in the last ones one that passes.
	sleepers=$((count / 5))
	start_with "$work/groups" setsid "$load" groups $passers "${directories[@]:0:sleepers}" \
		"${directories[@]:count-passers:passers}"
	pid=$started_pid
	check "groups: $sleepers of them have a process" until_true 20 grep -q ready "$work/groups.out"
	start_with "$work/record" "$strait" record -q --replace -d 4 -o "$recording"
	sleep 1.5
	kill -USR1 "$pid"
	wait "$started_pid"
	is 'groups: recorded' "0 " "$? $(cat "$work/record")"
	check "groups: $passers processes passed" grep -q "done" "$work/groups.out"
	stop "$pid"
	ask "SELECT p.pid || ' ' || coalesce(g.text, '') FROM processes p
		LEFT JOIN cgroups c ON c.id = p.cgroup LEFT JOIN strings g ON g.id = c.path" |
		sort >"$work/seen"
	for kind in sleeper passer; do
		sed -n "s,^$kind \([0-9]*\) $base,\1 ,p" "$work/groups.out" | sort >"$work/$kind"
		is "groups: each of $(wc -l <"$work/$kind") ${kind}s is in its cgroup" \
			"$(wc -l <"$work/$kind")" \
			"$(comm -12 "$work/$kind" "$work/seen" | wc -l)"
	done
	wrong=$(ask "SELECT count(*) FROM cgroups WHERE path = 0")
	is 'groups: cgroups without a path' 0 "$wrong"
	cost groups
	run "$strait" -q --json -d 1 -c "${top#"$base"}/0/3"
	is 'groups: those below one are watched' "0 " "$status $(cat "$err")"
}

# ---- connections ----

# In a network namespace of their own, by processes that have as many as they may.
test_connections() {
	local all=${STRAIT_CONNECTIONS:-100000} each processes made=0 took=0 pid count ms flows=
	each=$((($(ulimit -Hn) - 100) / 2))
	[ $each -lt 10000 ] || each=10000
	processes=$(((all + each - 1) / each))
	each=$(((all + processes - 1) / processes))
	unshare -n true 2>/dev/null || {
		skip_part 'connections' 'no network namespace can be made here'
		return
	}
	# shellcheck disable=SC2016 # for the inner shell
	start_with "$work/record" "$strait" record -q --replace -o "$recording" -- unshare -n bash -c '
		ulimit -n $(ulimit -Hn)
		ip link set lo up || exit 70
		for ((i = 0; i < $2; i++)); do
			"$0" connections "$1" $((20000 + i)) >"$3.$i" &
			pids+=" $!"
		done
		# All are open at the same time, for a moment.
		for ((i = 0; i < $2; i++)); do
			until [ -s "$3.$i" ] || ! kill -0 $!; do sleep 0.1; done
		done
		sleep 1
		grep -h TCP: /proc/net/sockstat >"$3.open"
		kill $pids
		wait' "$load" $each $processes "$work/made"
	wait "$started_pid"
	is 'connections: recorded' "0 " "$? $(cat "$work/record")"
	while read -r pid count ms; do
		made=$((made + count))
		[ "$ms" -le $took ] || took=$ms
		flows+="$(ask "SELECT coalesce(sum(value), 0) FROM v_counts WHERE pid = $pid
			AND metric = 'net.connects'") "
	done < <(cat "$work"/made.[0-9]*)
	is "connections: $made by $processes processes in $took ms, $(cat "$work/made.open")" \
		$((each * processes)) "$made"
	within "connections: $(counted net.connects) established, $(lost '%network peers%') lost" \
		$((made - $(lost '%network peers%'))) "$made" "$(counted net.connects)"
	within "connections: $(counted net.accepts) accepted" $((made - $(lost '%network peers%'))) "$made" \
		"$(counted net.accepts)"
	is 'connections: each process has its own' "$(printf "$each %.0s" $(seq $processes))" "$flows"
	# Two messages each way; estimated where the budget is small: of a load of hardly more than a second
	# from two or three stretches of 5 ms, each of which stands for half a second.
	within "connections: $(counted net.received_bytes) bytes received, estimated" $((made / 2)) \
		$((made * 4)) "$(counted net.received_bytes)"
	cost connections
}

# Of the load's processes.
counted() {
	ask "SELECT coalesce(sum(value), 0) FROM v_counts WHERE metric = '$1'
		AND pid IN (SELECT pid FROM processes WHERE targeted)"
}

# ---- mappings ----

# With more mappings than a process may have by default, if that can be changed.
test_mappings() {
	local all=${STRAIT_MAPPINGS:-100000} limit=/proc/sys/vm/max_map_count before pid made ms other kind began took
	before=$(cat $limit)
	if [ "$before" -lt $((all + 1000)) ]; then
		cleanups+=("echo $before >$limit")
		echo $((all + 1000)) >$limit 2>/dev/null ||
			skip_part "$all mappings" "a process may have $before here, no more"
	fi
	cc -O1 -o "$work/other" "$root/tests/integration/budget.c" || exit 1
	head -c 32768 /dev/zero >"$work/data"
	rm -f "$recording"
	start_with "$work/mappings" "$load" mappings "$all" "$work/other"
	until_true 20 test -s "$work/mappings.out"
	read -r pid made ms <"$work/mappings.out"
	is "mappings: $made in $ms ms" "$(awk -v a="$all" -v b="$(cat $limit)" \
		'BEGIN {print a < b - 100 ? a : "'"$made"'"}')" "$made"
	start_with "$work/other.err" "$work/other" 8 "$work/data"
	other=$started_pid
	start_with "$work/record" "$strait" record -q --replace -d 4 -o "$recording"
	began=$EPOCHREALTIME
	check 'mappings: its first slice is there' until_true 20 sliced
	took=$(awk "BEGIN {printf \"%.2f\", $EPOCHREALTIME - $began}")
	within "mappings: $took s until then, a second of them the slice" 1 5 "$took"
	wait "$started_pid"
	is 'mappings: recorded' "0 " "$? $(cat "$work/record")"
	stop "$other"
	stop "$pid"
	for kind in "$pid" "$other"; do
		within "mappings: $(complete "$kind") % of the stacks of $([ "$kind" = "$pid" ] &&
			echo it || echo another process) are complete" 97 100 "$(complete "$kind")"
	done
	cost mappings
}

sliced() {
	[ "$(ask 'SELECT count(*) FROM slices')" -gt 0 ]
}

complete() {
	ask "SELECT round(100.0 * sum(s.count * (w.word = 'complete')) / sum(s.count), 1)
		FROM samples s JOIN threads t ON t.id = s.thread JOIN processes p ON p.id = t.process
		JOIN stacks k ON k.id = s.stack
		JOIN words w ON w.what = 'stack_end' AND w.value = k.user_end
		JOIN words y ON y.what = 'sample' AND y.value = s.kind AND y.word = 'cpu'
		WHERE p.pid = $1"
}

for part in ${STRAIT_STORMS:-processes groups connections mappings}; do
	"test_$part"
done
finish
