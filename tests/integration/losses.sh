#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What was lost is told by reason by every output that shows figures and is no report: folded stacks,
# baselines, the monitor's history. A map that is far too small (STRAIT_LIMITS) provokes a loss, and what
# each of them says is what the recording holds.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need sqlite3 jq cc

load=$work/load
limits=syscalls=4
reason='map full: system calls'
keeps=(--store "$work/baselines.db")

cc -std=gnu17 -static -O1 -D_GNU_SOURCE -pthread -o "$load" "$root/tests/integration/accounting.c" ||
	skip 'cannot link statically'

# What loses: some calls, and time for whole slices.
# shellcheck disable=SC2016 # for the inner shell
loses=(sh -c '"$0" calls 2000 >/dev/null; sleep 1' "$load")

# lost_of RECORDING: how much by that reason, as the recording has it.
lost_of() {
	sqlite3 -readonly "$1" "SELECT coalesce(sum(l.count), 0) FROM losses l
		JOIN strings s ON s.id = l.reason WHERE s.text = '$reason'"
}

# told_in_json NAME COUNT PATH: the last output says at PATH that so many were lost, and all of it by reason.
told_in_json() {
	is "$1: by reason" "$2" "$(jq "[$3.lost[] | select(.what == \"$reason\") | .count] | add // 0" "$out")"
	is "$1: the reasons sum to all" true \
		"$(jq "$3 | ([.lost[].count] | add // 0) == .lost_events + .lost_samples" "$out")"
}

# told_in_text NAME PATTERN: lines are wrapped.
told_in_text() {
	tr -s ' \n' '  ' <"$out" >"$work/line"
	matches "$1" "$2" "$work/line"
}

run env STRAIT_LIMITS=$limits "$strait" record -q --budget 100% -i 0.2 --warmup 0 -o "$work/lossy.strait" -- "${loses[@]}"
is 'recorded, with a loss' "0 " "$status $(cat "$err")"
lost=$(lost_of "$work/lossy.strait")
within 'so many were lost' 1 30000 "$lost"
run "$strait" record -q --budget 100% -i 0.2 --warmup 0 -o "$work/whole.strait" -- "${loses[@]}"
is 'recorded, without one' "0 0" "$status $(sqlite3 -readonly "$work/whole.strait" \
	'SELECT coalesce(sum(count), 0) FROM losses')"

test_flame() {
	run "$strait" flame -q --kind syscall "$work/lossy.strait"
	is 'flame -q: one line' 1 "$(wc -l <"$err")"
	matches 'flame -q: what, and how much' "^strait: lost .*$reason $lost\b" "$err"
	lacks 'flame -q: not among its stacks' 'map full' "$out"
	run "$strait" flame -q --kind syscall "$work/whole.strait"
	is 'flame -q, nothing lost: no word' '' "$(cat "$err")"
	run env STRAIT_LIMITS=$limits "$strait" flame -q --kind syscall -- "${loses[@]}"
	matches 'flame -q, live' "^strait: lost .*$reason [0-9]+" "$err"
}

test_baselines() {
	run "$strait" baseline show --json "$work/lossy.strait"
	told_in_json 'the baseline of a recording' "$lost" .baseline
	run "$strait" baseline save lossy "$work/lossy.strait" "${keeps[@]}"
	is 'kept' 0 "$status"
	run "$strait" baseline save whole "$work/whole.strait" "${keeps[@]}"
	is 'the other one, too' 0 "$status"
	run "$strait" baseline show lossy --json "${keeps[@]}"
	told_in_json 'a kept one' "$lost" .baseline
	run "$strait" baseline show lossy "${keeps[@]}"
	told_in_text 'a kept one, in the text' "lost [0-9,.k]+ events, [0-9,.k]+ samples: .*$reason [0-9]"
	run "$strait" baseline show whole "${keeps[@]}"
	told_in_text 'nothing lost, in the text' 'lost nothing'

	run "$strait" baseline compare whole lossy --json "${keeps[@]}"
	told_in_json 'compared: before' 0 .before
	told_in_json 'compared: after' "$lost" .after
	run "$strait" baseline compare lossy whole "${keeps[@]}"
	told_in_text 'compared, in the text: before' "lost before [0-9,.k]+ events, [0-9,.k]+ samples: .*$reason"
	told_in_text 'compared, in the text: after' 'lost after nothing'

	run env STRAIT_LIMITS=$limits "$strait" baseline save now -i 0.2 --warmup 0 "${keeps[@]}" -- "${loses[@]}"
	is 'watched and kept' 0 "$status"
	run "$strait" baseline list --json "${keeps[@]}"
	is 'what is not read is not said to be nothing' null "$(jq '.baselines[0].lost' "$out")"
	run "$strait" baseline show now --json "${keeps[@]}"
	within 'watched and kept: by reason' 1 30000 \
		"$(jq "[.baseline.lost[] | select(.what == \"$reason\") | .count] | add // 0" "$out")"
	run "$strait" baseline remove now "${keeps[@]}"
	is 'a baseline that is removed takes its losses along' 0 "$(sqlite3 -readonly "$work/baselines.db" \
		'SELECT count(*) FROM loss WHERE baseline NOT IN (SELECT id FROM baseline)')"
}

# A file of before they were kept: not known is not none.
test_older_baselines() {
	sqlite3 "$work/baselines.db" 'DROP TABLE loss'
	run "$strait" baseline show lossy --json "${keeps[@]}"
	is 'an older file: not known' "0 null null" "$status $(jq -r '"\(.baseline.lost) \(.baseline.lost_events)"' "$out")"
	run "$strait" baseline show lossy "${keeps[@]}"
	told_in_text 'an older file: not known, in the text' 'lost not known'
	run "$strait" baseline save again "$work/lossy.strait" "${keeps[@]}"
	run "$strait" baseline show again --json "${keeps[@]}"
	told_in_json 'what is kept there now' "$lost" .baseline
	run "$strait" baseline show lossy --json "${keeps[@]}"
	is 'what was there before is still not known' null "$(jq .baseline.lost "$out")"
}

test_history() {
	local db=$work/monitor.db
	start sh -c 'while :; do "$0" calls 100 >/dev/null; sleep 0.1; done' "$load"
	run env STRAIT_LIMITS=$limits "$strait" monitor -q -i 1 -d 3 --budget 100% --store "$db"
	stop "$started_pid"
	is 'monitor: exit' 0 "$status"
	within 'the history: by reason' 1 1000000 "$(sqlite3 -readonly "$db" \
		"SELECT coalesce(sum(count), 0) FROM losses_named WHERE reason = '$reason'")"
	is 'the history: in each interval the reasons sum to all' '' "$(sqlite3 -readonly "$db" \
		'SELECT id, lost, total FROM intervals JOIN (SELECT i.id AS at, coalesce(sum(l.count), 0) AS total
		FROM intervals i LEFT JOIN losses l ON l.interval = i.id GROUP BY i.id) ON at = id WHERE lost != total')"
}

test_flame
test_baselines
test_older_baselines
test_history
finish
