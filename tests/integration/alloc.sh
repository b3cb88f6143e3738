#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Allocations: a program that says what it allocated, by function of the library and by function of
# its own. Each call is counted; samples of bytes stand for all of them. In C, with the library and
# with another allocator in its place, in Python and in C++; with little budget, where what is seen in
# a part of the time stands for all of it.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need sqlite3 jq cc c++ python3

load=$work/load
recording=$work/r.strait

cc -O1 -g -fno-optimize-sibling-calls -o "$load" "$root/tests/integration/alloc.c" || exit 1

ask() {
	sqlite3 -readonly "$recording" "$@"
}

# total METRIC [CONDITION]: the sum of a counter over all slices.
total() {
	ask "SELECT coalesce(sum(value), 0) FROM v_counts WHERE metric = '$1' AND ${2:-1}"
}

# sampled EXPRESSION [CONDITION]: of the samples of allocations.
sampled() {
	ask "SELECT $1 FROM samples s JOIN stacks k ON k.id = s.stack
		JOIN words w ON w.what = 'sample' AND w.value = s.kind AND w.word = 'alloc'
		WHERE ${2:-1}"
}

# record BUDGET COMMAND…
record() {
	run "$strait" record -q --replace --alloc --budget "$1" -o "$recording" -- "${@:2}"
	is "recorded with a budget of $1: ${2##*/}" 0 "$status"
	cp "$out" "$work/told"
}

# Bytes by stack, as a flame graph has them.
flame() {
	"$strait" flame "$recording" --kind alloc >"$work/folded" || echo 'no stacks' >"$work/folded"
}

# bytes_in FUNCTION: that the stacks through it stand for.
bytes_in() {
	awk -v name=";$1;" '{n = $NF; sub(/ [0-9]+$/, ";"); if (index($0, name)) sum += n}
		END {print sum + 0}' "$work/folded"
}

# What the load said, all of it. The samples of a function stand for its bytes within their error,
# which is some 7 %: more of them would be dearer.
judge_all() {
	local name count bytes part
	while read -r _ name count bytes; do
		is "$1: $count calls of $name are counted" "$count" "$(total alloc.count "label = '$name'")"
		is "$1: and $bytes bytes" "$bytes" "$(total alloc.bytes "label = '$name'")"
	done < <(grep '^call' "$work/told")
	flame
	while read -r _ name bytes; do
		part=$(bytes_in "$name")
		within "$1: $bytes bytes of $name() by its samples" $((bytes * 7 / 10)) $((bytes * 13 / 10)) "$part"
	done < <(grep '^place' "$work/told")
	bytes=$(awk '/^call/ {sum += $4} END {print sum}' "$work/told")
	within "$1: $bytes bytes in all" $((bytes * 88 / 100)) $((bytes * 112 / 100)) "$(sampled 'sum(s.weight)')"
}

test_library() {
	local whole all
	record 100% "$load" 20000 2
	judge_all 'C library'
	all=$(sampled 'sum(s.count)')
	whole=$(sampled 'coalesce(sum(s.count), 0)' 'k.user_end = 0')
	within "$whole of $all stacks are complete" $((all * 99 / 100)) "$all" "$whole"
	is 'they lead from main() to the library' '' "$(grep -Ev '(;main;build_index;take_(nodes|page);malloc|;main;read_input;(take_table;calloc|grow_text;realloc|take_lines;[a-z_]*(memalign|aligned_alloc))) [0-9]+$' \
		"$work/folded" | grep -v '\[incomplete' | head -c 300)"
	"$strait" report "$recording" --json >"$work/report"
	is 'the report has them among the hotspots' true "$(jq '[.profile.hotspots[] | select(.kind == "alloc") |
		.function] | contains(["take_page", "take_table"])' "$work/report")"
	is 'and says that they were observed' true "$(jq '.coverage.allocs_observed_share > 0.9' "$work/report")"
}

# Another allocator, whose functions begin otherwise.
test_other_allocator() {
	local library name count bytes
	library=$(ldconfig -p | sed -n 's/.*libjemalloc\.so[^ ]* .*=> //p' | head -1)
	if [ -z "$library" ]; then
		skip_part 'another allocator' 'no jemalloc is installed'
		return
	fi
	record 100% env "LD_PRELOAD=$library" "$load" 20000 2
	# What the load did before strait had met the library is missing; what env itself allocated
	# before it became the load is in it.
	while read -r _ name count bytes; do
		within "jemalloc: $count calls of $name" $((count * 9 / 10)) $((count + 2000)) \
			"$(total alloc.count "label = '$name'")"
	done < <(grep '^call' "$work/told")
	flame
	while read -r _ name bytes; do
		within "jemalloc: $bytes bytes of $name() by its samples" $((bytes * 7 / 10)) \
			$((bytes * 13 / 10)) "$(bytes_in "$name")"
	done < <(grep '^place' "$work/told")
}

