#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A kernel whose grace periods do not end, as where its threads get no CPU: strait ends all the same.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need sqlite3 cc

cc -O1 -D_GNU_SOURCE -fPIC -shared -o "$work/grace.so" \
	"$root/tests/integration/grace.c" -ldl || skip 'cannot compile'
mkdir "$work/grace"

# Whether no process runs this strait still.
none_left() {
	local exe
	for exe in /proc/[0-9]*/exe; do
		[ "$(readlink "$exe" 2>/dev/null)" != "$work/strait" ] || return 1
	done
}

cp "$strait" "$work/strait"
GRACE=$work/grace LD_PRELOAD=$work/grace.so run "$work/strait" record -q --replace -d 1 \
	-o "$work/r.strait"
is 'it ends while a grace period does not' 0 "$status"
check 'there was one that did not' test -e "$work/grace/held"
within 'the window is as long as it was to be, s' 1 10 \
	"$(sqlite3 -readonly "$work/r.strait" 'SELECT length_ns / 1e9 FROM recording')"
touch "$work/grace/over"
check 'what waited for it ends with it' until_true 20 none_left
finish
