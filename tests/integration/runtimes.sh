#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Containers of ctr, nerdctl and lxc, units, and what runtimes leave behind. containerd is started for the test,
# and lxc runs a box; of CRI-O and systemd, which do not run here, there are the cgroups and state files
# that they make, written by the test, in a mount namespace of its own; of docker likewise for what containers
# make below theirs. Pods are in cri.sh and podman.sh, docker itself is in docker.sh.
# In each of them the same loop burns: what is asked for is seen, and nothing else.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need jq sqlite3 containerd ctr runc
need_busybox
own_folders 755 /run/containerd /var/lib/docker /run/containers

# ---- containerd, for real ----

cat >"$work/containerd.toml" <<END
version = 2
root = "$work/root"
state = "/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs",
	"io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper",
	"io.containerd.snapshotter.v1.aufs"]
[grpc]
address = "/run/containerd/test.sock"
[ttrpc]
address = "/run/containerd/test.ttrpc"
END
container_root "$work/fs"
start_with "$work/containerd.log" containerd --config "$work/containerd.toml"
tool=(timeout 60 ctr --address /run/containerd/test.sock)
until_true 30 "${tool[@]}" version ||
	skip "containerd does not start: $(tail -n 1 "$work/containerd.log")"

# Cgroups of this test are below this one, whichever hierarchy they are in.
top=strait-test-$$
space=strait-test-$$

# lxc leaves an empty one behind.
pivots=$(ls -d /sys/fs/cgroup/lxc.pivot /sys/fs/cgroup/*/lxc.pivot 2>/dev/null)

# All that runs ends, and innermost cgroups go first.
containers=()
end_all() {
	local container pid folder
	for container in "${containers[@]}"; do
		"${tool[@]}" -n "${container%/*}" task rm --force "${container#*/}"
		"${tool[@]}" -n "${container%/*}" container rm "${container#*/}"
	done
	# The first process of its pid namespace heeds nothing else, and lxc-start waits for it.
	[ -z "${pid_lxc:-}" ] || kill -KILL "$pid_lxc"
	for pid in "${started[@]}"; do
		stop "$pid"
	done
	for folder in /sys/fs/cgroup /sys/fs/cgroup/*; do
		find "$folder/$top" "$folder/$top.slice" -depth -type d -exec rmdir {} \;
	done
	[ -n "$pivots" ] || rmdir /sys/fs/cgroup/lxc.pivot /sys/fs/cgroup/*/lxc.pivot
} >/dev/null 2>&1
cleanups+=(end_all)

# Starts a container; what it runs follows the options of ctr. container_start SPACE ID OPTIONS…
container_start() {
	local space=$1 id=$2
	shift 2
	"${tool[@]}" -n "$space" run --detach --rootfs "$@" "$work/fs" "$id" \
		/bin/burn 2>"$work/ctr.err" ||
		skip "containerd cannot run: $(tail -n 1 "$work/ctr.err")"
}

# container_pid SPACE ID
container_pid() {
	"${tool[@]}" -n "$1" task ls | awk -v id="$2" '$1 == id {print $2}'
}

named=$(id_make)
containers=("$space/plain-$$" "$space/$named")
container_start "$space" "plain-$$"
container_start "$space" "$named" --annotation nerdctl/name=web
pid_plain=$(container_pid "$space" "plain-$$")
pid_named=$(container_pid "$space" "$named")

container_watch 'what ctr runs' "$pid_plain containerd:plain-$$" "plain-$$"
container_watch 'what nerdctl runs' "$pid_named containerd:web" web

# refused NAME REGEX: one line that says so.
refused() {
	run "$strait" -d 1 --container "$1"
	is "refused: $1" "1 1" "$status $(wc -l <"$err")"
	matches "refused: $1: what there is" "$2" "$err"
}

# ---- what others leave behind ----

# The hierarchy that the programs look at first, of those that are here.
for base in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/memory; do
	[ ! -e "$base/cgroup.procs" ] || break
done
slice=$top.slice service=/$top.slice/web$$.service
uid=$(cat /proc/sys/kernel/random/uuid)
docker=$(id_make) crio=$(id_make) inner=$(id_make)

