#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What goes wrong in a user's hands: each fault gives one line on stderr that says what, why and what
# to do, the exit code of the manual (1 failure, 2 usage, 77 the host cannot), and no report; what
# was captured until then is kept. Signals end the window early and still report.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need setpriv sqlite3 jq unshare
"$root/scripts/find-tool" bpftool >/dev/null || skip 'no bpftool that runs'

nobody=65534

# refuses STATUS REGEX NAME COMMAND…: fails as it should, in one line that the pattern finds.
refuses() {
	local expected=$1 pattern=$2 name=$3
	shift 3
	run "$@"
	verdict "$expected" "$pattern" "$name"
}

# The checks of `refuses` on what the last `run` left.
verdict() {
	local expected=$1 pattern=$2 name=$3 lines wrong=
	lines=$(wc -l <"$err")
	[ "$status" -eq "$expected" ] || wrong+="exit $status, expected $expected; "
	[ "$lines" -eq 1 ] || wrong+="$lines lines on stderr, expected 1; "
	[ ! -s "$out" ] || wrong+="something on stdout; "
	grep -Eiq -- "$pattern" "$err" || wrong+="no /$pattern/; "
	! LC_ALL=C grep -q $'[\001-\010\013-\037\177]' "$err" || wrong+="control characters; "
	[ -z "$wrong" ]
	report $? "$name" "$wrong$(head -c 400 "$err")"
}

# offers OPTION: whether the help of the program names it.
offers() {
	"$strait" --help | grep -qw -- "$1"
}

# works NAME COMMAND…: exit 0 and something on stdout.
works() {
	local name=$1
	shift
	run "$@"
	[ "$status" -eq 0 ] && [ -s "$out" ]
	report $? "$name" "exit $status: $(head -c 400 "$err")"
}

test_options() {
	local value
	for value in 0 -1 1000000 abc '' 99x 1e99 nan; do
		refuses 2 'rate|frequency|-F' "-F '$value'" "$strait" -d 1 -F "$value"
	done
	for value in 0 -1 abc '' 1e99 nan 5x; do
		refuses 2 'duration|seconds|-d' "-d '$value'" "$strait" -d "$value"
	done
	for value in 0 -1 abc ''; do
		refuses 2 'interval|-i' "-i '$value'" "$strait" -d 1 -i "$value"
		refuses 2 'pid|-p' "-p '$value'" "$strait" -d 1 -p "$value"
		! offers --tid || refuses 2 'tid|thread|-t' "-t '$value'" "$strait" -d 1 -t "$value"
	done
	refuses 2 'pid|-p' '-p 1,,2' "$strait" -d 1 -p 1,,2
	refuses 2 'pid|-p' '-p 99999999999999999999' "$strait" -d 1 -p 99999999999999999999
	! offers --budget || refuses 2 'budget' '--budget abc' "$strait" -d 1 --budget abc
	refuses 2 'format' '--format yaml' "$strait" -d 1 --format yaml
	refuses 2 'color' '--color maybe' "$strait" -d 1 --color maybe
	refuses 2 'no-such-option' 'an unknown option' "$strait" --no-such-option
	refuses 2 'no-such-command' 'an unknown command' "$strait" no-such-command
	refuses 2 '-d' 'an option without its value' "$strait" -d
	refuses 2 'file|recording' 'report without a file' "$strait" report
	refuses 2 'odd' 'control characters in an option' "$strait" $'odd\e[31m\a'
}

test_targets() {
	local pid
	pid=$(free_pid)
	refuses 1 "$pid" 'a pid that is not there' "$strait" -d 1 -p "$pid"
	refuses 1 "$pid" 'one of two pids is not there' "$strait" -d 1 -p "$$,$pid"
	! offers --tid || refuses 1 "$pid" 'a tid that is not there' "$strait" -d 1 -t "$pid"
	refuses 1 'no-such-group' 'a cgroup that is not there' "$strait" -d 1 -c /no-such-group
	refuses 1 'no-such-box' 'a container that is not there' "$strait" -d 1 --container no-such-box
	refuses 1 'no-such-command' 'a command that is not there' "$strait" -- /no-such-command
	refuses 1 'box' 'control characters in a name' "$strait" -d 1 --container $'box\e[31m'
}

