#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Pods of podman: two equal ones, with containers that burn CPU and one of the pod's own, and one pod that
# has no cgroup. What is asked for is seen under its name, and nothing else. Single containers are in
# containers.sh. In a mount namespace of its own: nothing of the host's podman is seen from here, and
# nothing left there.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need jq sqlite3 podman runc busybox unshare
ldd "$(command -v busybox)" >/dev/null 2>&1 && skip 'busybox is not linked statically'

if [ -z "${STRAIT_TEST_UNSHARED:-}" ]; then
	rm -rf "$work"
	STRAIT_TEST_UNSHARED=1 exec unshare --mount --propagation private "$0"
fi
folders=()
for folder in /var/lib/containers /run/containers /run/libpod; do
	[ -d "$folder" ] || folders+=("$folder")
	mkdir -p "$folder" && mount -t tmpfs -o mode=755 strait-test "$folder" ||
		skip 'cannot mount a tmpfs'
	mounts+=("$folder")
done
end_all() {
	local pod folder
	for pod in $("${tool[@]}" pod ps --quiet); do
		"${tool[@]}" pod rm --force --time 0 "$pod"
	done
	for folder in "${folders[@]}"; do
		umount -l "$folder" && rmdir "$folder"
	done
} >/dev/null 2>&1
cleanups+=(end_all)

# The limits are those that a test in a container may set.
printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=100:100"]\n' >"$work/containers.conf"
export CONTAINERS_CONF=$work/containers.conf
tool=(timeout 60 podman --log-level error --runtime runc --cgroup-manager=cgroupfs --storage-driver vfs)

# An image of nothing but busybox, and what burns CPU.
mkdir -p "$work"/fs/{bin,dev,etc,proc,run,sys,tmp}
cp "$(command -v busybox)" "$work/fs/bin/sh"
printf '#!/bin/sh\nwhile :; do :; done\n' >"$work/fs/bin/burn"
chmod 755 "$work/fs/bin/burn"
tar -C "$work/fs" -c . | "${tool[@]}" import - strait-test >/dev/null 2>"$err" ||
	skip "podman cannot import: $(tail -n 1 "$err")"

# pod_create NAME OPTIONS…
pod_create() {
	local name=$1
	shift
	"${tool[@]}" pod create --name "$name" "$@" 2>"$err" || skip "podman makes no pod: $(tail -n 1 "$err")"
}

# container_start POD NAME; its id.
container_start() {
	"${tool[@]}" run --detach --pod "$1" --name "$2" --network=none strait-test /bin/burn 2>"$err" ||
		skip "podman cannot run: $(tail -n 1 "$err")"
}

container_pid() {
	"${tool[@]}" inspect --format '{{.State.Pid}}' "$1"
}

# What strait saw: "PID CONTAINER" of all samples.
seen() {
	sqlite3 -readonly "$work/r.strait" "SELECT group_concat(pid || ' ' || container, ', ') FROM
		(SELECT DISTINCT pid, container FROM v_samples WHERE kind = 'cpu' ORDER BY container)"
}

# watch WHAT EXPECTED ASKED: all samples are of these.
watch() {
	run "$strait" record -q --replace -F 199 -d 1 --container "$3" -o "$work/r.strait"
	is "$1: recorded" 0 "$status"
	is "$1: whose samples, and what they are in" "$2" "$(seen)"
}

infra=(--infra-image strait-test --infra-command /bin/burn --network none --share ipc)
one=strait-test-$$-one two=strait-test-$$-two bare=strait-test-$$-bare
id_one=$(pod_create "$one" "${infra[@]}") || skip "$id_one"
pod_create "$two" "${infra[@]}" >/dev/null
pod_create "$bare" --infra=false >/dev/null
id_web=$(container_start "$one" "$one-web") || skip "$id_web"
container_start "$two" "$two-web" >/dev/null
container_start "$bare" "$bare-web" >/dev/null
own=$(container_pid "$("${tool[@]}" pod inspect --format '{{.InfraContainerID}}' "$one")")
web=$(container_pid "$one-web")
whole="$own podman:$one, $web podman:$one/$one-web"

watch 'a pod by its name' "$whole" "$one"
watch 'a pod by its label' "$whole" "pod:$one"
watch 'a pod by the beginning of its id' "$whole" "${id_one:0:12}"
watch 'a container by its name' "$web podman:$one/$one-web" "$one-web"
watch 'a container by its label' "$web podman:$one/$one-web" "podman:$one/$one-web"
watch 'a container by the beginning of its id' "$web podman:$one/$one-web" "${id_web:0:12}"
watch "the pod's own container, as podman calls it" "$own podman:$one" "${id_one:0:12}-infra"
watch 'a pod without a cgroup: its only container' \
	"$(container_pid "$bare-web") podman:$bare/$bare-web" "$bare"
run "$strait" -q -d 1 --json --container "$one"
is 'JSON: the target by its name' "container $one" "$(jq -r '"\(.target.kind) \(.target.name)"' "$out")"
is 'JSON: what is in what' "podman:$one podman:$one/$one-web" \
	"$(jq -r '[.profile.hotspots[].container] | unique | join(" ")' "$out")"
run "$strait" -d 1 --container "$one-wbe"
is 'a name that none has: exit' 1 "$status"
matches 'a name that none has: what there is' "there is .*podman:$one/$one-web" "$err"

# A second container in the pod, which is born while strait watches.
{
	sleep 0.5
	container_start "$two" "$two-late" >/dev/null
} &
later=$!
run "$strait" record -q --replace -F 199 -d 3 --container "$two" -o "$work/r.strait"
wait "$later"
matches 'what is born in a pod is in it' "podman:$two/$two-late" <(seen)
lacks 'what is born in a pod: nothing of the other' "podman:$one" <(seen)
finish
