#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# strait monitor as a user runs it: lines, alerts that begin and end, the history and its one writer,
# and what a signal, a full disk or a closed pipe does to it. Limits and retention over long times
# are in the unit tests, with a clock of their own.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need sqlite3 jq

db=$work/monitor.db

# ask SQL: one answer from the history, while the monitor runs.
ask() {
	sqlite3 -readonly "$db" "$1" 2>/dev/null
}

# Ends the started monitor by TERM and remembers its status.
end() {
	kill -TERM "$started_pid"
	status=0
	wait "$started_pid" || status=$?
}

intervals_are() {
	[ "$(ask 'select count(*) from intervals')" -ge "$1" ]
}

test_lines_and_alerts() {
	# A limit that every host exceeds, one that none does, and one on a figure not observed.
	start env --default-signal=INT,TERM "$strait" monitor -i 1 --for 2 --store "$db" \
		--threshold 'memory_usage>0.001' --threshold 'cpu_usage>100.5'
	until_true 20 intervals_are 4
	end
	is 'TERM: exit' 0 "$status"
	cp "$work/started.out" "$out"
	matches 'a line with the figures' '^20[0-9T:-]+Z  cpu_usage [0-9.]+ %.*memory_usage' "$out"
	matches 'what is not observed is said' 'not observed: .*throughput' "$out"
	lacks 'and is no 0' 'throughput 0|error_rate 0|response_time_p95 0' "$out"
	grep '^{' "$out" >"$work/alerts"
	is 'one alert begins and ends' 'begin end' "$(jq -rs 'map(.alert) | join(" ")' "$work/alerts")"
	is 'it is the one that must' memory_usage "$(jq -rs '.[0].name' "$work/alerts")"
	is 'why it ended' 'monitor stopped' "$(jq -rs '.[1].reason' "$work/alerts")"
	is 'the same in the history' 'memory_usage|monitor stopped' \
		"$(ask 'select limit_on, reason from alerts')"
	is 'what is not observed is NULL' '' "$(ask "select distinct value from limits
		where limit_on = 'throughput'")"
	is 'no time is left out' 0 "$(ask 'select sum(gap_ms) from intervals')"
	is 'the file is its owner'"'"'s alone' 600 "$(stat -c %a "$db")"
	within 'figures of an interval' 20 400 \
		"$(ask 'select count(*) from figures where interval = 2')"
}

# own NAME: processes of the monitor that are called so.
own() {
	local pid
	for pid in /proc/[0-9]*; do
		[ "$(cat "$pid/comm")" != "$1" ] || [ "$(readlink "$pid/exe")" != "$work/strait" ] ||
			echo "${pid#/proc/}"
	done 2>/dev/null
}