test_rights() {
	local plain=(setpriv --reuid "$nobody" --regid "$nobody" --clear-groups
		--inh-caps=-all --bounding-set=-all)
	cp "$strait" "$work/strait"
	chmod 755 "$work" "$work/strait"
	refuses 77 'root|CAP_|sudo' 'not root' "${plain[@]}" "$work/strait" -d 1
	refuses 77 'root|CAP_|sudo' 'record, not root' \
		"${plain[@]}" "$work/strait" record -d 1 -o "$work/not-root.strait"
	check 'no file is left by it' test ! -e "$work/not-root.strait"
	run "$strait" record -q -d 1 -o "$work/theirs.strait"
	is 'a recording is its owner'"'"'s alone' 600 "$(stat -c %a "$work/theirs.strait")"
	refuses 1 'theirs.strait.*(permission|belongs)' 'a recording of somebody else' \
		"${plain[@]}" "$work/strait" report "$work/theirs.strait"
	chown $nobody "$work/theirs.strait"
	works 'report without root' "${plain[@]}" "$work/strait" report "$work/theirs.strait"
}

# What the kernel lacks, shown by hiding it in a mount namespace of the command.
test_kernel() {
	# shellcheck disable=SC2016 # for the inner shell
	refuses 77 'BTF' 'no BTF' unshare -m sh -c '
		mount -t tmpfs none /sys/kernel/btf || exit 70
		exec "$0" -q -d 1' "$strait"
	# shellcheck disable=SC2016
	run unshare -m sh -c '
		mount -t tmpfs none /sys/kernel/tracing
		mount -t tmpfs none /sys/kernel/debug
		exec "$0" -q -d 1' "$strait"
	if [ "$status" -eq 0 ]; then
		report 0 'no tracefs: works without it'
	else
		verdict 77 'tracefs|tracing' 'no tracefs'
	fi
}

# A pid namespace of strait's own: threads outside are hidden from it, and it says so.
test_pid_namespace() {
	local own=ns$$ file=$work/inside.strait before after
	local inside=(unshare --pid --fork --mount-proc "$work/$own")
	# Under a name of its own: others may run at the same time.
	cp "$strait" "$work/$own"
	if ! unshare --pid --fork --mount-proc true 2>/dev/null; then
		skip_part 'a pid namespace of its own' 'none can be made here'
		return
	fi
	start sh -c 'while :; do :; done'
	before=$started_pid
	refuses 77 'pid namespace.*--pid=host' '-p in a pid namespace of its own' "${inside[@]}" -d 1 -p 1
	refuses 77 'pid namespace.*--pid=host' 'a command in a pid namespace of its own' \
		"${inside[@]}" -- true
	(
		sleep 1
		sh -c 'i=0; while [ $i -lt 1000000 ]; do i=$((i + 1)); done' &
		echo $! >"$work/after"
		wait
	) &
	run "${inside[@]}" -d 3 -o "$file" --json
	is 'in a pid namespace of its own: exit' 0 "$status"
	wait $!
	after=$(cat "$work/after")
	matches 'it is said while it begins' 'pid namespace of its own.*--pid=host' "$err"
	cp "$out" "$work/inside.json"
	is 'and in the coverage' 1 "$(jq '[.coverage.skipped[] | select(.family == "pid namespace" and
		(.why | test("pid namespace of its own.*--pid=host")))] | length' "$out")"
	matches 'and in the verdict' '"verdict": "Of what could be seen, which is not the whole host' "$out"
	is 'a loop outside that began before is not seen' 0 "$(jq --argjson pid "$before" \
		'[.bottlenecks[].where | select(.pid == $pid)] | length' "$out")"
	is 'one that began during the window is, under its pid on the host' "$after" "$(sqlite3 -readonly \
		"$file" "SELECT DISTINCT pid FROM processes WHERE pid = $after")"
	is 'strait does not watch itself' 0 "$(sqlite3 -readonly "$file" \
		"SELECT count(*) FROM v_samples WHERE process_comm = '$own'")"
	run "$strait" report "$file" --json
	check 'the report of the recording says the same' cmp "$work/inside.json" "$out"
	run "${inside[@]}" doctor
	matches 'doctor says it too' 'limited +pid namespace +one of its own' "$out"
	matches 'and what to do' '--pid=host' "$out"
	run "$strait" doctor
	matches 'doctor outside of it' 'ok +pid namespace +the host' "$out"
	stop "$before"
}

