#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# User stacks against known answers: small programs without frame pointers, each with a call tree of
# which every stack is known, and with known shares of CPU time. stacks/judge.py compares. And what
# processes ran that were gone at once.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/stacks/lib.sh
. "$(dirname "$0")/stacks/lib.sh"

need_root
need_strait
need python3 cc

sources=$root/tests/integration/stacks
recording=$work/r.strait
list=$work/list # programs of the next recording, one a line: NAME ARGUMENTS

# build NAME SOURCE FLAG…: compiles a program; its answer is in SOURCE.
build() {
	local name=$1 source=$sources/$2 compiler=cc
	shift 2
	[[ $source != *.cc ]] || compiler=c++
	command -v $compiler >/dev/null || {
		skip_part "$name" "$compiler is not installed"
		return 1
	}
	$compiler -O2 -D_GNU_SOURCE -pthread -DNAME="\"$name\"" \
		-o "$work/$name" "$source" "$@" 2>"$work/$name.log" || {
		skip_part "$name" "it cannot be built here: $(grep -m 1 -i error "$work/$name.log")"
		return 1
	}
	echo "$source" >"$work/$name.source"
}

# plan NAME ARGUMENT…: the program will run in the next recording. Two run at a time.
plan() {
	echo "$*" >>"$list"
}

# Records the planned programs. They have 1.5 s of CPU time each.
record_planned() {
	local count
	count=$(wc -l <"$list")
	# shellcheck disable=SC2016 # for the inner shell
	run "$strait" record -q --replace --budget 100% -F 999 -d $((count * 3 + 20)) -o "$recording" -- \
		xargs -a "$list" -P 2 -L 1 sh -c \
		'program=$1; shift; exec "$0/$program" "$@" >"$0/$program.out" 2>"$0/$program.err"' "$work"
	is 'recorded' 0 "$status"
	[ "$status" -eq 0 ] || head -c 600 "$err"
}

# judge NAME OPTION…: the checks of one program.
judge() {
	local name=$1
	shift
	verdict judge.py "$recording" "$name" "$(cat "$work/$name.source")" "$work/$name.out" "$@"
}

judge_planned() {
	local name _
	while read -r name _; do
		# What runs before its table can be there: some ms, on a busy host some more.
		case $name in
		at-once | plugins | plugged) judge "$name" --late 100 ;;
		*) judge "$name" ;;
		esac
	done <"$list"
	: >"$list"
}

# The same tree in every form that a program comes in.
plan_trees() {
	build tree tree.c -pie -fPIE && plan tree
	build at-once tree.c -DAT_ONCE && plan at-once
	build tree-fixed tree.c -no-pie -fno-pie && plan tree-fixed
	build tree-static tree.c -static && plan tree-static
	build tree-static-pie tree.c -static-pie -fPIE && plan tree-static-pie
	build tree-pointers tree.c -fno-omit-frame-pointer -DKEEPS_RBP && plan tree-pointers
	build tree-gone tree.c && plan tree-gone gone
	build tree-debug tree.c -g -fno-asynchronous-unwind-tables -fno-unwind-tables && plan tree-debug
}

plan_frames() {
	build frames frames.c && plan frames
	build recursion recursion.c && plan recursion 230
	build too-deep recursion.c && plan too-deep 400
	build signals signals.c && plan signals
	build signals-alt signals.c && plan signals-alt alt
	build syscalls syscalls.c && plan syscalls
	build startup startup.c && plan startup
	build startup-static startup.c -static && plan startup-static
}

plan_processes() {
	build threads threads.c && plan threads
	build alpha.so plugin.c -DALPHA -shared -fPIC && build beta.so plugin.c -shared -fPIC &&
		build plugins plugins.c -ldl && plan plugins "$work/alpha.so" "$work/beta.so"
	build throw throw.cc && plan throw
	build plugged-so.so plugged.cc -DPLUGIN -shared -fPIC && build plugged plugged.cc -ldl &&
		plan plugged "$work/plugged-so.so"
	[ "$(uname -m)" != x86_64 ] || { build jit jit.c && plan jit; }
}

