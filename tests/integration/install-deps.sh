#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# scripts/install-deps and scripts/find-tool on an Ubuntu that is made of fakes: apt and dpkg that know
# Ubuntu's package names, and its wrapper in the place of bpftool. Nothing is installed or removed.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need dpkg-query apt-get pkg-config
policy=$(cat /usr/sbin/policy-rc.d 2>/dev/null)

bin=$work/bin
log=$work/log
mkdir "$bin"

# fake NAME: a command whose script is on the input.
fake() {
	{
		printf '#!/bin/bash\nwork=%q\n' "$work"
		cat
	} >"$bin/$1"
	chmod +x "$bin/$1"
}

# What no fake may reach.
for name in systemctl update-rc.d pg_lsclusters pg_dropcluster; do
	fake $name </dev/null
done
fake dpkg-query <<'END'
sed 's/$/ installed/' "$work/installed"
END
fake apt-cache <<'END'
candidate='(none)'
grep -qx "$2" "$work/archive" && candidate=1.0
printf '%s:\n  Installed: (none)\n  Candidate: %s\n' "$2" "$candidate"
END
fake apt-get <<'END'
printf '%s\n' "$*" >>"$work/log"
[ "$1" = install ] || exit 0
# The tools of the running kernel make the wrapper work.
case "$*" in
*linux-tools-"$(uname -r)"*) touch "$work/tools" ;;
esac
END
# As in linux-tools-common.
wrapper='
if [ -e "$work/tools" ]; then echo "bpftool v7.4.0"; exit 0; fi
echo "WARNING: bpftool not found for kernel $(uname -r)" >&2
exit 2'
fake bpftool <<<"$wrapper"

# Ubuntu 24.04: bpftool and perf come with linux-tools, and the 64-bit time_t renamed a library.
printf '%s\n' gcc libc6-dev make pkg-config pkgconf clang linux-tools-generic linux-tools-common \
	libbpf-dev libsqlite3-dev zlib1g-dev liblzma-dev libzstd-dev libjansson-dev libcap-ng-dev libseccomp-dev g++ libcmocka-dev dwz \
	clang-format clang-tidy cppcheck shellcheck mandoc git golang-go rustc procps psmisc iproute2 util-linux sqlite3 \
	jq python3 openssl xz-utils bsdextrautils strace stress-ng fio postgresql redis-server nginx wrk \
	sysstat debuginfod libdebuginfod1t64 podman uidmap runc containerd docker.io curl \
	busybox-static "linux-tools-$(uname -r)" \
	>"$work/archive"

# installed SET…: as if these packages were there before.
install_deps() {
	: >"$log"
	PATH=$bin:$PATH run "$root/scripts/install-deps" "$@"
}

printf '%s\n' libc6 gcc >"$work/installed"
touch "$work/tools"
install_deps build test
is 'all sets that tests need can be had' 0 "$status"
[ "$status" -eq 0 ] || head -c 600 "$err"
matches 'linux-tools-generic in the place of bpftool and perf' '^install .* linux-tools-generic' "$log"
lacks 'no package that the archive does not have' ' (bpftool|linux-perf|libdebuginfod1)( |$)' "$log"
matches 'the library under its new name' ' libdebuginfod1t64( |$)' "$log"
lacks 'nothing is installed twice' '^install.* gcc( |$)' "$log"

# All of them are there, but the running kernel's tools are not.
rm "$work/tools"
cp "$work/archive" "$work/installed"
# shellcheck disable=SC2144 # there is one, or none
if compgen -G '/usr/lib/linux*tools*/bpftool' >/dev/null; then
	skip_part 'a wrapper that refuses for good' 'this machine has a bpftool of its own in /usr/lib'
else
	install_deps build
	is 'a wrapper that refuses is helped' 0 "$status"
	is 'by the tools of the running kernel alone' "linux-tools-$(uname -r)" \
		"$(sed -n 's/^install .* //p' "$log")"
	install_deps build
	is 'the next time there is nothing to do' '' "$(cat "$log")"
	rm "$work/tools"
	grep -v "linux-tools-$(uname -r)" "$work/installed" >"$work/archive"
	install_deps build
	is 'where nothing helps it is an error' 1 "$status"
	one_line=$(tail -n 1 "$err")
	is 'that says what' 1 "$(grep -c 'bpftool does not run' <<<"$one_line")"
fi

# Binaries of kernels that do not run here, in both places that Ubuntu has for them.
find_tool() {
	PATH=$bin:$PATH run "$root/scripts/find-tool" "$1" "$work/root"
}
lib=$work/root/usr/lib
mkdir -p "$lib/linux-tools-6.8.0-31" "$lib/linux-tools-6.8.0-100" "$lib/linux-tools/6.8.0-31-generic"
find_tool bpftool
is 'no bpftool anywhere' 1 "$status"
for place in linux-tools-6.8.0-31 linux-tools-6.8.0-100; do
	printf '#!/bin/sh\necho bpftool v7.4.0\n' >"$lib/$place/bpftool"
	chmod +x "$lib/$place/bpftool"
done
ln -s ../../linux-tools-6.8.0-31/bpftool "$lib/linux-tools/6.8.0-31-generic/bpftool"
find_tool bpftool
is 'another kernel'"'"'s bpftool is found' 0 "$status"
matches 'it lies in /usr/lib' "^$lib/linux-tools.*/bpftool\$" "$out"
rm -r "$lib/linux-tools"
find_tool bpftool
is 'the newest one' "$lib/linux-tools-6.8.0-100/bpftool" "$(cat "$out")"
# Some wrappers refuse with 0.
fake perf <<<'echo "WARNING: perf not found for kernel 6.8"'
find_tool perf
is 'a wrapper that refuses politely is not believed' 1 "$status"
fake perf <<<'echo "perf version 6.8.12"'
find_tool perf
is 'one that works is' "$bin/perf" "$(cat "$out")"
is 'services are held as before' "$policy" "$(cat /usr/sbin/policy-rc.d 2>/dev/null)"
finish
