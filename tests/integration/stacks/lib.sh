# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What the tests of stacks share, beside ../lib.sh.

# verdict JUDGE ARGUMENT…: prints the checks of one of the judges here as this test's.
verdict() {
	local word what seen judge=$root/tests/integration/stacks/$1
	shift
	if ! PYTHONDONTWRITEBYTECODE=1 python3 "$judge" "$@" >"$work/verdict" 2>"$work/judge.err"; then
		report 1 "the judge of $*" "$(tail -n 3 "$work/judge.err")"
		return
	fi
	while IFS=$'\t' read -r word what seen; do
		if [ "$word" = note ]; then
			echo "note: $what"
			continue
		fi
		[ "$word" = good ]
		report $? "$what" "$seen"
	done <"$work/verdict"
}