# Languages whose compilers need not be there.
plan_others() {
	if command -v rustc >/dev/null &&
		rustc -O -C debuginfo=1 -o "$work/rust" "$sources/tree.rs" 2>"$work/rust.log"; then
		echo "$sources/tree.rs" >"$work/rust.source"
		plan rust
	else
		skip_part 'Rust' 'no rustc that works'
	fi
	if command -v go >/dev/null && GOCACHE=$work/gocache GOFLAGS=-mod=mod HOME=$work \
		go build -o "$work/golang" "$sources/tree.go" 2>"$work/golang.log"; then
		echo "$sources/tree.go" >"$work/golang.source"
		plan golang
		# As most are that are installed: no unwind table, and no symbols.
		strip -o "$work/golang-stripped" "$work/golang" && echo "$sources/tree.go" \
			>"$work/golang-stripped.source" && plan golang-stripped
	else
		skip_part 'Go' 'no go that works'
	fi
}

# Off the CPU, and page faults.
test_events() {
	build waits waits.c || return
	build faults faults.c || return
	plan waits
	plan faults
	record_planned
	judge waits --kind offcpu --least 40
	judge faults --kind fault --least 400
	: >"$list"
}

# points METRIC sum|max: of a recording's points.
points() {
	python3 - "$recording" "$@" <<-'END'
		import sqlite3, sys
		value, = sqlite3.connect(sys.argv[1]).execute(
		    f"SELECT {sys.argv[3]}(value) FROM v_points WHERE metric = ?", sys.argv[2:3]).fetchone()
		print(round(value or 0))
	END
}

# record_copies LABEL PROGRAM…: records these, and nothing else, while they run.
record_copies() {
	local label=$1 name pids=
	shift
	for name; do
		start "$work/$name"
		pids=$pids,$started_pid
	done
	sleep 0.1
	run "$strait" record -q --replace --budget 100% -F 999 -d 2 -p "${pids#,}" -o "$recording"
	is "$label: recorded" 0 "$status"
}

# Two copies of a file, as two containers have them: other inodes, one table for both.
test_copies() {
	local bytes shared
	build copy tree.c -static || return
	cp "$work/copy" "$work/copied"
	record_copies 'one file' copy
	bytes=$(points unwind.table_bytes max)
	shared=$(points unwind.tables_shared sum)
	within 'one file: it has a table' 4096 100000000 "$bytes"
	record_copies 'two copies' copy copied
	is 'two copies: one more file has a table that was there' $((shared + 1)) \
		"$(points unwind.tables_shared sum)"
	is 'two copies: as many bytes of tables as for one' "$bytes" "$(points unwind.table_bytes max)"
	verdict programs.py whole --least 400 "$recording" 'two copies: the one' copy
	verdict programs.py whole --least 400 "$recording" 'two copies: the other' copied
}

# Processes that are gone before anybody can look at them: 150 of three files, one of them in another
# file system, and 50 children that run what their parents do.
test_brief() {
	build brief brief.c && build brief-static brief.c -static || return
	shm=$work
	[ ! -w /dev/shm ] || shm=$(mktemp -d /dev/shm/strait-test-XXXXXX)
	cleanups+=('[ "$shm" = "$work" ] || rm -rf "$shm"')
	cp "$work/brief" "$shm/brief-shm"
	# shellcheck disable=SC2016 # for the inner shell
	run "$strait" record -q --replace -d 60 -o "$recording" -- sh -c '
		i=0; while [ $i -lt 50 ]; do i=$((i + 1)); "$0/brief"; "$0/brief-static" fork; "$1/brief-shm"
		done >"$0/said"' "$work" "$shm"
	is 'recorded: brief processes' 0 "$status"
	verdict programs.py files --least 200 "$recording" 'brief processes' "$work/said"
}

# perf maps have to lie in /tmp under a name that others know.
cleanups+=('rm -f $(sed -n "s,^map \(/tmp/perf-[0-9]*\.map\)$,\1,p" "$work/jit.out" 2>/dev/null)')

plan_trees
plan_frames
plan_processes
plan_others
record_planned
judge_planned
test_events
test_copies
test_brief
finish
