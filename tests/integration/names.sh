#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Names that are kept by build-id: a program whose functions are static is recorded with its symbols,
# then met again without: stripped, or replaced by a newer build while it is watched. Each time with
# a control, to which nothing was kept. The cache is one of this test's own.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need cc strip
cache=/var/cache/strait
own_folders 700 $cache
chmod 755 "$work"

# whole takes as long as half, which it calls: a chain of multiplications, as often.
cat >"$work/program.c" <<'C'
volatile unsigned long sink;
static inline __attribute__((always_inline)) void chain(int n)
{
	unsigned long x = sink;
	for (int i = 0; i < n; i++)
		x = x * 6364136223846793005 + 1;
	sink = x;
}
__attribute__((noinline)) static void half(int n)
{
	chain(n);
}
__attribute__((noinline)) static void whole(int n)
{
	chain(n);
	half(n);
}
__attribute__((noinline)) static void rounds(void)
{
	for (;;)
		whole(100000);
}
int main(void)
{
	rounds();
}
C
cc -O1 -Wl,--build-id -o "$work/full" "$work/program.c" || skip 'cannot compile'
strip -s -o "$work/bare" "$work/full"
build_id=$(readelf -n "$work/full" | sed -n 's/.*Build ID: //p')
is 'stripping leaves the build-id' "$build_id" "$(readelf -n "$work/bare" | sed -n 's/.*Build ID: //p')"

forget() {
	rm -rf "$cache/names"
}

# kept: the entries of this build.
kept() {
	find "$cache/names" -name "$build_id*" 2>/dev/null
}

# record PROGRAM [OPTION]…: a second of it, as folded stacks in $out.
record() {
	local program=$1
	shift
	start "$work/$program"
	run "$strait" record -q --replace -F 999 --budget 100% -d 1 -p "$started_pid" "$@" -o "$work/r.strait"
	is "$program: recorded" 0 "$status"
	stop "$started_pid"
	run "$strait" flame -U "$work/r.strait"
}

# share REGEX: of the samples in $out, of which there must be some hundred.
share() {
	# Not by -v, which would look for escape sequences in it.
	regex=$1 awk '{ all += $NF; if ($0 ~ ENVIRON["regex"]) found += $NF }
		END { if (all < 300) print "only " all " samples"; else print found / all }' "$out"
}

# named WHAT PROGRAM: whole stacks by name, and each function its share.
named() {
	within "$1: stacks that are named" 0.98 1 "$(share "$2;.*main;rounds;whole( |;half )")"
	within "$1: the share of half" 0.45 0.55 "$(share ';whole;half ')"
	lacks "$1: no place in the file" "$2\\+0x" "$out"
}

# nameless WHAT PROGRAM: nothing of the program has a name, all of it a place.
nameless() {
	within "$1: places in the file" 0.98 1 "$(share ";$2\\+0x[0-9a-f]+ ")"
	lacks "$1: no name" ';(rounds|whole|half)[; ]' "$out"
}

# ---- stripped ----

forget
record bare
nameless 'nothing kept' bare
is 'nothing kept of a stripped program' '' "$(kept)"
record full
named 'with its symbols' full
is 'kept: one entry' 1 "$(kept | wc -l)"
is 'kept: nobody else reads it' '700 600' "$(stat -c %a "$cache/names" "$(kept)" | paste -sd ' ')"
record bare
named 'stripped, after it was kept' bare

entry=$(kept)
size=$(stat -c %s "$entry")
truncate -s $((size / 2)) "$entry"
record bare
nameless 'the entry is cut' bare
record full
record bare
named 'and was made anew' bare

forget
record bare
nameless 'kept no longer' bare

# ---- by whatever observes ----

# tells WHAT COMMAND…: after this command the stripped program has names.
tells() {
	local what=$1
	shift
	forget
	run "$@"
	is "$what: it ran" 0 "$status"
	is "$what: kept" 1 "$(kept | wc -l)"
}

start "$work/full"
tells 'a report' "$strait" -q -d 1 -p "$started_pid"
tells 'a flame graph' "$strait" flame -q -d 1 -p "$started_pid"
stop "$started_pid"
# Without an end: by a thread, while it goes on.
tells 'a recording of a command' "$strait" record -q --replace -o "$work/r.strait" -- timeout 3 "$work/full"

# ---- replaced while it is watched ----

# So old that it is not kept open for fear that it might go.
replaced() {
	rm -f "$work/runs"
	cp "$work/bare" "$work/runs"
	touch -d '2 hours ago' "$work/runs"
	start "$work/runs"
	pid=$started_pid
	# shellcheck disable=SC2016 # for the inner shell
	start sh -c 'sleep 2; kill "$0"; cp "$1/program.c" "$1/newer"; mv "$1/newer" "$1/runs"' "$pid" "$work"
	run "$strait" record -q --replace -F 999 --budget 100% -d 4 -p "$pid" -o "$work/r.strait"
	is 'a program that is replaced: recorded' 0 "$status"
	run "$strait" flame -U "$work/r.strait"
}

replaced
named 'replaced while it is watched' runs
forget
replaced
nameless 'replaced, and nothing kept' runs
finish
