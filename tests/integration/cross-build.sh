#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# strait for aarch64 builds here, with all warnings as errors, from the same sources: both sides and
# what scripts/test-kernels boots there. (That it works is seen there: scripts/test-kernels arm64.)

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

[ "$(uname -m)" != aarch64 ] || skip 'here this is the ordinary build'
need make clang bpftool readelf aarch64-linux-gnu-g++
sysroot=$("$root/scripts/arm64-sysroot" 2>&1) || skip "$sysroot"

nice make -C "$root" -s -j"$(nproc)" ARCH=aarch64 all build/aarch64/kernels/probe >"$out" 2>"$err"
is 'make ARCH=aarch64' 0 $?
grep -a 'error' "$err" | head -n 5
built=$root/build/aarch64
readelf -hl "$built/strait" >"$out" 2>&1
matches 'the program is one for aarch64' 'Machine: *AArch64' "$out"
matches 'with its own dynamic linker' 'interpreter: /lib/ld-linux-aarch64' "$out"
# Where the kernel keeps a thread's registers is asked of the types of that architecture.
bpftool btf dump file "$built/strait.bpf.o" >"$out" 2>&1
matches 'its BPF programs know the registers of aarch64' "STRUCT 'user_pt_regs'" "$out"
matches 'and its own way from frame to frame' "'return_at'" "$out"
finish
