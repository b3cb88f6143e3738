#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Pods as kubelet has them made: a real containerd is asked over CRI (cri.py) for two equal pods, each with
# a sandbox and a container that burn CPU. What is asked for is seen under its name, and nothing else.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need jq sqlite3 python3 curl containerd ctr runc
need_busybox
curl --version | grep -q HTTP2 || skip 'curl has no HTTP/2'
own_folders 755 /run/containerd

top=strait-test-$$
socket=/run/containerd/test.sock
cat >"$work/containerd.toml" <<END
version = 2
root = "$work/root"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
	"io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
address = "$socket"
[ttrpc]
address = "/run/containerd/test.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/strait-test:latest"
restrict_oom_score_adj = true
disable_tcp_service = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".cni]
conf_dir = "$work/cni"
END

# The image of sandboxes and containers, as `docker save` writes one.
mkdir -p "$work/cni"
container_root "$work/fs"
tar -C "$work/fs" -cf "$work/layer.tar" .
jq -n --arg id "sha256:$(sha256sum "$work/layer.tar" | cut -d ' ' -f 1)" \
	--arg architecture "$(dpkg --print-architecture 2>/dev/null || echo amd64)" \
	'{$architecture, os: "linux", config: {Cmd: ["/bin/burn"]},
	rootfs: {type: "layers", diff_ids: [$id]}}' >"$work/config.json"
echo '[{"Config": "config.json", "RepoTags": ["localhost/strait-test:latest"], "Layers": ["layer.tar"]}]' \
	>"$work/manifest.json"
tar -C "$work" -cf "$work/image.tar" manifest.json config.json layer.tar

start_with "$work/containerd.log" containerd --config "$work/containerd.toml"
until_true 30 ctr --address "$socket" version ||
	skip "containerd does not start: $(tail -n 1 "$work/containerd.log")"
ctr --address "$socket" --namespace k8s.io images import "$work/image.tar" >/dev/null 2>"$err" ||
	skip "containerd takes no image: $(tail -n 1 "$err")"

# cri METHOD JSON
cri() {
	python3 -B "$root/tests/integration/cri.py" "$socket" "$@" 2>"$err"
}
until_true 20 cri Version '{}' || skip "containerd's CRI plugin does not answer: $(cat "$err")"

