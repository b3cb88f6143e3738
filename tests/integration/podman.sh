#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Pods of podman: two equal ones, with containers that burn CPU and one of the pod's own, and one pod that
# has no cgroup. What is asked for is seen under its name, and nothing else. Single containers are in
# containers.sh.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need jq sqlite3 podman runc
need_busybox
own_folders 755 /var/lib/containers /run/containers /run/libpod

end_all() {
	local pod
	for pod in $("${tool[@]}" pod ps --quiet); do
		"${tool[@]}" pod rm --force --time 0 "$pod"
	done
} >/dev/null 2>&1
cleanups+=(end_all)

# The limits are those that a test in a container may set.
printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=100:100"]\n' >"$work/containers.conf"
export CONTAINERS_CONF=$work/containers.conf
tool=(timeout 60 podman --log-level error --runtime runc --cgroup-manager=cgroupfs --storage-driver vfs)

container_root "$work/fs"
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

container_watch 'a pod by its name' "$whole" "$one"
container_watch 'a pod by its label' "$whole" "pod:$one"
container_watch 'a pod by the beginning of its id' "$whole" "${id_one:0:12}"
container_watch 'a container by its name' "$web podman:$one/$one-web" "$one-web"
container_watch 'a container by its label' "$web podman:$one/$one-web" "podman:$one/$one-web"
container_watch 'a container by the beginning of its id' "$web podman:$one/$one-web" "${id_web:0:12}"
container_watch "the pod's own container, as podman calls it" "$own podman:$one" "${id_one:0:12}-infra"
container_watch 'a pod without a cgroup: its only container' \
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
matches 'what is born in a pod is in it' "podman:$two/$two-late" <(samples_of container)
lacks 'what is born in a pod: nothing of the other' "podman:$one" <(samples_of container)
finish