# In a root of its own, with a C library of its own, as in a container: met when it is mapped.
test_other_root() {
	local library name count
	mkdir -p "$work/root"
	cp "$load" "$work/root/load"
	ldd "$load" | grep -o '/[^ ]*' | while read -r library; do
		mkdir -p "$work/root${library%/*}"
		cp -L "$library" "$work/root$library"
	done
	record 100% chroot "$work/root" /load 5000 2
	while read -r _ name count _; do
		# And what chroot allocates before it becomes the load.
		within "in another root: $count calls of $name" "$count" $((count + 200)) \
			"$(total alloc.count "label = '$name' AND process_comm = 'load'")"
	done < <(grep '^call' "$work/told")
	flame
	matches 'in another root: whole stacks, with names' \
		'^load;_start;.*;main;build_index;take_page;malloc [0-9]+$' "$work/folded"
	is 'in another root: both libraries are probed' 2 \
		"$(ask "SELECT max(p.value) FROM points p JOIN strings n ON n.id = p.metric
			WHERE n.text = 'alloc.files'" | cut -d . -f 1)"
}

# Started when the window has long begun; its library is probed already.
test_started_later() {
	local name count pid
	start "$strait" record --replace --alloc --budget 100% -d 6 -o "$recording"
	check 'watching the host' until_true 30 grep -q watching "$work/started.err"
	sleep 2
	"$load" 2000 >"$work/told" &
	pid=$!
	wait "$pid" "$started_pid"
	while read -r _ name count _; do
		# And what its shell allocated in it before.
		within "of a process started later: $count calls of $name" "$count" $((count + 200)) \
			"$(total alloc.count "label = '$name' AND pid = $pid")"
	done < <(grep '^call' "$work/told")
}

test_languages() {
	cat >"$work/text.py" <<-'END'
		def make_rows():
		    return [bytearray(5000) for _ in range(2000)]
		for _ in range(20):
		    make_rows()
	END
	record 100% python3 "$work/text.py"
	# 40,000 buffers, and what the interpreter allocates itself.
	within 'python3: 200 MB of buffers' 200000000 260000000 \
		"$(total alloc.bytes "process_comm = 'python3'")"
	cat >"$work/rows.cc" <<-'END'
		#include <unistd.h>
		struct row { char text[3000]; };
		__attribute__((noinline)) static void make_row() { row *volatile r = new row; delete r; }
		int main() { for (int i = 0; i < 60000; i++) { make_row(); if (i % 200 == 0) usleep(2000); } }
	END
	c++ -O1 -g -o "$work/rows" "$work/rows.cc" || exit 1
	record 100% "$work/rows"
	within 'C++: 60000 times new' 60000 60020 "$(total alloc.count "label = 'malloc' AND process_comm = 'rows'")"
	flame
	within 'C++: 180 MB, by the function that says new' 150000000 210000000 "$(bytes_in 'make_row()')"
}

# The load does as much in each part of the time whatever a call costs, and what is seen in some parts
# stands for the rest.
test_little_budget() {
	local told counted share
	record 10% "$load" 80000 2 20
	told=$(awk '/^call/ {sum += $3} END {print sum}' "$work/told")
	counted=$(total alloc.count "process_comm = 'load'")
	share=$("$strait" report "$recording" --json | jq .coverage.allocs_observed_share)
	within "10 %: $told calls, estimated from $share of the time" $((told * 6 / 10)) $((told * 3 / 2)) "$counted"
	record 1% "$load" 60000 2 20
	"$strait" report "$recording" >"$work/report"
	share=$("$strait" report "$recording" --json | jq .coverage.allocs_observed_share)
	is "1 %: observed for a part of the time: $share" true "$(jq -n "$share > 0 and $share < 0.9")"
	matches '1 %: the report says so' 'allocations were observed for' "$work/report"
}

test_off() {
	run "$strait" record -q --replace -o "$recording" -d 1
	is 'recorded without --alloc' 0 "$status"
	is 'nothing of allocations is in it' '0' "$(ask "SELECT (SELECT count(*) FROM v_counts WHERE metric LIKE 'alloc%')
		+ (SELECT count(*) FROM families f JOIN strings n ON n.id = f.name WHERE n.text = 'alloc')")"
	run "$strait" flame "$recording" --kind alloc
	is 'its stacks of allocations are an error' 1 "$status"
	matches 'that says how to have them' 'strait record --alloc' "$err"
	run "$strait" flame -q --kind alloc --budget 100% -- "$load" 3000 2
	matches 'live, --kind alloc observes them' ';main;build_index;take_page;malloc [0-9]+$' "$out"
}

test_library
test_other_allocator
test_other_root
test_started_later
test_languages
test_little_budget
test_off
finish
