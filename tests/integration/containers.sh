#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Containers: of two equal ones that burn CPU, the one that is asked for is seen and the other is not.
# By its name and by the beginning of its id; the report calls it by its name either way. And functions of
# programs in them are named: from the file in the container's own root, and where that is stripped, as
# they were when the same build ran on the host with its symbols.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need jq sqlite3 podman runc cc
need_busybox

tool=(podman --log-level error --runtime runc --cgroup-manager=cgroupfs)
one=strait-test-$$-one
two=strait-test-$$-two

# Starts a container of this name that burns CPU, by a shell or by a program. container_start NAME [PROGRAM]
container_start() {
	container_root "$work/$1"
	[ -z "${2:-}" ] || cp "$2" "$work/$1/bin/burn"
	"${tool[@]}" run --detach --name "$1" --ulimit nofile=1024:1024 --ulimit nproc=100:100 \
		--network=none --rootfs "$work/$1" /bin/burn \
		>"$work/$1.id" 2>"$work/$1.err" || skip "podman cannot run: $(tail -n 1 "$work/$1.err")"
	cleanups+=("${tool[*]} rm --force --time 0 '$1' >/dev/null 2>&1")
}

# The pid of its first process on this host. container_pid NAME
container_pid() {
	"${tool[@]}" inspect --format '{{.State.Pid}}' "$1"
}

container_start "$one"
container_start "$two"
pid_one=$(container_pid "$one")
pid_two=$(container_pid "$two")
id_one=$(cat "$work/$one.id")
id_two=$(cat "$work/$two.id")

# watch NAME WHO PID: the report on that container holds this process, under this name, and no other.
watch() {
	run "$strait" -q --json -d 2 --container "$1"
	is "$1: watched" 0 "$status"
	is "$1: its process is found, and nothing else" "$3" \
		"$(jq -r '[.bottlenecks[].where.pid // empty] | unique | join(" ")' "$out")"
	is "$1: the container by its name" "podman:$2" \
		"$(jq -r '[.bottlenecks[].where.container // empty] | unique | join(" ")' "$out")"
	within "$1: samples of one thread" 20 220 "$(jq '.coverage.stacks.cpu_samples' "$out")"
}

watch "$one" "$one" "$pid_one"
is 'by name: the target' "container $one" "$(jq -r '"\(.target.kind) \(.target.name)"' "$out")"
watch "$two" "$two" "$pid_two"
watch "${id_one:0:12}" "$one" "$pid_one"
is 'by id: the target' "container podman:$one" "$(jq -r '"\(.target.kind) \(.target.name)"' "$out")"
watch "$id_two" "$two" "$pid_two"
watch "podman:$two" "$two" "$pid_two"

run "$strait" -q -d 2 --container "$one"
is 'text: reported' 0 "$status"
matches 'text: which container' "container $one" "$out"
matches 'text: the process in it' "burn \[$pid_one\].*container podman:$one" "$out"
# Who had its CPU may be named, whoever that is.
lacks 'text: nothing of the other' "$two|\[$pid_two\]" <(sed '/Who waited for a CPU/,/^$/d' "$out")

run "$strait" record -q -d 1 -o "$work/r.strait"
is 'whole host: recorded' 0 "$status"
is 'whole host: both by their names' "podman:$one podman:$two" "$(sqlite3 -readonly "$work/r.strait" \
	"SELECT text FROM cgroups JOIN strings ON strings.id = cgroups.container
	WHERE text LIKE 'podman:strait-test-$$-%' ORDER BY text" | sort -u | paste -sd ' ')"

run "$strait" -d 1 --container "$one-not"
is 'a name that no container has: exit' 1 "$status"
is 'a name that no container has: one line' 1 "$(wc -l <"$err")"
matches 'a name that no container has: says which' "no running container '$one-not'" "$err"

"${tool[@]}" stop --time 0 "$two" >/dev/null 2>&1
run "$strait" -d 1 --container "$two"
is 'a container that has ended: exit' 1 "$status"
matches 'a container that has ended: says so' "no running container '$two'" "$err"

# ---- names ----

# burns WHAT CONTAINER: a second of it, as folded stacks in $out.
burns() {
	run "$strait" record -q --replace -F 999 --budget 100% -d 1 --container "$2" -o "$work/r.strait"
	is "$1: recorded" 0 "$status"
	run "$strait" flame -U "$work/r.strait"
}

# has WHAT REGEX [LEAST]: nearly all samples in $out have it.
has() {
	within "$1" "${3:-0.98}" 1 "$(regex=$2 awk '{ all += $NF; if ($0 ~ ENVIRON["regex"]) found += $NF }
		END { if (all < 300) print "only " all + 0 " samples"; else print found / all }' "$out")"
}

cat >"$work/burn.c" <<'C'
volatile unsigned long sink;
__attribute__((noinline)) static void inside(void)
{
	for (int i = 0; i < 1000; i++)
		sink += i;
}
int main(void)
{
	for (;;)
		inside();
}
C
if cc -O1 -static -Wl,--build-id -o "$work/burn" "$work/burn.c" 2>/dev/null; then
	strip -s -o "$work/burn.bare" "$work/burn"
	build_id=$(readelf -n "$work/burn" | sed -n 's/.*Build ID: //p')
	kept=/var/cache/strait/names
	cleanups+=("rm -f $kept/$build_id*")
	container_start "$one-bare" "$work/burn.bare"
	burns 'stripped in a container' "$one-bare"
	has 'stripped in a container: places in the file' ';burn\+0x[0-9a-f]+ '
	# What a container says of its files holds for files of containers only.
	container_start "$one-full" "$work/burn"
	burns 'with symbols in a container' "$one-full"
	has 'with symbols in a container: functions' ';main;inside '
	start "$work/burn.bare"
	run "$strait" record -q --replace -F 999 --budget 100% -d 1 -p "$started_pid" -o "$work/r.strait"
	run "$strait" flame -U "$work/r.strait"
	has 'stripped on the host, known from a container only: places' ';burn.bare\+0x[0-9a-f]+ '
	stop "$started_pid"
	burns 'stripped in another container' "$one-bare"
	has 'stripped in another container: functions' ';main;inside '
	rm -f "$kept/$build_id"*
	start "$work/burn"
	run "$strait" record -q --replace -F 999 --budget 100% -d 1 -p "$started_pid" -o "$work/r.strait"
	is 'with symbols on the host: recorded' 0 "$status"
	stop "$started_pid"
	burns 'stripped in a container, known from the host' "$one-bare"
	has 'stripped in a container, known from the host: functions' ';main;inside '
	# Its map is /tmp/perf-1.map in there.
	if [ "$(uname -m)" = x86_64 ] && cc -O2 -D_GNU_SOURCE -pthread -static -DSECONDS=60 \
		-DNAME='"jit"' -o "$work/jit" "$root/tests/integration/stacks/jit.c" 2>"$work/jit.log"; then
		container_start "$one-jit" "$work/jit"
		burns 'generated code in a container' "$one-jit"
		# The rest is the choice between them.
		has 'generated code in a container: functions' \
			';run_(burn|back);jit_(burn|outer;middle;jit_inner;leaf)' 0.90
		lacks 'generated code in a container: all of it has a name' '\[jit|\[anon|jit\+0x' "$out"
	else
		skip_part 'generated code in a container' \
			"jit.c cannot be built here: $(tail -n 1 "$work/jit.log" 2>/dev/null)"
	fi
else
	skip_part 'names in a container' 'cc cannot link statically'
fi
finish
