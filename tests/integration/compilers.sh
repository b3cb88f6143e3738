#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The verifier sees what the compiler made of the programs: what this distribution's clang compiles
# may be refused when a newer one did it. Every clang that is installed compiles them here, and this
# kernel must take them all if it takes those of the default one.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need make bpftool clang
default=$(clang --version | sed -nE 's/.*clang version ([0-9]+).*/\1/p;q')

bpffs=$work/bpf
mkdir "$bpffs"
mount -t bpf bpf "$bpffs" || skip 'no file system for BPF can be mounted'
mounts+=("$bpffs")

# compile CLANG: $object is what it made.
compile() {
	object=$work/$1/strait.bpf.o
	run make -C "$root" -s CLANG="$1" BUILD="$work/$1" "$object"
	is "$1 compiles the programs" 0 "$status"
}

# load NAME: $status of loading all of $object.
load() {
	run bpftool prog loadall "$object" "$bpffs/$1"
	rm -rf "${bpffs:?}/$1"
}

compile clang
load clang
[ "$status" -eq 0 ] || skip "this kernel refuses programs of clang $default, too"

others=0
for path in /usr/bin/clang-[0-9]*; do
	name=${path##*/}
	if ! [[ $name =~ ^clang-[0-9]+$ ]] || [ "$name" = "clang-$default" ]; then
		continue
	fi
	compile "$name"
	load "$name"
	is "the verifier takes what $name made of them" 0 "$status"
	grep -aE 'failed to load|unbounded|invalid|R[0-9] ' "$err" | tail -n 3
	others=$((others + 1))
done
[ "$others" -gt 0 ] || skip "there is no other compiler than clang $default"
finish
