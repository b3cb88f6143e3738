#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# --btf: types of this kernel from a file do what the kernel's own do, and any other file is an error of
# one line that says what is wrong with it. Where the kernel seems to tell none, the programs for kernels
# without types take its place; what those cannot do here is what a kernel without them refuses:
# scripts/test-kernels no-btf.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need jq cc python3
own=/sys/kernel/btf/vmlinux
[ -r $own ] || skip 'this kernel tells no BTF'

cat $own >"$work/vmlinux.btf"
# The families that were left out, by a report; a crowded host is no reason here.
left_out() {
	jq -c '[.coverage.skipped[].family | select(. != "strait'"'"'s own turns")]' "$@"
}

# works NAME COMMAND…: with types from a file it sees what it sees without.
works() {
	local name=$1
	shift
	run "$@" -q -d 1 --json --btf "$work/vmlinux.btf"
	is "$name: it works" 0 "$status"
	[ "$status" -eq 0 ] || head -c 400 "$err"
	within "$name: the ledgers are right" 0.9 1.01 "$(jq .coverage.ledger_share "$out")"
	is "$name: nothing is left out for that" "$("$strait" -q -d 1 --json | left_out)" "$(left_out "$out")"
}

works 'its own types from a file' "$strait"

# Runs a command where the kernel seems to tell no types.
hidden=$work/hidden
cat >"$hidden" <<'END'
#!/bin/sh
exec unshare -m sh -c 'mount -t tmpfs none /sys/kernel/btf && exec "$@"' hidden "$@"
END
chmod +x "$hidden"

# refused NAME FILE REGEX [HOW]
refused() {
	run ${4:+"$4"} "$strait" -q -d 1 --btf "$2"
	is "$1: exit" 1 "$status"
	is "$1: one line" 1 "$(wc -l <"$err")"
	matches "$1: why" "$3" "$err"
	is "$1: no report" '' "$(head -c 100 "$out")"
}

head -c 100000 $own >"$work/cut"
refused 'cut short' "$work/cut" 'cut: there is no BTF in it'
(head -c 2000000 $own && head -c 1000000 /dev/zero && tail -c +3000001 $own) >"$work/holed"
refused 'with a hole' "$work/holed" 'holed( has the types of another|: there is no BTF in it)'
: >"$work/empty"
refused 'empty' "$work/empty" 'empty: there is no BTF in it'
head -c 100000 /dev/urandom >"$work/random"
refused 'random' "$work/random" 'random: there is no BTF in it'
refused 'not there' "$work/nowhere" 'nowhere: No such file'
refused 'a directory' "$work" 'cannot read types from '
refused 'a program' "$(command -v jq)" 'jq: there is no BTF in it'
# The types of our own programs: well-formed, and some are named as the kernel's.
object=$(find "$(dirname "$strait")" -maxdepth 1 -name strait.bpf.o)
[ -z "$object" ] || refused 'of something else' "$object" 'has the types of another kernel'

# Where no namespace of mounts is to be had.
"$hidden" true || finish
run "$hidden" "$strait" -q -d 1
is 'no types: exit' 77 "$status"
matches 'no types: what to do' 'give --btf FILE, made .* pahole' "$err"
works 'no types but in a file' "$hidden" "$strait"
cat >"$work/untyped" <<END
#!/bin/bash
exec "$(realpath "$strait")" "\$1" --btf "$work/vmlinux.btf" "\${@:2}"
END
chmod +x "$work/untyped"
run env STRAIT="$work/untyped" "$hidden" "$root/tests/integration/ledger.sh"
is 'no types but in a file: threads whose times are known (ledger.sh)' 0 "$status"
[ "$status" -eq 0 ] || grep FAIL "$out"
sed 's/btf_trace_sched_/btf_trace_other_/g' "$work/vmlinux.btf" >"$work/other"
refused 'no types, and those of another kernel' "$work/other" 'other has the types of another kernel: it has [0-9]* tracepoints' "$hidden"
for member in prio tgid comm; do
	"$root/tests/integration/btf.py" "$work/vmlinux.btf" "$work/moved" $member 8
	refused "no types, and $member is elsewhere" "$work/moved" 'moved has the types of another kernel: strait' "$hidden"
done
finish
