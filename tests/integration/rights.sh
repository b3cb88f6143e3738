#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What rights tracing needs: a user who is not root, with just the capabilities that the manual names,
# gets the known answer about another user's processes, one of them in a mount namespace of its own.
# Without any single one of them either the error names it, or the loss is told and the rest is there.
# Then what root gives up: what it has while it watches and when it reports.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need cc jq setpriv sqlite3 unshare python3

tracer=34567 stranger=23456
wanted='bpf perfmon sys_ptrace dac_read_search syslog checkpoint_restore sys_nice'

setpriv --list-caps | grep -qx checkpoint_restore || skip 'this setpriv does not know all capabilities'
for capability in $wanted; do
	setpriv --dump | grep -q "bounding set: .*\b$capability\b" ||
		skip "this machine's root has no $capability itself"
done
[ "$(sed 's/ .*//' /proc/sys/kernel/perf_event_paranoid)" -le 2 ] ||
	skip 'kernel.perf_event_paranoid is above 2: sampling is for CAP_SYS_ADMIN alone'

chmod 755 "$work"
mkdir -m 755 "$work/bin"
cp "$strait" "$work/bin/strait"
mkdir -m 700 "$work/private"
install -d -o $tracer -g $tracer -m 700 "$work/own"
cc -O2 -fomit-frame-pointer -DNAME=near -o "$work/private/near" "$root/tests/integration/rights.c" &&
	cc -O2 -fomit-frame-pointer -DNAME=far -o "$work/far" "$root/tests/integration/rights.c" ||
	skip 'cannot compile'
chmod 700 "$work/private/near"
chown -R $stranger:$stranger "$work/private"

# Two programs of a stranger's: a file that only its owner can read, and one that no path of ours leads to.
start setpriv --reuid $stranger --regid $stranger --clear-groups "$work/private/near"
near=$started_pid
# shellcheck disable=SC2016 # for the inner shell
start unshare --mount --propagation private sh -c 'mount -t tmpfs none /mnt && cp "$0" /mnt/far &&
	exec setpriv --reuid "$1" --regid "$1" --clear-groups /mnt/far' "$work/far" $stranger
far=$started_pid
until_true 5 grep -q far "/proc/$far/comm"
rm "$work/far"

# tracer_with CAPABILITY…: sets `as_tracer`, what runs a command with just these.
tracer_with() {
	local set=-all capability
	for capability; do
		set=$set,+$capability
	done
	as_tracer=(setpriv "--reuid=$tracer" "--regid=$tracer" --clear-groups --inh-caps "$set"
		--ambient-caps "$set" --bounding-set "$set")
}

# without NAME: all the capabilities wanted but that one.
without() {
	local capability
	for capability in $wanted; do
		[ "$capability" = "$1" ] || echo "$capability"
	done
}

# watch CAPABILITY…: a report as that user, with the options in `more`. -> $out
more=()
watch() {
	tracer_with "$@"
	run "${as_tracer[@]}" "$work/bin/strait" -q --json --budget 100% -F 499 -d 2 --replace \
		-o "$work/own/r.strait" "${more[@]}"
	cp "$out" "$work/report"
}

# share FUNCTION: of its process' samples, by the recording of the last watch.
share() {
	jq -r --arg f "$1" '[.profile.hotspots[] | select(.kind == "cpu" and .function == $f)
		| .self_share] | add // 0' "$work/report"
}

why() {
	jq -r '.coverage.skipped[] | select(.family == "rights") | .why' "$work/report" |
		sed 's/^partial: //; s/ *;* *without CAP_SYS_ADMIN what .* is estimated, not measured$//'
}

# answer NAME WHICH…: of those programs the functions have names, and the right shares.
answer() {
	local name=$1 which often seldom
	shift
	for which; do
		often=$(share often_$which)
		seldom=$(share seldom_$which)
		within "$name: often is three times seldom ($which)" 2 4.5 \
			"$(awk -v a="$often" -v b="$seldom" 'BEGIN {print b ? a / b : 0}')"
	done
}

complete_share() {
	jq -r '.coverage.stacks | if .user_samples then .complete / .user_samples else 0 end' "$work/report"
}

kernel_names() {
	jq -r '[.profile.hotspots[] | select(.module == "[kernel]" and (.function // "" | length) > 0)] | length' \
		"$work/report"
}