# Confined to the calls that watching takes: programs are loaded again, and who reads files for it is
# replaced, with all that is behind it.
test_confined() {
	local threads keeper
	rm -f "$db"*
	cp "$strait" "$work/strait"
	start env STRAIT_RENEW=3 "$work/strait" monitor -i 1 --store "$db" --threshold 'memory_usage>99.9'
	until_true 20 intervals_are 1
	threads=$(cat "/proc/$started_pid/task"/*/status)
	is 'all of its threads have a filter' "$(grep -c ^Name: <<<"$threads")" \
		"$(grep -c '^Seccomp:.2' <<<"$threads")"
	keeper=$(own strait-keeper)
	kill -KILL "$keeper"
	# Files that it has not met: readers are asked for.
	renewed() {
		cp "$(type -P sleep)" "$work/new$SECONDS"
		"$work/new$SECONDS" 0.3
		[ "$(own strait-keeper)" ] && [ "$(own strait-reader | wc -l)" -eq 2 ] &&
			[ "$(own strait-keeper)" != "$keeper" ]
	}
	check 'who reads files is replaced' until_true 10 renewed
	again() { [ "$(ask 'select count(*) from intervals where gap_ms > 0')" -ge 2 ]; }
	check 'programs are loaded again, twice' until_true 30 again
	within 'figures of the last interval' 20 400 \
		"$(ask 'select count(*) from figures where interval = (select max(interval) from figures)')"
	end
	is 'exit' 0 "$status"
	is 'without a word' '' "$(cat "$work/started.err")"
}

test_killed_and_again() {
	rm -f "$db"*
	start "$strait" monitor -q -i 1 --for 1 --store "$db" --threshold 'memory_usage>0.001'
	until_true 20 intervals_are 2
	run "$strait" monitor -d 1 --store "$db"
	is 'a second monitor on the file: exit' 1 "$status"
	matches 'it says why' 'another monitor' "$err"
	is 'an open alert' '' "$(ask "select ended_ms from alerts where limit_on = 'memory_usage'")"
	kill -KILL "$started_pid"
	wait "$started_pid" 2>/dev/null
	run "$strait" monitor -q -i 1 -d 2 --store "$db" --threshold 'memory_usage>99.9'
	is 'the next one: exit' 0 "$status"
	is 'the alert is ended' 'monitor was killed' "$(ask "select reason from alerts where limit_on = 'memory_usage'")"
	is 'with a time' 1 "$(ask 'select min(ended_ms >= began_ms) from alerts')"
}

test_full_disk() {
	local disk=$work/disk
	small_disk "$disk" 2m
	db=$disk/monitor.db
	start env --default-signal=INT,TERM "$strait" monitor -i 1 --store "$db"
	until_true 20 intervals_are 2
	dd if=/dev/zero of="$disk/filler" bs=4k 2>/dev/null
	until_true 20 grep -q 'no space left' "$work/started.err"
	matches 'a full disk is said' 'no space left' "$work/started.err"
	local lines
	lines=$(wc -l <"$work/started.out")
	more_lines() { [ "$(wc -l <"$work/started.out")" -gt "$lines" ]; }
	check 'and does not end it' until_true 10 more_lines
	rm "$disk/filler"
	check 'it writes again when it can' until_true 10 grep -q 'written again' "$work/started.err"
	end
	is 'exit' 0 "$status"
	is 'said once' 1 "$(grep -c 'no space left' "$work/started.err")"
}

test_pipe_and_file() {
	run bash -c '"$0" monitor --no-store -i 1 | head -n 1; exit "${PIPESTATUS[0]}"' "$strait"
	is 'a pipe that is closed ends it as any filter' 141 "$status"
	is 'without a word' '' "$(cat "$err")"
	run "$strait" monitor --no-store -q -i 1 -d 3 --for 1 --alerts "$work/alerts.json" \
		--threshold 'memory_usage>0.001' --threshold 'cpu_usage>100.5'
	is 'alerts into a file: exit' 0 "$status"
	is 'nothing else is printed' '' "$(cat "$out")"
	is 'they are there' 'begin end' "$(jq -rs 'map(.alert) | join(" ")' "$work/alerts.json")"
	run "$strait" monitor --no-store --json -i 1 -d 2.5
	check 'intervals as JSON' jq -es 'map(select(.interval.metrics | length == 5)) | length >= 1' \
		"$out"
}

test_refused() {
	local limit
	for limit in '' cpu_usage 'cpu_usage>' 'no_such>5' 'cpu_usage.p95>5' 'runqueue_ms:vda>1'; do
		run "$strait" monitor --threshold "$limit"
		is "--threshold '$limit': exit" 2 "$status"
		is 'one line' 1 "$(wc -l <"$err")"
	done
	for limit in '' 0d 7 7x -1d 1e9d; do
		run "$strait" monitor --retain "$limit"
		is "--retain '$limit': exit" 2 "$status"
	done
	echo 'not a history' >"$work/text.db"
	run "$strait" monitor -d 1 --store "$work/text.db"
	is 'a text file as the store: exit' 1 "$status"
	is 'it is left alone' 'not a history' "$(cat "$work/text.db")"
}

test_lines_and_alerts
test_confined
test_killed_and_again
test_pipe_and_file
test_refused
test_full_disk
finish
