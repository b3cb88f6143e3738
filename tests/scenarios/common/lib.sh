# SPDX-License-Identifier: BSD-2-Clause
# What the scenarios share. Each sources this, defines scenario_setup, scenario_load and
# scenario_clean, and ends with: scenario_main "$@".
#
# A scenario knows $dir (its directory, on a real disk), and in scenario_load $seconds and
# $variant ("" or "fixed"). It exits 77 with a reason on stderr where this host cannot run it.
# Everything it starts ends by itself after $seconds, and dies with its parent.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
common=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cpus=$(nproc)
started=()

skip() {
	echo "$*" >&2
	exit 77
}

die() {
	echo "$*" >&2
	exit 1
}

need() {
	local tool
	for tool; do
		command -v "$tool" >/dev/null || PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null ||
			skip "$tool is not installed"
	done
}

need_root() {
	[ "$(id -u)" = 0 ] || skip "needs root"
}

need_disk() {
	[ "$(stat -f -c %T "$dir")" != tmpfs ] || skip "$dir is not on a disk"
}

# build NAME SOURCE: compiles $common/SOURCE or the scenario's own SOURCE to $dir/NAME.
build() {
	local source=$here/$2
	[ -e "$source" ] || source=$common/$2
	need gcc
	gcc -std=gnu17 -O2 -g -Wall -Wextra -I"$common" -o "$dir/$1" "$source" -pthread -lm
}

# Steps of flat work per ms on this CPU, measured once, so that both variants do the same work.
rate() {
	[ -s "$dir/rate" ] || die "no rate in $dir: run setup first"
	cat "$dir/rate"
}

# The CPUs this shell may use, one a line.
own_cpus() {
	python3 -c 'import os; print(*sorted(os.sched_getaffinity(0)), sep="\n")'
}

first_cpu() {
	own_cpus | head -1
}

# start COMMAND…: in the background; stopped when the scenario ends, however it ends.
start() {
	"$@" </dev/null >&2 &
	started+=($!)
}

stop_started() {
	local pid
	for pid in "${started[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	for pid in "${started[@]}"; do
		wait "$pid" 2>/dev/null || true
	done
	started=()
}

# sum_throughput FILE…: the throughputs of loads that ran side by side, as one.
sum_throughput() {
	cat "$@" | awk '/^throughput: / { sum += $2; n++ } END { if (!n) exit 1; printf "throughput: %.2f\n", sum }'
}

# group_dir CONTROLLER NAME: the directory of a cgroup of this name, v1 or v2, in the root.
group_dir() {
	if [ -d "/sys/fs/cgroup/$1" ]; then
		echo "/sys/fs/cgroup/$1/$2"
	elif grep -qw "$1" /sys/fs/cgroup/cgroup.controllers 2>/dev/null; then
		echo "/sys/fs/cgroup/$2"
	else
		skip "no $1 controller under /sys/fs/cgroup"
	fi
}

group_is_v1() {
	[ -d "/sys/fs/cgroup/$1" ]
}

# group_make CONTROLLER NAME
group_make() {
	local group
	need_root
	group=$(group_dir "$1" "$2")
	if ! group_is_v1 "$1"; then
		echo "+$1" >/sys/fs/cgroup/cgroup.subtree_control || skip "cannot enable the $1 controller"
	fi
	mkdir -p "$group" 2>/dev/null || skip "cannot make the cgroup $group"
}

group_remove() {
	local group
	group=$(group_dir "$1" "$2") || return 0
	[ -d "$group" ] || return 0
	# What died a moment ago may still be leaving.
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		rmdir "$group" 2>/dev/null && return 0
		sleep 0.2
	done
	die "cannot remove the cgroup $group"
}

# in_group CONTROLLER NAME COMMAND…: runs the command inside the group.
in_group() {
	local group
	group=$(group_dir "$1" "$2")
	shift 2
	# A group of its own, entered by a shell that becomes the command.
	sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$@"
}

scenario_main() {
	local verb=${1-} usage="usage: scenario setup DIR | load DIR SECONDS [fixed] | clean DIR"
	[ $# -ge 2 ] && [ -d "$2" ] || [ "$verb" = clean ] || die "$usage"
	dir=${2-}
	trap stop_started EXIT
	trap 'exit 143' TERM
	trap 'exit 130' INT
	case $verb in
	setup)
		scenario_setup
		;;
	load)
		[ $# -ge 3 ] || die "$usage"
		seconds=$3
		variant=${4-}
		[[ $seconds =~ ^[0-9]+$ ]] && [ "$seconds" -ge 1 ] && [ "$seconds" -le 3600 ] || die "$usage"
		[ -z "$variant" ] || [ "$variant" = fixed ] || die "$usage"
		scenario_load
		;;
	clean)
		[ -n "$dir" ] || die "$usage"
		scenario_clean
		;;
	*)
		die "$usage"
		;;
	esac
}

scenario_clean() {
	:
}