test_files() {
	local good=$work/good.strait copy sum
	run "$strait" record -q -d 1 -o "$good"
	is 'record' 0 "$status"
	works 'report of it' "$strait" report "$good"

	refuses 1 'none.strait' 'a file that is not there' "$strait" report "$work/none.strait"
	: >"$work/empty.strait"
	refuses 1 'empty.strait' 'an empty file' "$strait" report "$work/empty.strait"
	echo 'this is not a recording' >"$work/text.strait"
	refuses 1 'text.strait' 'a text file' "$strait" report "$work/text.strait"
	refuses 1 'directory|folder' 'a directory' "$strait" report "$work"
	mkfifo "$work/fifo.strait"
	refuses 1 'fifo.strait' 'a FIFO' "$strait" report "$work/fifo.strait"
	sqlite3 "$work/other.strait" 'create table t (x); insert into t values (1)'
	refuses 1 'other.strait' 'a database of another program' "$strait" report "$work/other.strait"

	copy=$work/older.strait
	cp "$good" "$copy"
	sqlite3 "$copy" 'pragma user_version = 0'
	refuses 1 'older|schema|version' 'an older schema' "$strait" report "$copy"
	copy=$work/newer.strait
	cp "$good" "$copy"
	sqlite3 "$copy" 'pragma user_version = 9999'
	refuses 1 'newer|9999' 'a newer schema' "$strait" report "$copy"
	copy=$work/cut.strait
	head -c $(($(stat -c %s "$good") / 2)) "$good" >"$copy"
	refuses 1 'cut.strait' 'a file cut in half' "$strait" report "$copy"
	copy=$work/hole.strait
	cp "$good" "$copy"
	sqlite3 "$copy" "select 'drop table ' || quote(name) || ';' from sqlite_master
		where type = 'table' and name not like 'sqlite_%'" | sqlite3 "$copy"
	refuses 1 'hole.strait' 'a recording without its tables' "$strait" report "$copy"

	sum=$(sha256sum <"$good")
	refuses 1 'good.strait.*--replace' 'record over a recording' \
		"$strait" record -q -d 1 -o "$good"
	refuses 1 'text.strait' 'record over a file that is no recording' \
		"$strait" record -q -d 1 --replace -o "$work/text.strait"
	is 'that file is as it was' 'this is not a recording' "$(cat "$work/text.strait")"
	ln -s "$work/elsewhere" "$work/link.strait"
	refuses 1 'link.strait' 'record through a symbolic link' \
		"$strait" record -q -d 1 -o "$work/link.strait"
	check 'nothing is written through it' test ! -e "$work/elsewhere"
	refuses 1 'no-such-dir' 'record into no directory' \
		"$strait" record -q -d 1 -o "$work/no-such-dir/x.strait"

	run sh -c 'exec "$0" report "$1" >&-' "$strait" "$good"
	verdict 1 'output|stdout' 'closed stdout'
	run sh -c 'exec "$0" report "$1" >/dev/full' "$strait" "$good"
	verdict 1 'space' 'stdout on a full disk'
	run sh -c 'exec "$0" record -q -d 1 -o "$1" >&-' "$strait" "$work/closed.strait"
	works 'a recording made with stdout closed' "$strait" report "$work/closed.strait"
	run bash -c '"$0" report "$1" | head -n 1; exit "${PIPESTATUS[0]}"' "$strait" "$good"
	[ "$status" -eq 0 ] || [ "$status" -eq 1 ] || [ "$status" -eq 141 ]
	report $? 'a pipe that is closed early' "exit $status: $(head -c 400 "$err")"
	[ "$(wc -l <"$err")" -le 1 ]
	report $? 'a pipe that is closed early, at most one line' "$(head -c 400 "$err")"
	is 'none of this changed the recording' "$sum" "$(sha256sum <"$good")"
}