# shellcheck disable=SC2086 # one word each
watch $wanted
is 'the capabilities of the manual are enough' 0 "$status"
[ "$status" -eq 0 ] || head -c 600 "$err"
answer 'with all of them' near far
within 'with all of them: stacks are whole' 0.95 1 "$(complete_share)"
is 'with all of them: nothing but what is for CAP_SYS_ADMIN alone is missing' '' "$(why)"
matches 'with all of them: that is told' 'without CAP_SYS_ADMIN what' "$work/report"
within 'with all of them: functions of the kernel have names' 1 1000 "$(kernel_names)"
is 'the recording is theirs alone' "$tracer 600" "$(stat -c '%u %a' "$work/own/r.strait")"
run setpriv --reuid $tracer --regid $tracer --clear-groups "$work/bin/strait" report "$work/own/r.strait"
is 'its report needs none' 0 "$status"

watch bpf perfmon sys_ptrace dac_read_search
is 'with four of them alone it works' 0 "$status"
answer 'with four of them' near far
why >"$work/why"
for capability in SYSLOG CHECKPOINT_RESTORE SYS_NICE; do
	matches "with four of them: what $capability is for is told" "without CAP_$capability " "$work/why"
done

# The kernel's own answer to that user, 0 or an errno: may a CPU be sampled by the clock?
cat >"$work/event.py" <<'PY'
import ctypes, platform, struct
attr = struct.pack("IIQ", 1, 64, 0).ljust(64, b"\0")  # PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK
call = {"x86_64": 298, "aarch64": 241}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
print(0 if libc.syscall(call, attr, -1, 0, -1, 0) >= 0 else ctypes.get_errno())
PY
chmod 644 "$work/event.py"

# Levels above 2 are some kernels' own: there they leave sampling to CAP_SYS_ADMIN, elsewhere nothing changes.
paranoid=/proc/sys/kernel/perf_event_paranoid
cleanups+=("echo $(cat $paranoid) >$paranoid")
level=$(cat $paranoid)
echo 4 >$paranoid
watch bpf perfmon sys_ptrace dac_read_search
answered=$("${as_tracer[@]}" python3 "$work/event.py")
run "${as_tracer[@]}" "$work/bin/strait" doctor --json
cp "$out" "$work/doctor"
echo "$level" >$paranoid
is 'with four of them, perf_event_paranoid above 2: it works' 0 "$status"
jq -r '.coverage.skipped[] | select(.family == "cpu") | .why' "$work/report" >"$work/why"
jq -r '.checks[] | select(.name == "perf events") | .fix // ""' "$work/doctor" >"$work/fix"
needs='perf_event_open: .*: it takes CAP_SYS_ADMIN where the sysctl kernel.perf_event_paranoid is above 2'
if [ "$answered" -eq 0 ]; then
	within 'this kernel allows it all the same: samples' 10 100000 \
		"$(jq .coverage.stacks.user_samples "$work/report")"
	is 'and nothing of it is said to be missing' '' "$(cat "$work/why")"
	lacks 'nor by doctor' 'no CPU samples' "$work/fix"
else
	matches 'what is missing is told' "$needs" "$work/why"
	matches 'and by doctor' "no CPU samples: $needs" "$work/fix"
fi

more=(--alloc)
watch bpf perfmon sys_ptrace dac_read_search
more=()
is 'with four of them, --alloc: it works' 0 "$status"
is 'with four of them, --alloc: what is missing is told, once' \
	'skipped: cannot probe allocators: Permission denied (it takes CAP_SYS_ADMIN)' \
	"$(jq -r '.coverage.skipped[] | select(.family == "alloc") | .why' "$work/report")"
run "${as_tracer[@]}" "$work/bin/strait" record -q --alloc -d 1 --replace -o "$work/own/r.strait"
run "$strait" flame "$work/own/r.strait" --kind alloc
matches 'with four of them: there are no stacks of allocations, and why' \
	'no alloc samples .*; cannot probe allocators' "$err"

tracer_with bpf perfmon
run "${as_tracer[@]}" "$work/bin/strait" doctor
for capability in SYS_PTRACE DAC_READ_SEARCH CHECKPOINT_RESTORE SYS_NICE SYS_ADMIN; do
	matches "doctor says what CAP_$capability is for" "without CAP_$capability [a-z]" "$out"
done
matches 'doctor says it to the end' 'estimated, not measured$' "$out"

watch
is 'without any: exit 77' 77 "$status"
is 'without any: one line' 1 "$(wc -l <"$err")"
matches 'without any: it names what is missing' 'needs CAP_BPF, CAP_PERFMON: .*setcap cap_bpf,' "$err"

