#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A load whose names hold control bytes, ANSI sequences, quotes, separators, overlong and invalid
# UTF-8: its process, threads, executable, functions, generated code, arguments and cgroup. Every
# output must keep to its form, and show the names in the way that is its own (hostile.py).

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need cc objcopy python3 sqlite3

# The kernel keeps 15 bytes of a thread's name.
comm=$'w;\e[31m"\xff%s\n\xc0\xaf'
symbol=$'f;g \e]0;x\a\'"<&>\\%n\xe2\x80\xae\xfe'
function=$'jit;\e[2J \x7f\xc2\x9b31m%s"\xed\xa0\x80'
folder=$work/$'d;\e[1m"\t\n\xff'
odd=$'x;\e[31m"\\%s%n\xff\xc2\x85\nstrait: no'
group=
here=$root/tests/integration

# keeps NAME WHAT FILE [NAME…]: the file has the form of WHAT, see hostile.py.
keeps() {
	local name=$1 wrong
	shift
	wrong=$(python3 -B "$here/hostile.py" "$@")
	report $? "$name" "$wrong"
}

build() {
	mkdir "$folder"
	cc -O1 -g -pthread -c -o "$work/load.o" "$here/hostile.c" &&
		objcopy --redefine-sym "hostile_symbol=$symbol" "$work/load.o" &&
		cc -pthread -o "$folder/$odd" "$work/load.o"
}

