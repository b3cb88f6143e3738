#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Messages and the budget: a program that passes a known number of messages over Unix and TCP
# sockets. With a large budget each of them is counted; with a small one they are estimated, and
# what is rare is counted all the same.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need sqlite3 jq cc

load=$work/load
recording=$work/r.strait

cc -O1 -D_GNU_SOURCE -o "$load" "$root/tests/integration/messages.c" || exit 1

# total METRIC [CONDITION]: of the load's process.
total() {
	sqlite3 -readonly "$recording" "SELECT coalesce(sum(value), 0) FROM v_counts
		WHERE pid = $pid AND metric = 'net.$1' AND ${2:-1}"
}

# observe BUDGET: records the load; what it did in $pid, $locals, $local_bytes, …; $report.
observe() {
	run "$strait" record -q --replace --budget "$1" -o "$recording" -- "$load" 4
	is "recorded with a budget of $1" 0 "$status"
	read -r pid locals local_bytes remotes remote_bytes connects <"$out"
	report=$("$strait" report "$recording" --json)
	share=$(jq .coverage.messages_observed_share <<<"$report")
}

# all_within PERCENT: what was told of the messages is within so much of what they were.
all_within() {
	local what expected condition
	while read -r what expected condition; do
		within "$what, $condition: $expected" $((expected - expected * $1 / 100)) \
			$((expected + expected * $1 / 100)) "$(total "$what" "$condition")"
	done <<-END
		sends $locals label = 'unix'
		receives $locals label = 'unix'
		sent_bytes $local_bytes label = 'unix'
		received_bytes $local_bytes label = 'unix'
		sends $remotes label LIKE 'client 127.0.0.1:%'
		sent_bytes $remote_bytes label LIKE 'client 127.0.0.1:%'
		receives $remotes label LIKE 'server :%'
		received_bytes $remote_bytes label LIKE 'server :%'
	END
	is "connections, of $connects" "$connects $connects" "$(total connects) $(total accepts)"
}

test_all() {
	observe 100%
	is 'observed all the time' true "$(jq -n "$share > 0.999")"
	all_within 0
	lacks 'the report has nothing to say about it' 'messages over sockets were observed for' \
		<("$strait" report "$recording")
}

test_part() {
	local cost
	observe 1%
	is "observed for a part of the time: $share" true "$(jq -n "$share > 0.005 and $share < 0.5")"
	# Some eight stretches of time stand for all; messages that are watched take longer.
	all_within 35
	# The interrupts of a TCP connection to oneself are always observed, and take a part of it.
	cost=$(jq -c '.coverage.self | [.bpf_percent, .budget_percent]' <<<"$report")
	is "programs cost, and may, percent of a CPU: $cost" true \
		"$(jq -n "$cost | .[0] < 3 * .[1]")"
	within 'bytes that the samples stand for, in millions' \
		$(((local_bytes + remote_bytes) / 1000000)) $(((local_bytes + remote_bytes) / 300000)) \
		"$(sqlite3 -readonly "$recording" "SELECT sum(weight) / 1000000 FROM v_samples
			WHERE pid = $pid AND kind = 'net'")"
	matches 'the report says so' 'messages over sockets were observed for' \
		<("$strait" report "$recording")
}

test_all
test_part
finish
