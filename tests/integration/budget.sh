#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The budget: a program that reads a cached file as fast as it can. With a large budget each of
# them is counted; with a small one they are estimated, and watching costs what it may.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need sqlite3 jq cc

load=$work/load
recording=$work/r.strait

cc -O1 -o "$load" "$root/tests/integration/budget.c" || exit 1

head -c 32768 /dev/zero >"$work/data"

ask() {
	sqlite3 -readonly "$recording" "$@"
}

# observe BUDGET: records the load; $calls it made, $life, $user and $kernel ns; $counted, $report.
observe() {
	run "$strait" record -q --replace --budget "$1" -o "$recording" -- "$load" 4 "$work/data"
	is "recorded with a budget of $1" 0 "$status"
	read -r tid calls life user kernel <"$out"
	counted=$(ask "SELECT coalesce(sum(value), 0) FROM v_counts
		WHERE metric = 'syscall.count' AND label = 'pread64'")
	report=$("$strait" report "$recording" --json)
}

share() {
	jq "$1 // 0" <<<"$report"
}

# spent STATE: ns of the load's thread.
spent() {
	ask "SELECT coalesce(sum(ns), 0) FROM v_ledger WHERE tid = $tid AND state = '$1'"
}

test_all() {
	observe 100%
	within "$calls calls, all of them counted" $((calls - calls / 1000)) $((calls + 10)) "$counted"
	is 'observed all the time' true "$(jq '.coverage.calls_observed_share > 0.999' <<<"$report")"
}

test_part() {
	local all observed
	observe 1%
	all=$((user + kernel))
	observed=$(share .coverage.calls_observed_share)
	is "observed for a part of the time: $observed" true \
		"$(jq '.coverage.calls_observed_share | . > 0.005 and . < 0.5' <<<"$report")"
	# Some eight stretches of time stand for all.
	within "$calls calls, estimated" $((calls * 7 / 10)) $((calls * 13 / 10)) "$counted"
	within "the ledger sums to its life of $((life / 1000000)) ms" \
		$((life - 20000000)) $((life + 60000000)) \
		"$(ask "SELECT sum(ns) FROM v_ledger WHERE tid = $tid")"
	within 'kernel time, percent of its running' \
		$((kernel * 100 / all - 12)) $((kernel * 100 / all + 12)) \
		$(($(spent 'running kernel code') * 100 /
			($(spent 'running kernel code') + $(spent 'running user code'))))
	is "programs cost $(share .coverage.self.bpf_percent) % of a CPU, the budget is $(
		share .coverage.self.budget_percent) %" true \
		"$(jq '.coverage.self | .bpf_percent < 2 * .budget_percent' <<<"$report")"
	matches 'the report says so' 'system calls were observed for' \
		<("$strait" report "$recording")
}

# Samples that cost more than they may: fewer are taken, and they stand for as much time.
test_samples() {
	run "$strait" record -q --replace --budget 0.1% -F 2000 -o "$recording" -- \
		"$load" 4 "$work/data"
	is 'recorded at 2,000 Hz with a budget of 0.1%' 0 "$status"
	read -r tid calls life user kernel <"$out"
	report=$("$strait" report "$recording" --json)
	is "a part of the samples was taken: $(share .coverage.samples_taken_share)" true \
		"$(jq '.coverage.samples_taken_share < 0.9' <<<"$report")"
	# Of one interrupt: from that of bare metal to the worst of virtual machines.
	is "their interrupts take $(share .coverage.self.interrupt_percent) % of a CPU" true \
		"$(jq --argjson cpus "$(nproc)" '.coverage | .self.interrupt_percent * 1e7 /
			(2000 * .samples_taken_share * $cpus) | . > 100 and . < 500000' <<<"$report")"
	within "they stand for its $(((user + kernel) / 1000000)) ms of CPU time" \
		$(((user + kernel) / 10000000 * 9)) $(((user + kernel) / 10000000 * 11)) \
		"$(ask "SELECT sum(weight) / 1000000 FROM v_samples WHERE tid = $tid AND kind = 'cpu'")"
	matches 'the report says so' 'of the CPU samples were taken' \
		<("$strait" report "$recording")
}

# A kernel that does not time programs: what they cost is a guess, and none is told.
test_untimed() {
	echo 'int bpf_enable_stats(int kind) { return kind < 0 ? 0 : -1; }' |
		cc -shared -fPIC -o "$work/refuse.so" -x c - || exit 1
	run env LD_PRELOAD="$work/refuse.so" "$strait" record -q --replace -o "$recording" -d 1
	is 'recorded where programs are not timed' 0 "$status"
	is 'their cost is null' null "$("$strait" report "$recording" --json |
		jq .coverage.self.bpf_percent)"
	matches 'the report says so' 'part of BPF programs not measured' \
		<("$strait" report "$recording")
}

test_all
test_part
test_samples
test_untimed
finish
