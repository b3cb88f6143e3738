#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Debug files from a server: only when asked for, and never for longer than one is willing to wait.
# The server runs in a network namespace of its own with the test, so that nobody else reaches it.

if [ -z "${STRAIT_TEST_NETWORK:-}" ] && [ "$(id -u)" -eq 0 ]; then
	STRAIT_TEST_NETWORK=own exec unshare --net --mount "$0" "$@"
fi

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need g++ debuginfod ip python3 sqlite3 strip objcopy
ip link set lo up || skip 'no network namespace'

# mix and whole are inlined into churn; the server alone has what tells so.
cat >"$work/busy.cc" <<'C'
volatile unsigned long sink;
static inline __attribute__((always_inline)) unsigned long mix(unsigned long x)
{
	for (int i = 0; i < 50; i++)
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
	return x;
}
static inline __attribute__((always_inline)) unsigned long whole(unsigned long x)
{
	return mix(x) + 1;
}
__attribute__((noinline)) void churn()
{
	for (int i = 0; i < 100000; i++)
		sink = whole(sink + i);
}
int main()
{
	for (;;)
		churn();
}
C
mkdir "$work/served" "$work/bin"
g++ -O2 -g -Wl,--build-id -o "$work/busy" "$work/busy.cc" || skip 'g++ does not build'
objcopy --only-keep-debug "$work/busy" "$work/served/busy.debug"
strip -o "$work/bin/busy" "$work/busy"
build_id=$(readelf -n "$work/busy" | sed -n 's/.*Build ID: //p')

port=$((20000 + RANDOM % 10000))
export DEBUGINFOD_URLS=http://127.0.0.1:$port DEBUGINFOD_CACHE_PATH=$work/cache
# Not its own upstream server.
env -u DEBUGINFOD_URLS debuginfod -p $port -d :memory: -t 0 -F "$work/served" >"$work/server.log" 2>&1 </dev/null &
started+=($!)
# Not by debuginfod-find: it remembers for minutes that a file was not there.
serves() {
	python3 - "$DEBUGINFOD_URLS/buildid/$build_id/debuginfo" <<-'P'
		import sys, urllib.request
		urllib.request.urlopen(sys.argv[1], timeout=5).read()
	P
}
until_true 30 serves || skip "the server does not serve: $(tail -n 1 "$work/server.log")"
asked() {
	grep -c "GET /buildid/$build_id/debuginfo" "$work/server.log"
}
before=$(asked)

start "$work/bin/busy"
busy=$started_pid

# ---- not asked for ----

run "$strait" record -q -d 1 -p "$busy" -o "$work/without.strait"
is 'without the option: a recording' 0 "$status"
run "$strait" flame "$work/without.strait"
matches 'without the option: a place in the file' ';busy\+0x[0-9a-f]+ [0-9]+$' "$out"
lacks 'without the option: no name' 'churn' "$out"
is 'without the option: the server was not asked' "$before" "$(asked)"

# ---- asked for ----

run "$strait" record -d 1 -p "$busy" --debuginfod -o "$work/with.strait"
is 'with it: a recording' 0 "$status"
matches 'it says what is fetched' 'fetching the debug file of .*busy$' "$err"
matches 'it says what was fetched' 'debuginfod: [1-9][0-9]* debug files fetched' "$err"
run "$strait" flame "$work/with.strait"
matches 'with it: functions, the inlined ones too' ';main;churn\(\);whole_\[i\];mix_\[i\] [0-9]+$' "$out"
lacks 'with it: no place in the file' 'busy\+0x' "$out"
is 'with it: lines' 'mix 5 busy.cc' "$(sqlite3 "$work/with.strait" \
	"SELECT function || ' 5 ' || replace(file, rtrim(file, replace(file, '/', '')), '')
	FROM v_frames WHERE inlined = 2 AND line IN (4, 5) LIMIT 1")"
is 'the recording is whole' ok "$(sqlite3 "$work/with.strait" 'PRAGMA integrity_check')"
run "$strait" -q -d 1 -p "$busy" --debuginfod --format json
is 'a report with it' 0 "$status"
matches 'it names the function' '"function": ?"mix"' "$out"
run env DEBUGINFOD_URLS=http://127.0.0.1:1 "$strait" -q -d 1 -p "$busy" --debuginfod --format json
matches 'fetched once, it is taken from the cache' '"function": ?"mix"' "$out"

# ---- what goes wrong ----

export DEBUGINFOD_CACHE_PATH=$work/cache2
run env DEBUGINFOD_URLS=http://127.0.0.1:1 "$strait" -d 1 -p "$busy" --debuginfod
is 'nobody serves: a report all the same' 0 "$status"
matches 'nobody serves: it says so' 'debuginfod: 0 debug files .* [1-9][0-9]* not to be had' "$err"

# A server that takes a connection and never says a word.
cat >"$work/mute.py" <<'P'
import socket, sys, time
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
held = []
while True:
    held.append(server.accept())
P
start python3 "$work/mute.py" $((port + 1))
until_true 10 python3 -c "import socket; socket.create_connection(('127.0.0.1', $((port + 1))))"
DEBUGINFOD_CACHE_PATH=$work/cache3 DEBUGINFOD_URLS=http://127.0.0.1:$((port + 1)) \
	"$strait" -d 1 -p "$busy" --debuginfod >"$work/mute.out" 2>"$work/mute.err" </dev/null &
waiting=$!
until_true 20 grep -q 'fetching the debug file' "$work/mute.err"
began=$SECONDS
kill -TERM $waiting # SIGINT is ignored in the background
wait $waiting
is 'a mute server: a signal goes on without' 0 $?
within 'a mute server: soon' 0 10 $((SECONDS - began))
matches 'a mute server: the report is there' 'busy' "$work/mute.out"

if ! ls /etc/debuginfod/*.urls >/dev/null 2>&1; then
	run env -u DEBUGINFOD_URLS "$strait" -d 1 -p "$busy" --debuginfod
	is 'no server known: fails at once' 1 "$status"
	matches 'no server known: says what to do' 'set DEBUGINFOD_URLS' "$err"
	is 'no server known: in one line' 1 "$(wc -l <"$err")"
fi

library=$(ldconfig -p | sed -n 's/.*libdebuginfod\.so\.1 .* => //p' | head -n 1)
if [ -n "$library" ] && mount --bind /dev/null "$(readlink -f "$library")" 2>/dev/null; then
	mounts+=("$(readlink -f "$library")")
	run "$strait" -d 1 -p "$busy" --debuginfod
	is 'no library: this host cannot do it' 77 "$status"
	matches 'no library: says what to install' 'install .*libdebuginfod1' "$err"
	is 'no library: in one line' 1 "$(wc -l <"$err")"
	run "$strait" -q -d 1 -p "$busy"
	is 'no library: nothing else needs it' 0 "$status"
fi
finish
