#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# User stacks of real programs, as the distribution built them: at least 99 % of each must reach the
# root, from the first sample on, and functions have the shares that perf sees, wherever its own stacks
# are 90 % complete. The names and executables in a build of many processes that live for
# milliseconds. And of a host under a mixed load, that all is known at least by its module.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/stacks/lib.sh
. "$(dirname "$0")/stacks/lib.sh"

need_root
need_strait
need python3 setpriv

load=$root/tests/integration/stacks/load
recording=$work/r.strait
perf=$("$root/scripts/find-tool" perf) || skip_part 'shares compared with those of perf' 'perf is not installed'
chmod 711 "$work"

# set_up NAME: false where it cannot run here.
set_up() {
	mkdir "$work/$1"
	"$load" setup "$1" "$work/$1" >"$work/setup" 2>&1 && return
	skip_part "stacks of $1" "$(tail -n 1 "$work/setup")"
	return 1
}

# The same seconds by both, perf with DWARF: functions must have the shares that it sees.
observe_beside_perf() {
	local perf_pid
	start "$perf" record -q -a -e cpu-clock -F 499 -k realtime --call-graph dwarf \
		-o "$work/perf.data" -- sleep 6
	perf_pid=$started_pid
	run "$strait" record -q --replace --budget 100% -F 999 -d 5 -o "$work/beside.strait"
	is 'recorded beside perf' 0 "$status"
	wait "$perf_pid"
}

# observe NAME…: records the host while these are at work. They were before: their tables have to be
# there when the window begins.
observe() {
	local name running=() pids=() pid
	for name; do
		set_up "$name" && running+=("$name")
	done
	for name in "${running[@]}"; do
		start "$load" run "$name" "$work/$name" 20
		pids+=("$started_pid")
	done
	for name in "${running[@]}"; do
		until_true 15 test -e "$work/$name/ready"
		report $? "$name is at work" "$(cat "$work/started.err")" || return
	done
	sleep 0.3
	run "$strait" record -q --replace --budget 100% -F 999 -d 3 -o "$recording"
	is "recorded: ${running[*]}" 0 "$status"
	[ -z "$perf" ] || observe_beside_perf
	for pid in "${pids[@]}"; do
		stop "$pid"
	done
	for name in "${running[@]}"; do
		"$load" clean "$name" "$work/$name"
		verdict programs.py whole --least 400 "$recording" "$name" \
			"$("$load" programs "$name")"
		[ -z "$perf" ] || verdict programs.py agree --least 300 "$work/beside.strait" \
			"$work/perf.data" "$name, beside perf" "$("$load" programs "$name")"
	done
	rm -f "$work/perf.data"
}

# built LEAST LABEL JUDGE… -- PROGRAM…: makes the 200 files of $work/build, in so many processes at least.
built() {
	local least=$1 label=$2 judge judges=()
	shift 2
	while [ "$1" != -- ]; do
		judges+=("$1")
		shift
	done
	shift
	run "$strait" record -q --replace --budget 100% -F 999 -d 100 -o "$recording" -- make -s -C "$work/build" -j2
	is "recorded: $label" 0 "$status"
	for judge in "${judges[@]}"; do
		# shellcheck disable=SC2086 # words of its own
		verdict programs.py $judge "$recording" "$label" "$@"
	done
	verdict programs.py files --least "$least" "$recording" "$label"
	rm -r "$work/build"
}

# rules FROM TO COMMAND: the makefile, and 200 files. COMMAND is the recipe; stdin makes file number %d.
rules() {
	local i text
	mkdir "$work/build"
	text=$(cat)
	for ((i = 0; i < 200; i++)); do
		printf '%s\n' "${text//%d/$i}" >"$work/build/f$i.$1"
	done
	# shellcheck disable=SC2016 # for make
	printf 'all: $(patsubst %%.'$1',%%.'$2',$(wildcard *.'$1'))\n%%.'$2': %%.'$1'\n\t%s\n' "$3" \
		>"$work/build/Makefile"
}