# The other commands, with the same care.
test_commands() {
	local good=$work/good.strait store=$work/baselines.db
	refuses 2 'kind.*no-such-kind|no-such-kind.*kind' 'flame of an unknown kind' \
		"$strait" flame "$good" --kind no-such-kind
	refuses 2 'name' 'baseline save without a name' "$strait" baseline save
	refuses 2 'no-such-verb' 'an unknown command of baseline' "$strait" baseline no-such-verb
	refuses 1 'nowhere' 'baseline show of none' "$strait" baseline show nowhere --store "$store"
	refuses 1 'nowhere' 'baseline compare with none' \
		"$strait" baseline compare nowhere "$good" --store "$store"
	refuses 1 'text.strait' 'baseline store that is none' \
		"$strait" baseline list --store "$work/text.strait"
	refuses 2 'threshold|limit' 'monitor, a limit that is none' \
		"$strait" monitor -d 1 --no-store --threshold 'nonsense'
	refuses 2 'no_such_metric' 'monitor, a limit on an unknown metric' \
		"$strait" monitor -d 1 --no-store --threshold 'no_such_metric>1'
	refuses 2 'retain' 'monitor, --retain abc' "$strait" monitor -d 1 --no-store --retain abc
	refuses 2 'interval|-i' 'monitor -i 0' "$strait" monitor -i 0 --no-store
	refuses 1 'text.strait' 'monitor store that is none' \
		"$strait" monitor -q -d 1 --store "$work/text.strait"
	is 'that file is as it was' 'this is not a recording' "$(cat "$work/text.strait")"
}

test_full_disk() {
	local disk=$work/disk file
	small_disk "$disk" 8m
	file=$disk/full.strait
	start "$strait" record -q -d 6 -o "$file"
	check 'recording on a small disk begins' until_true 5 test -s "$file"
	sleep 2
	dd if=/dev/zero of="$disk/filler" bs=64k 2>/dev/null
	check 'the disk is full' test "$(df --output=avail "$disk" | tail -n 1)" -lt 64
	status=0
	wait "$started_pid" || status=$?
	cp "$work/started.out" "$out"
	cp "$work/started.err" "$err"
	verdict 1 'space|full' 'full disk while recording'
	rm -f "$disk/filler"
	works 'what was captured before it is there' "$strait" report --format json "$file"
	within 'seconds of it' 1 6 "$(jq .window.seconds "$out")"

	dd if=/dev/zero of="$disk/filler" bs=4k 2>/dev/null
	refuses 1 'space|full' 'full disk before recording' "$strait" record -q -d 1 -o "$disk/x.strait"
}

# signalled NAME SIGNAL: the default command, ended after about 2 of 60 seconds.
signalled() {
	local began=$SECONDS
	# A shell starts background commands with SIGINT ignored.
	start env --default-signal=INT,TERM "$strait" -q -d 60 --format json
	sleep 2
	kill -s "$1" "$started_pid"
	status=0
	wait "$started_pid" || status=$?
	is "$1: exit" 0 "$status"
	within "$1: ends soon" 1 10 $((SECONDS - began))
	check "$1: a whole report" jq -e '.strait.schema == 1' "$work/started.out"
	within "$1: seconds in the report" 0.5 8 "$(jq .window.seconds "$work/started.out")"
}

test_signals() {
	local file=$work/killed.strait held left
	signalled INT
	signalled TERM

	start env --default-signal=INT,TERM "$strait" record -q -d 60 -o "$work/term.strait"
	sleep 2
	kill -TERM "$started_pid"
	status=0
	wait "$started_pid" || status=$?
	is 'record, TERM: exit' 0 "$status"
	works 'record, TERM: the recording' "$strait" report "$work/term.strait"

	start env --default-signal=INT,TERM "$strait" monitor -i 1 --no-store
	sleep 4
	kill -TERM "$started_pid"
	status=0
	wait "$started_pid" || status=$?
	is 'monitor, TERM: exit' 0 "$status"
	check 'monitor, TERM: lines until then' test -s "$work/started.out"

	start "$strait" record -q -d 60 -o "$file"
	sleep 3
	held=$(kernel_objects_of "$started_pid")
	echo "$held" >"$work/held"
	matches 'programs are loaded while it records' '^prog ' "$work/held"
	matches 'and attached' '^link ' "$work/held"
	kill -KILL "$started_pid"
	wait "$started_pid" 2>/dev/null
	works 'KILL: the recording' "$strait" report --format json "$file"
	within 'KILL: seconds in it' 1 8 "$(jq .window.seconds "$out")"
	nothing_left() {
		left=$(kernel_objects_left <<<"$held")
		[ -z "$left" ]
	}
	until_true 10 nothing_left
	nothing_left
	report $? 'KILL: nothing stays in the kernel' "$left"
}

test_options
test_targets
test_rights
test_kernel
test_pid_namespace
test_files
test_commands
test_full_disk
test_signals
finish