for capability in bpf perfmon; do
	# shellcheck disable=SC2046 # one word each
	watch $(without $capability)
	is "without $capability: exit 77" 77 "$status"
	is "without $capability: one line" 1 "$(wc -l <"$err")"
	matches "without $capability: it names that one" "needs CAP_${capability^^}: " "$err"
done

# loses CAPABILITY LOSS PROGRAM…: it works without, says so, and still knows these programs.
loses() {
	local capability=$1 loss=$2
	shift 2
	# shellcheck disable=SC2046 # one word each
	watch $(without "$capability")
	is "without $capability: it works" 0 "$status"
	[ "$status" -eq 0 ] || head -c 600 "$err"
	answer "without $capability" "$@"
	why >"$work/why"
	if [ -n "$loss" ]; then
		matches "without $capability: the loss is told" "^without CAP_${capability^^} $loss" "$work/why"
	else
		is "without $capability: nothing is lost here" '' "$(cat "$work/why")"
	fi
}

loses sys_ptrace 'programs in containers' near
is 'without sys_ptrace: what lies elsewhere has no names' 0 "$(share often_far)"
loses dac_read_search 'programs that .* may not read stay without' far
is 'without dac_read_search: what is private has no names' 0 "$(share often_near)"
loses checkpoint_restore 'libraries that were deleted' near far
tracer_with bpf
if "${as_tracer[@]}" grep -qm 1 '^0*[1-9a-f]' /proc/kallsyms; then
	loses syslog '' near far
else
	loses syslog 'functions of the kernel have no names' near far
	is 'without syslog: the kernel has no names' 0 "$(kernel_names)"
fi
loses sys_nice 'strait waits for a CPU' near far

# phases COMMAND…: runs it with a pipe that is full, and prints for each phase that it is seen in, watch
# or report, what it mostly has: effective and permitted capabilities, NoNewPrivs, Seccomp. Mostly,
# as what is kept aside is taken up for a moment at each reading of what the programs cost; the rest as "also".
cat >"$work/phases.py" <<'PY'
import collections, fcntl, os, subprocess, sys, time

reader, writer = os.pipe()
os.write(writer, b"." * fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096))
child = subprocess.Popen(sys.argv[1:], stdout=writer, stderr=writer, stdin=subprocess.DEVNULL)
os.close(writer)
seen = {"watch": collections.Counter(), "report": collections.Counter()}
deadline = time.time() + 20
while time.time() < deadline and child.poll() is None and sum(seen["report"].values()) < 50:
    fields = dict(line.split(":", 1) for line in open(f"/proc/{child.pid}/status"))
    state = [fields[name].strip() for name in ("CapEff", "CapPrm", "NoNewPrivs", "Seccomp")]
    if state[3] != "0":
        seen["report"][tuple(state)] += 1
    elif state[2] == "1" and int(state[0], 16):
        seen["watch"][tuple(state)] += 1
    time.sleep(0.002)
said = b""
while part := os.read(reader, 65536):
    said += part
for phase, states in seen.items():
    for i, (state, _) in enumerate(states.most_common()):
        print("also " * (i > 0) + phase, *state)
print("said", said.lstrip(b".")[:200].decode(errors="replace").replace("\n", " "))
print("exit", child.wait())
PY
phases() {
	run python3 "$work/phases.py" "$@"
	cp "$out" "$work/phases"
}

# bits NAME…: the mask of these capabilities as /proc has it.
bits() {
	python3 -c 'import sys
names = "chown dac_override dac_read_search fowner fsetid kill setgid setuid".split()
number = dict(zip(names, range(8))) | dict(sys_ptrace=19, sys_admin=21, sys_nice=23, syslog=34,
    perfmon=38, bpf=39, checkpoint_restore=40)
print("%016x" % sum(1 << number[name] for name in sys.argv[1:]))' "$@"
}

zero=0000000000000000
# shellcheck disable=SC2086 # one word each
watching=$(bits $wanted) kept=$(bits $wanted sys_admin)
phases "$strait" -q -d 1 --json
matches 'root, watching: what watching takes, and one kept aside' "^watch $watching $kept 1 0\$" "$work/phases"
matches 'root, reporting: none, and a filter' "^report $zero $zero 1 2\$" "$work/phases"
matches 'root: the report comes out' '^exit 0$' "$work/phases"
is 'root: what it costs is measured' number \
	"$("$strait" -q -d 1 --json | jq -r '.coverage.self.bpf_percent | type')"