small_c='#include <stdlib.h>
int f%d(int n)
{
	return abs(n) * %d;
}'

# Builds of 200 small files: compilers, assemblers and shells that live for some milliseconds each. The
# distribution strips gcc and clang: what their files have no name for, their static functions, has
# none. Go's compiler is one whose functions all have a name, in a table that it cannot do without.
# Whole stacks are asked of gcc's alone: cc1's table is there, as it was observed before; gcc and as
# are met here first, and the tables of each take some hundredths of a second. A fifth of
# Go's samples are in the runtime's start, whose stacks have no root that could be told.
test_builds() {
	local compiler
	command -v make >/dev/null || {
		skip_part 'builds' 'make is not installed'
		return
	}
	# shellcheck disable=SC2016 # for make
	if ! command -v gcc >/dev/null; then
		skip_part 'make -j2, gcc' 'gcc is not installed'
	else
		rules c o 'gcc -O2 -c -o $@ $<' <<<"$small_c"
		# For each file gcc, cc1 and as.
		built 600 'make -j2, gcc' named 'whole --least 500 --late 60' -- make sh dash gcc cc1 as x86_64-linux-gnu-gcc \
			x86_64-linux-gnu-gcc-12 x86_64-linux-gnu-as
	fi
	# shellcheck disable=SC2016 # for make
	if ! command -v clang >/dev/null; then
		skip_part 'make -j2, clang' 'clang is not installed'
	else
		rules c o 'clang -O2 -c -o $@ $<' <<<"$small_c"
		built 200 'make -j2, clang' named -- make sh dash \
			"$(basename "$(readlink -f "$(command -v clang)")")"
	fi
	compiler=$(go env GOTOOLDIR 2>/dev/null)/compile
	if [ ! -x "$compiler" ]; then
		skip_part 'make -j2, Go' 'Go is not installed'
		return
	fi
	rules go o "$compiler -o \$@ \$<" <<<$'package p\n\nfunc F%d(n int) int { return n * %d }'
	built 200 'make -j2, Go' 'named --all' -- make sh dash compile
}

# The whole host while several kinds of programs are at work, and a build of short-lived ones begins and
# ends: hardly any user time has a frame that is in no module, and nothing at all is unknown.
test_mixed() {
	local name ran=() pids=()
	for name in python3 perl xz sqlite3 node; do
		mkdir "$work/mixed-$name"
		"$load" setup "$name" "$work/mixed-$name" >"$work/setup" 2>&1 || {
			skip_part "$name in a mixed load" "$(tail -n 1 "$work/setup")"
			continue
		}
		start "$load" run "$name" "$work/mixed-$name" 30
		pids+=("$started_pid")
		until_true 15 test -e "$work/mixed-$name/ready"
		report $? "$name is at work in a mixed load" "$(cat "$work/started.err")" || continue
		ran+=("$("$load" programs "$name" | cut -d ' ' -f 1)")
	done
	# shellcheck disable=SC2016 # for make
	rules c o 'gcc -O2 -c -o $@ $<' <<<"$small_c"
	start make -s -C "$work/build" -j2
	pids+=("$started_pid")
	run "$strait" record -q --replace --budget 100% -F 499 -d 6 -o "$recording"
	is 'recorded: a mixed load' 0 "$status"
	for name in "${pids[@]}"; do
		stop "$name"
	done
	rm -rf "$work/build"
	[ ! -d "$work/mixed-node" ] || "$load" clean node "$work/mixed-node"
	verdict programs.py placed --least 1500 "$recording" 'a mixed load' "${ran[@]}"
	run "$strait" flame "$recording"
	is 'a mixed load: folded' 0 "$status"
	lacks 'a mixed load: nothing is [unknown]' '\[unknown\]' "$out"
	lacks 'a mixed load: no bare address' '(^|;)(\+)?0x[0-9a-f]+(;| [0-9])' "$out"
}

observe python3 openssl
observe xz perl
observe sqlite3 git
observe cc1 node
observe golang rust
observe plugged
observe postgres
observe redis-server
observe nginx
test_builds
test_mixed
finish
