#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Containers that a user runs with podman, without root: in a cgroup that was given to him, with all that
# podman knows of them in his home. They have their names, alone and in a pod; what he calls like somebody
# else's container has none, nor does what he leads elsewhere. The user, his home and what root's own podman
# would keep are there for this test alone, in a mount namespace of its own.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need jq sqlite3 podman runc setpriv newuidmap
need_busybox
# Without version 2 podman makes no cgroup for what a user runs.
for unified in /sys/fs/cgroup /sys/fs/cgroup/unified ''; do
	[ "$(stat -fc %T "${unified:-/}")" != cgroup2fs ] || break
done
[ -n "$unified" ] || skip 'no cgroup hierarchy of version 2 here'
own_folders 755 /var/lib/containers /run/containers

# A user of a number that nobody has, in files that nobody else sees.
user=strait-test uid=54321
while getent passwd "$uid" >/dev/null; do
	uid=$((uid + 1))
done
home=$work/home
line_add() {
	local copy=$work/etc/${1##*/}
	[ -e "$1" ] || skip "no $1 here"
	{
		cat "$1"
		echo "$2"
	} >"$copy"
	mount --bind "$copy" "$1" || skip "cannot mount on $1"
	mounts+=("$1")
}
chmod 711 "$work"
mkdir -p "$work"/{etc,run}
line_add /etc/passwd "$user:x:$uid:$uid::$home:/bin/sh"
line_add /etc/group "$user:x:$uid:"
line_add /etc/subuid "$user:500000000:65536"
line_add /etc/subgid "$user:500000000:65536"
container_root "$home/fs"
printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=100:100"]\n' >"$work/etc/containers.conf"
chown -R "$uid:$uid" "$home" "$work/run"
chmod 700 "$home" "$work/run"

# The cgroup of his session, as systemd makes it.
top=/strait-test-$$
session=$top/user.slice/user-$uid.slice/user@$uid.service
mkdir -p "$unified$session/app.slice"
chown -R "$uid" "$unified$session"

# as_user COMMAND…: in a cgroup of his, where version 2 is all there is.
as_user() {
	# shellcheck disable=SC2016 # the inner shell's own
	timeout 60 unshare --mount --propagation private sh -c 'echo $$ >"$1/cgroup.procs" || exit
		[ "$2" = /sys/fs/cgroup ] || mount --bind "$2" /sys/fs/cgroup || exit
		shift 2; cd / && exec "$@"' sh "$unified$session/app.slice" "$unified" \
		setpriv --reuid "$uid" --regid "$uid" --clear-groups env -i "PATH=$PATH" "HOME=$home" \
		"XDG_RUNTIME_DIR=$work/run" "CONTAINERS_CONF=$work/etc/containers.conf" "$@"
}
podman=(as_user podman --log-level error --runtime runc --cgroup-manager=cgroupfs)

end_all() {
	local pid
	"${podman[@]}" pod rm --all --force --time 0
	"${podman[@]}" rm --all --force --time 0
	# The process that holds his namespaces.
	pid=$(cat "$work/run/libpod/tmp/pause.pid") && kill -KILL "$pid"
	for pid in "${started[@]}"; do
		stop "$pid"
	done
	find "$unified$top" -depth -type d -exec rmdir {} \;
} >/dev/null 2>&1
cleanups+=(end_all)

# A container that burns CPU; its id. container_start NAME OPTIONS…
container_start() {
	local name=$1
	shift
	"${podman[@]}" run --detach --name "$name" --network=none --cgroup-parent "$session/own" "$@" \
		--rootfs "$home/fs" /bin/burn 2>"$err" ||
		skip "podman cannot run without root: $(tail -n 1 "$err")"
}

container_pid() {
	"${podman[@]}" inspect --format '{{.State.Pid}}' "$1"
}

one=strait-test-$$-one two=strait-test-$$-two pod=strait-test-$$-pod
id_one=$(container_start "$one") || skip "$id_one"
id_two=$(container_start "$two") || skip "$id_two"
pid_one=$(container_pid "$one")
pid_two=$(container_pid "$two")
matches 'what podman makes is in his cgroup' "^0::$session/.*libpod-$id_one" "/proc/$pid_one/cgroup"
container_watch 'by name' "$pid_one podman:$one" "$one"
container_watch 'its twin, by its label' "$pid_two podman:$two" "podman:$two"
container_watch 'by the beginning of an id' "$pid_two podman:$two" "${id_two:0:12}"
run "$strait" -q -d 1 --json --container "${id_one:0:12}"
is 'JSON: the target by its name' "container podman:$one" "$(jq -r '"\(.target.kind) \(.target.name)"' "$out")"
"${podman[@]}" pod create --name "$pod" --infra=false >/dev/null 2>"$err" ||
	skip "podman makes no pod: $(tail -n 1 "$err")"
container_start "$pod-web" --pod "$pod" >/dev/null
container_watch 'a pod of his' "$(container_pid "$pod-web") podman:$pod/$pod-web" "$pod"

run "$strait" record -q --replace -F 199 -d 2 -o "$work/r.strait"
is 'the whole host: all of his by their names' "podman:$one, podman:$pod/$pod-web, podman:$two" \
	"$(samples_of container "podman:strait-test-$$-%")"

# What he calls like a container of root's.
roots=$(id_make) name=strait-test-$$-roots
mkdir -p /var/lib/containers/storage/overlay-containers
echo "[{\"id\":\"$roots\",\"names\":[\"$name\"]},{\"id\":\"$id_two\",\"names\":[\"$one\"]}]" \
	>/var/lib/containers/storage/overlay-containers/containers.json
group_burn "$unified$session/user.slice/libpod-$roots.scope"
chown "$uid" "$unified$session/user.slice" "$unified$session/user.slice/libpod-$roots.scope"
run "$strait" -d 1 --container "$name"
is "root's name for a cgroup of his: refused" 1 "$status"
container_watch "root's id for a cgroup of his: no name" "$loop podman:${roots:0:12}" "${roots:0:12}"
group_burn "$unified$top/machine.slice/libpod-$roots.scope"
container_watch "the same id in root's cgroup: that one is meant" "$loop podman:$name" "${roots:0:12}"
container_watch "his id in root's list: his name" "$pid_two podman:$two" "$id_two"

# His list led to another file, be it one of a name that he wants.
lists=$(dirname "$(find "$home/.local" -name containers.json)")
mv "$lists/containers.json" "$work/etc/"
ln -s "$work/etc/containers.json" "$lists/containers.json"
container_watch 'a link for a list: no name' "$pid_two podman:${id_two:0:12}" "$id_two"
rm "$lists/containers.json"
mv "$work/etc/containers.json" "$lists/"

# Two of one name.
group_burn "$unified$top/machine.slice/libpod-$id_two.scope"
container_watch "of two with one name, root's" "$loop podman:$one" "$one"

finish