# shellcheck disable=SC2086 # one word each
phases "$strait" -q -d 1 --json -o "$work/own/root.strait"
matches 'root, with a file: its owner may be somebody else' \
	"^watch $(bits $wanted chown dac_override fowner) " "$work/phases"
# A folder that root gets into by its rights alone.
chown $tracer "$work/own/root.strait"
# reads WHAT COMMAND…: root opens files in that folder, and has nothing left when it reads and prints them.
reads() {
	local what=$1
	shift
	phases "$@"
	matches "$what: none, and a filter" "^report $zero $zero 1 2\$" "$work/phases"
	lacks "$what: nothing else behind the filter" '^also report' "$work/phases"
	matches "$what: it ends well" '^exit 0$' "$work/phases"
	[ "$failures" -eq 0 ] || cat "$work/phases"
}
reads 'root, from a file' "$strait" report "$work/own/root.strait" --json
reads 'stacks of a file' "$strait" flame "$work/own/root.strait"
keeps=(--store "$work/own/baselines.db")
reads 'a baseline of a file is kept' "$strait" baseline save one "$work/own/root.strait" "${keeps[@]}"
reads 'and replaced' "$strait" baseline save one "$work/own/root.strait" --replace "${keeps[@]}"
reads 'a kept baseline' "$strait" baseline show one "${keeps[@]}"
reads 'kept ones' "$strait" baseline list "${keeps[@]}"
reads 'a kept one and a file' "$strait" baseline compare one "$work/own/root.strait" --same one "${keeps[@]}"
reads 'a kept one and what is now' "$strait" baseline compare one -d 1 -q "${keeps[@]}"
# Without a word it meets no full pipe: that it can write there at the end is what is seen.
run "$strait" baseline save two -d 1 -q "${keeps[@]}"
is 'what is now is kept' "0 " "$status $(cat "$err")"
is 'both are there' 'one two' \
	"$("$strait" baseline list --json "${keeps[@]}" | jq -r '[.baselines[].name] | sort | join(" ")')"
run "$strait" baseline save two -d 60 "${keeps[@]}"
is 'a name that is taken: before anything is watched' "1 1" "$status $(grep -c 'baseline .two. already' "$err")"
run "$strait" baseline remove one "${keeps[@]}"
is 'one is removed' '0 two' "$status $("$strait" baseline list --json "${keeps[@]}" | jq -r '.baselines[].name')"
is 'what it kept goes with it' 1 \
	"$(sqlite3 -readonly "$work/own/baselines.db" 'SELECT count(DISTINCT baseline) FROM series')"

# One that is being written, and one that was killed: files beside it are opened late, by name.
start "$strait" record -q -d 60 -i 0.5 -o "$work/own/live.strait"
live_slices() { sqlite3 -readonly "$work/own/live.strait" 'SELECT count(*) >= 2 FROM slices' | grep -q 1; }
until_true 20 live_slices
chown $tracer "$work/own"/live.strait*
reads 'a file that is being written' "$strait" report "$work/own/live.strait"
kill -KILL "$started_pid"
wait "$started_pid" 2>/dev/null
check 'its newest part is beside it' test -s "$work/own/live.strait-wal"
reads 'a file that was cut' "$strait" flame "$work/own/live.strait"
within 'and what is beside it is read' 0.9 60 \
	"$("$strait" report --json "$work/own/live.strait" | jq .window.seconds)"
rm "$work/own"/live.strait*

# shellcheck disable=SC2086 # one word each
watching=$(bits $wanted chown dac_override fowner) kept=$(bits $wanted chown dac_override fowner sys_admin)
phases "$strait" monitor --no-store -i 1 -d 3
matches 'monitor: what watching takes and, at once, a filter' "^report $watching $kept 1 2\$" "$work/phases"
matches 'monitor: it ends well' '^exit 0$' "$work/phases"

# shellcheck disable=SC2016 # for the inner shell
run "$strait" record -q -o "$work/own/command.strait" -- \
	sh -c 'grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status >"$0"' "$work/command"
is 'a command keeps the rights of who started it' \
	"$(grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status)" "$(cat "$work/command")"
SUDO_UID=$tracer SUDO_GID=$tracer run "$strait" record -q -d 1 -o "$work/own/sudo.strait"
is 'a recording for the user behind sudo, in a directory of theirs' "0 $tracer" \
	"$status $(stat -c %u "$work/own/sudo.strait")"
is 'nothing is left beside it' '' "$(find "$work/own" -name '*-wal' -o -name '*-shm')"

kill -0 "$near" "$far" || report 1 'the programs ran to the end'
finish