# Puts a process into a cgroup of an odd name. Newlines are the one thing that it may not have.
enter_group() {
	local base path
	for base in /sys/fs/cgroup /sys/fs/cgroup/memory; do
		path=$base/${odd//$'\n'/}$$
		mkdir "$path" 2>/dev/null || continue
		if [ ! -f "$path/cgroup.procs" ]; then
			rmdir "$path"
			continue
		fi
		group=$path
		# shellcheck disable=SC2016 # for the end
		cleanups+=('stop "$load"; rmdir "$group"')
		echo "$1" >"$path/cgroup.procs"
		return
	done
	skip_part 'a cgroup of an odd name' 'no cgroup can be made here: the process is watched by its number'
}

test_reports() {
	local file=$work/r.strait columns kind
	run "$strait" report --json "$file"
	is 'json: exit' 0 "$status"
	keeps 'json: the process, its functions' json "$out" "$comm" "$symbol"
	for columns in 60 97 200; do
		TERM=xterm LC_ALL=C.UTF-8 python3 -B "$here/hostile.py" pty $columns "$strait" report \
			--color never -v "$file" >"$out"
		keeps "text, $columns columns" text "$out" "$comm"
		TERM=xterm LC_ALL=C.UTF-8 python3 -B "$here/hostile.py" pty $columns "$strait" report \
			--color always "$file" >"$out"
		keeps "text, $columns columns, in colour" color "$out" "$comm"
		check 'there are colours in it' grep -q $'\e\\[' "$out"
	done
	run "$strait" report -v "$file"
	keeps 'text, plain' text "$out" "$comm"
	# shellcheck disable=SC2016 # for the inner shell
	check 'text, plain: no more than ASCII' sh -c '! LC_ALL=C grep -q "[^ -~]" "$1"' - "$out"
	# The load computes, waits for a mutex, and sleeps: it has all of these.
	for kind in cpu offcpu idle lock wakeup; do
		run "$strait" flame --kind $kind "$file"
		is "folded, $kind: exit" 0 "$status" || continue
		keeps "folded, $kind" folded "$out" "$comm"
		cp "$out" "$work/$kind.folded"
	done
	keeps 'folded: process, function, generated code' folded "$work/cpu.folded" "$comm" "$symbol" \
		"$function"
}

baseline_keeps() {
	run "$strait" baseline "$@" --store "$work/b.db"
	is "baseline $1: exit" 0 "$status"
	keeps "baseline $1" text "$out"
}

test_baselines() {
	local store=$work/b.db file=$work/r.strait
	run "$strait" baseline save "quiet" "$file" --store "$store"
	is 'baseline save: exit' 0 "$status"
	run "$strait" baseline save "$odd" "$file" --store "$store"
	keeps 'baseline save under an odd name' text "$err" "$odd"
	baseline_keeps list
	baseline_keeps show quiet
	baseline_keeps compare quiet "$file"
	run "$strait" baseline show quiet --store "$store" --json
	keeps 'baseline show, json' json "$out"
	run "$strait" baseline compare quiet "$file" --store "$store" --json
	keeps 'baseline compare, json' json "$out"
}

# Runs a command until a line of the monitor in $out tells what is in the way: on a busy host an interval has
# few slices, and it may be too uncertain to be told.
until_found() {
	local _
	for _ in 1 2 3; do
		rm -f "$work/alerts"
		"$@"
		! grep -Eq '\| [a-z]+\.[a-z-]+ (medium|high|critical) ' "$out" || break
	done
}

test_monitor() {
	until_found run "$strait" monitor -i 5 -d 6 --for 1 --no-store --alerts "$work/alerts" "${target[@]}" \
		--threshold 'cpu_usage>0.001' --threshold 'memory_usage>0.001'
	is 'monitor: exit' 0 "$status"
	keeps 'monitor: lines' text "$out" "$comm"
	keeps 'monitor: alerts' lines "$work/alerts" "$comm"
	run "$strait" monitor -i 1 -d 2 --for 1 --no-store --json "${target[@]}" --threshold 'memory_usage>0.001'
	keeps 'monitor, json: lines and alerts' lines "$out" "$comm"
	until_found on_terminal "$strait" monitor -i 5 -d 6 --no-store "${target[@]}"
	keeps 'monitor, on a terminal' color "$out" "$comm"
}

# What a command writes to a terminal, in $out.
on_terminal() {
	TERM=xterm LC_ALL=C.UTF-8 python3 -B "$here/hostile.py" pty 200 "$@" >"$out"
}

# The line that says what is watched shortens a name.
test_progress() {
	local shown=()
	[ -z "$group" ] || shown=("${odd:0:9}")
	on_terminal "$strait" record --replace -d 1 -o "$work/p.strait" "${target[@]}"
	keeps 'progress, on a terminal' progress "$out" "${shown[@]}"
}

# What an error quotes is one line, and no terminal's command. quotes ARGUMENT…: all but the last are
# strait's words.
quotes() {
	local words=("${@:1:$#-1}")
	run "$strait" "$@"
	keeps "error: ${words[*]} …" text "$err" "$odd"
	[ "$status" -ne 0 ] && [ "$(wc -l <"$err")" -eq 1 ] && [ ! -s "$out" ]
	report $? "error: ${words[*]} …: one line" "exit $status: $(head -c 300 "$err")"
}

test_errors() {
	local option
	quotes "$odd"
	quotes "--$odd"
	quotes "-$odd"
	for option in -p -c --container --format -F -d --color --budget; do
		quotes $option "$odd"
	done
	quotes report "$odd"
	quotes record -o "/none/$odd"
	quotes flame --kind "$odd"
	quotes -- "/$odd"
	quotes baseline "$odd"
	quotes baseline show "$odd"
	quotes monitor --threshold "$odd"
	quotes monitor --retain "$odd"
	run "$strait" -d 0.3 -- sh -c 'exit 3' "$odd"
	keeps 'arguments of a command' text "$out"
	keeps 'arguments of a command: notices' text "$err"
	run "$strait" doctor
	keeps 'doctor' text "$out"
}

build >"$work/built" 2>&1 || skip "the load does not build: $(head -n 1 "$work/built")"
# shellcheck disable=SC2016 # for the end
cleanups+=('rm -f "/tmp/perf-$load.map"')
start "$folder/$odd" "$comm" "$folder/$odd.data" "$function"
load=$started_pid
enter_group "$load"
target=(-p "$load")
[ -z "$group" ] || target=(-c "$group")
until_true 10 grep -q ready "$work/started.out"
check 'the load is under way' grep -q ready "$work/started.out"
run "$strait" record -q -d 3 -o "$work/r.strait" "${target[@]}"
is 'record: exit' 0 "$status"
keeps 'record: notices' text "$err"
test_reports
test_baselines
test_monitor
test_progress
test_errors
finish
