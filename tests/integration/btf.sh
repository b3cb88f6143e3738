#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# --btf: types of this kernel from a file do what the kernel's own do, and any other file is an error of
# one line that says what is wrong with it.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need jq cc
own=/sys/kernel/btf/vmlinux
[ -r $own ] || skip 'this kernel tells no BTF'

cat $own >"$work/vmlinux.btf"
run "$strait" -q -d 1 --json --btf "$work/vmlinux.btf"
is 'its own types from a file: it works' 0 "$status"
[ "$status" -eq 0 ] || head -c 400 "$err"
within 'and the ledgers are right' 0.9 1.01 "$(jq .coverage.ledger_share "$out")"
is 'with nothing left out that is not without the file' \
	"$("$strait" -q -d 1 --json | jq -c '[.coverage.skipped[].family]')" \
	"$(jq -c '[.coverage.skipped[].family]' "$out")"

# refused NAME FILE REGEX
refused() {
	run "$strait" -q -d 1 --btf "$2"
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
finish