write() {
	mkdir -p "${1%/*}" && cat >"$1"
}
write "/var/lib/docker/containers/$docker/config.v2.json" <<<"{\"ID\":\"$docker\",\"Name\":\"/shop-web-1\"}"
write "/run/containers/storage/overlay-containers/$crio/userdata/config.json" <<END
{"annotations": {"io.kubernetes.container.name": "etcd", "io.kubernetes.pod.name": "etcd-0",
	"io.kubernetes.pod.namespace": "kube-system", "io.kubernetes.cri-o.ContainerType": "container"}}
END

group_burn "$base/$slice/docker-$docker.scope"
pid_docker=$loop
group_burn "$base/$slice/docker-$docker.scope/docker/$inner"
pid_inner=$loop
group_burn "$base/$slice/kubelet-kubepods-burstable-pod${uid//-/_}.slice/crio-$crio.scope"
pid_crio=$loop
# lxc, for real where it is installed.
box=$top-box
if command -v lxc-start >/dev/null; then
	mkdir -p "$work/lxc" "$work/mnt"
	printf 'lxc.%s\n' "rootfs.path = dir:$work/fs" "rootfs.mount = $work/mnt" 'net.0.type = none' \
		'apparmor.profile = unconfined' "uts.name = box" >"$work/lxc.conf"
	start_with "$work/lxc.err" lxc-start --foreground --lxcpath "$work/lxc" --name "$box" \
		--rcfile "$work/lxc.conf" -- /bin/burn
	box_find() {
		pid_lxc=$(grep -ls "/lxc.payload.$box\$" /proc/[0-9]*/cgroup | head -n 1 | cut -d / -f 3)
		[ -n "$pid_lxc" ]
	}
	until_true 20 box_find || lxc_why="it does not start: $(tail -n 1 "$work/lxc.err")"
fi
if [ -z "${pid_lxc:-}" ]; then
	skip_part 'lxc for real, not a cgroup as it makes it' "${lxc_why:-it is not installed}"
	group_burn "$base/$top/lxc.payload.$box"
	pid_lxc=$loop
fi
group_burn "$base$service"
pid_service=$loop
group_burn "$base$service/libpod-payload-$inner"
pid_payload=$loop

of_inner="$pid_inner docker:${inner:0:12}" of_docker="$pid_docker docker:shop-web-1"
of_crio="$pid_crio crio:kube-system/etcd-0/etcd" of_payload="$pid_payload podman:${inner:0:12}"
of_unit="$of_payload, $pid_service unit:web$$.service"
container_watch 'docker, with what is in it' "$of_inner, $of_docker" shop-web-1 2
container_watch 'CRI-O' "$of_crio" kube-system/etcd-0/etcd 2
container_watch 'lxc' "$pid_lxc lxc:$box" "$box" 2
container_watch 'a unit, with a container in it' "$of_unit" "web$$.service" 2
container_watch 'a slice, with all in it' "$of_crio, $of_inner, $of_docker, $of_unit" "unit:$slice" 2
container_watch 'of two with one id, the one that is not in a container' "$of_payload" "${inner:0:12}" 2
refused "wbe$$.service" "there is .*unit:web$$.service"

# A name that would paint the terminal, end a line or begin another frame.
evil=$(id_make)
write "/var/lib/docker/containers/$evil/config.v2.json" <<<'{"Name": "/evil\u001b[31m;\n\"<b>\u009b"}'
group_burn "$base/$slice/docker-$evil.scope"
run "$strait" record -q --replace -F 199 -d 2 --container "${evil:0:20}" -o "$work/r.strait"
is 'an odd name: watched' 0 "$status"
for show in 'report' 'report -v' 'report --json' 'flame --containers'; do
	# shellcheck disable=SC2086 # a command and its options
	run "$strait" $show "$work/r.strait"
	matches "an odd name: strait $show has it" 'docker:evil' "$out"
	lacks "an odd name: strait $show escapes it" $'\e|\xc2\x9b' "$out"
done
is 'an odd name: one frame of each line' 0 "$(grep -vc '^docker:evil[^;]*;sh;' "$out")"
refused evil 'there is docker:evil'
lacks 'an odd name: escaped in errors' $'\e|\xc2\x9b' "$err"

# In a hierarchy of version 1 alone.
if [ -e /sys/fs/cgroup/memory/cgroup.procs ]; then
	group_burn "/sys/fs/cgroup/memory/$slice/old$$.service"
	container_watch 'a unit of version 1' "$loop unit:old$$.service" "old$$.service" 2
fi
finish
