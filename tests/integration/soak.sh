#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The soak in short: monitor under a mixed load stays as small as it was (scripts/soak has the long
# form, thirty minutes).

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_strait
need cc setsid

STRAIT=$strait "$root/scripts/soak" "${STRAIT_SOAK:-20}" >"$out" 2>"$err"
status=$?
sed 's/^/note: /' "$out"
is "soak of ${STRAIT_SOAK:-20} s: $(grep '^soak: ' "$out" | cut -c 7- | paste -sd ';')" "0 " \
	"$status $(cat "$err")"
finish
