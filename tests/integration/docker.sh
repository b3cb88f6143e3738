#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A real dockerd and its containers, one of two equal ones by its name and by the beginning of its id: with
# docker's files where they lie by default, and where the daemon was told to keep them.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need jq sqlite3 dockerd docker containerd runc
need_busybox
own_folders 711 /run/docker /run/containerd /var/lib/docker
# The daemon's own cgroup for its containers, if it is not there already.
had=$(ls -d /sys/fs/cgroup/docker /sys/fs/cgroup/*/docker 2>/dev/null)
tool=(timeout 60 docker --host "unix://$work/docker.sock")

end_all() {
	daemon_stop
	rmdir {/sys/fs/cgroup,/sys/fs/cgroup/*}/strait-test-$$
	[ -n "$had" ] || rmdir {/sys/fs/cgroup,/sys/fs/cgroup/*}/docker
} >/dev/null 2>&1
cleanups+=(end_all)

# With the options given, and an image of nothing but busybox.
daemon_start() {
	start_with "$work/dockerd.log" dockerd --host "unix://$work/docker.sock" \
		--pidfile "$work/docker.pid" --storage-driver vfs --bridge none --iptables=false \
		--ip6tables=false "$@"
	daemon=$started_pid
	until_true 30 "${tool[@]}" version ||
		skip "dockerd does not start: $(grep -v level=info "$work/dockerd.log" | tail -n 1)"
	"${tool[@]}" import - strait-test <"$work/image.tar" >/dev/null 2>"$err" ||
		skip "docker cannot import: $(tail -n 1 "$err")"
}

daemon_stop() {
	local all
	[ -n "${daemon:-}" ] || return 0
	all=$("${tool[@]}" ps --all --quiet)
	# shellcheck disable=SC2086 # one word a container
	[ -z "$all" ] || "${tool[@]}" rm --force $all
	stop "$daemon"
	daemon=
} >/dev/null 2>&1

# A container that burns CPU; its id. container_start NAME OPTIONS…
container_start() {
	local name=$1
	shift
	"${tool[@]}" run --detach --name "$name" --network none "$@" strait-test \
		/bin/burn 2>"$err" || skip "docker cannot run: $(tail -n 1 "$err")"
}

container_pid() {
	"${tool[@]}" inspect --format '{{.State.Pid}}' "$1"
}

container_root "$work/fs"
tar -C "$work/fs" -cf "$work/image.tar" .

daemon_start
one=strait-test-$$-one two=strait-test-$$-two
id_one=$(container_start "$one") || skip "$id_one"
id_two=$(container_start "$two" --cgroup-parent "/strait-test-$$") || skip "$id_two"
pid_one=$(container_pid "$one")
pid_two=$(container_pid "$two")
container_watch 'by name' "$pid_one docker:$one" "$one"
container_watch 'its twin, in a cgroup of another parent' "$pid_two docker:$two" "docker:$two"
container_watch 'by the beginning of an id' "$pid_two docker:$two" "${id_two:0:12}"
container_watch 'by its id' "$pid_one docker:$one" "$id_one"
run "$strait" -q -d 1 --json --container "${id_one:0:12}"
is 'JSON: the target by its name' "container docker:$one" "$(jq -r '"\(.target.kind) \(.target.name)"' "$out")"
"${tool[@]}" rename "$one" "$one-renamed"
container_watch 'by its new name' "$pid_one docker:$one-renamed" "$one-renamed"
run "$strait" -d 1 --container "$one"
is 'the old name: exit' 1 "$status"
matches 'the old name: there is the new one' "there is docker:$one-renamed" "$err"

# What is started while strait watches, and ends again.
{
	sleep 0.5
	container_start "$one-late" >/dev/null
} &
later=$!
run "$strait" record -q --replace -F 199 -d 3 -o "$work/r.strait"
wait "$later"
is 'the whole host: all of them by their names' "docker:$one-late, docker:$one-renamed, docker:$two" \
	"$(samples_of container "docker:strait-test-$$-%")"
daemon_stop

# Where nothing but the running container tells of the place.
daemon_start --data-root "$work/elsewhere/docker"
container_start "$one" >/dev/null
container_watch 'files elsewhere' "$(container_pid "$one") docker:$one" "$one"
daemon_stop
finish