pods=()
end_all() {
	local pod place
	for pod in "${pods[@]}"; do
		cri StopPodSandbox "{\"pod_sandbox_id\": \"$pod\"}"
		cri RemovePodSandbox "{\"pod_sandbox_id\": \"$pod\"}"
	done
	for pod in "${started[@]}"; do
		stop "$pod"
	done
	for place in /sys/fs/cgroup /sys/fs/cgroup/*; do
		find "$place/$top" -depth -type d -exec rmdir {} \;
	done
} >/dev/null 2>&1
cleanups+=(end_all)

# In the host's network: other pods want a network plugin. sandbox_config NAME UID
sandbox_config() {
	jq -nc --arg name "$1" --arg uid "$2" --arg parent "/$top/kubepods/burstable/pod$2" \
		--arg logs "$work/logs" '{metadata: {$name, $uid, namespace: "shop"}, log_directory: $logs,
		linux: {cgroup_parent: $parent,
			security_context: {namespace_options: {network: 2}}}}'
}

# pod_run NAME UID: its id.
pod_run() {
	cri RunPodSandbox "{\"config\": $(sandbox_config "$1" "$2")}" ||
		skip "containerd runs no pod: $(cat "$err")"
}

# With as small a share of the CPUs as sandboxes have, which would get none else.
# container_run POD NAME POD-NAME UID: its id.
container_run() {
	local container
	container=$(cri CreateContainer "$(jq -nc --arg pod "$1" --arg name "$2" \
		--argjson sandbox "$(sandbox_config "$3" "$4")" '{pod_sandbox_id: $pod, config: {
		metadata: {$name}, image: {image: "localhost/strait-test:latest"}, command: ["/bin/burn"],
		linux: {resources: {cpu_shares: 2}}},
		sandbox_config: $sandbox}')") && cri StartContainer "{\"container_id\": \"$container\"}" ||
		skip "containerd runs no container: $(cat "$err")"
	echo "$container"
}

# The pid of what runs in a container.
container_pid() {
	ctr --address "$socket" --namespace k8s.io task ls | awk -v id="$1" '$1 == id {print $2}'
}

uid_one=$(cat /proc/sys/kernel/random/uuid)
uid_two=$(cat /proc/sys/kernel/random/uuid)
pod_one=$(pod_run cart-0 "$uid_one") || skip "$pod_one"
pods+=("$pod_one")
pod_two=$(pod_run cart-1 "$uid_two") || skip "$pod_two"
pods+=("$pod_two")
redis=$(container_run "$pod_one" redis cart-0 "$uid_one") || skip "$redis"
twin=$(container_run "$pod_two" redis cart-1 "$uid_two") || skip "$twin"
pause=$(container_pid "$pod_one")
pid=$(container_pid "$redis")

whole="$pause containerd:shop/cart-0, $pid containerd:shop/cart-0/redis"
container_watch 'a pod by its name' "$whole" shop/cart-0
container_watch 'a pod by its uid' "$whole" "$uid_one"
container_watch 'a container of a pod' "$pid containerd:shop/cart-0/redis" shop/cart-0/redis
container_watch 'its twin, by the beginning of its id' \
	"$(container_pid "$twin") containerd:shop/cart-1/redis" "${twin:0:12}"
container_watch 'the sandbox, by its id' "$pause containerd:shop/cart-0" "$pod_one"
run "$strait" -d 1 --container redis
is 'a name that both have: exit' 1 "$status"
matches 'a name that both have: which' \
	'more than one fits .redis.: containerd:shop/cart-0/redis, containerd:shop/cart-1/redis' "$err"
run "$strait" -d 1 --container shop/cart-9
is 'a pod that is not there: one line' '1 1' "$status $(wc -l <"$err")"
matches 'a pod that is not there: which are' \
	"no running container 'shop/cart-9': there is .*pod:shop/cart-0, pod:shop/cart-1" "$err"

# ---- in every output ----

run "$strait" record -q --replace -F 199 -d 2 --container shop/cart-0 -o "$work/r.strait"
run "$strait" report --json "$work/r.strait"
is 'JSON: the target' 'container shop/cart-0' "$(jq -r '"\(.target.kind) \(.target.name)"' "$out")"
is 'JSON: hotspots say in what' 'containerd:shop/cart-0 containerd:shop/cart-0/redis' \
	"$(jq -r '[.profile.hotspots[].container] | unique | join(" ")' "$out")"
is 'JSON: findings say in what' 0 "$(jq '[.bottlenecks[].where.container |
	select(startswith("containerd:shop/cart-0") | not)] | length' "$out")"
run "$strait" report "$work/r.strait"
matches 'text: a hotspot says in what' '% .* burn +.*cart-0(/redis)? ' "$out"
matches 'text: the verdict says in what' '^burn \(containerd:shop/cart-0/?[a-z]*\) .* %' "$out"
matches 'text: a chain says in what' ' chain +burn \[[0-9]+\] \(containerd:shop/cart-0' "$out"
run "$strait" flame -q "$work/r.strait"
matches 'flame: a process says in what' '^burn \(containerd:shop/cart-0/redis\);' "$out"
run "$strait" flame -q --containers "$work/r.strait"
matches 'flame: the container of each stack' '^containerd:shop/cart-0/redis;burn;' "$out"
matches 'flame: and that of the pod itself' '^containerd:shop/cart-0;burn;' "$out"
run "$strait" monitor -i 2 -d 4 -F 199 --store "$work/monitor.db" --container shop/cart-0/redis
matches 'monitor: a line says in what, in words' 'burn \(containerd:shop/cart-0/redis\)' "$out"
is 'monitor: its history says in what' 1 "$(sqlite3 -readonly "$work/monitor.db" "SELECT count(*) > 0 FROM
	bottlenecks WHERE title LIKE 'burn (containerd:shop/cart-0/redis) %'")"
run "$strait" monitor -i 2 -d 4 -F 199 --no-store --json --container shop/cart-0/redis
matches 'monitor: the line says in what' '"container":"containerd:shop/cart-0/redis"' "$out"

# ---- what is born later ----

# A container of the pod, while strait watches.
{
	sleep 0.5
	container_run "$pod_one" late cart-0 "$uid_one" >/dev/null
} &
later=$!
run "$strait" record -q --replace -F 199 -d 3 --container shop/cart-0 -o "$work/r.strait"
wait "$later"
is 'what is born in a pod is in it' \
	'containerd:shop/cart-0, containerd:shop/cart-0/late, containerd:shop/cart-0/redis' "$(samples_of container)"
finish
