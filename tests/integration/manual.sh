#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The manual and the help say the same: every option that a command's help lists is in the manual,
# and the manual has no other. Commands of README.md have a help, finding ids a line in json.md.

# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

need_strait
need mandoc col

commands=('' record report flame 'baseline save' 'baseline list' 'baseline show' 'baseline compare'
	'baseline remove' monitor doctor)

mandoc -T ascii "$root/docs/strait.8" | col -b >"$work/manual" ||
	skip 'mandoc cannot read the page'

: >"$work/helped"
for command in "${commands[@]}"; do
	# shellcheck disable=SC2086 # two words are two arguments
	run "$strait" $command --help
	is "help of '$command': exit" 0 "$status"
	is "help of '$command': nothing on stderr" '' "$(cat "$err")"
	lacks "help of '$command': no missing text" '\(null\)' "$out"
	# Options are what stands at the beginning of a row: "  -p, --pid PID" or "      --json".
	sed -nE 's/^ {2,6}(-[A-Za-z], )?(--[a-z-]+).*/\1\2/p' "$out" | tr -d ' ' | tr ',' '\n' \
		>>"$work/helped"
done
sort -u -o "$work/helped" "$work/helped"
# In the manual they are rows too, of the section OPTIONS: "     -p, --pid pid[,pid] ...".
sed -n '/^OPTIONS/,/^THE REPORT/p' "$work/manual" |
	sed -nE 's/^ {5}(-[A-Za-z])?,? ?(--[a-z-]+)?.*/\1\n\2/p' | grep -E '^-' | sort -u >"$work/told"

check 'the help lists options' test "$(wc -l <"$work/helped")" -gt 20
is 'options that the manual lacks' '' "$(comm -23 "$work/helped" "$work/told" | tr '\n' ' ')"
is 'options that only the manual has' '' \
	"$(comm -13 "$work/helped" "$work/told" | grep -vx -- -- | tr '\n' ' ')"

while read -r command; do
	run "$strait" "$command" --help
	is "README's strait $command" 0 "$status"
done < <(sed -nE 's/^\| `strait ([a-z]+).*/\1/p' "$root/README.md" | sort -u)

is 'finding ids in docs/json.md' \
	"$(sed -nE 's/^const struct detector .* = \{"([^"]+)".*/\1/p' \
		"$root"/user/analysis/detectors/*.c | sort)" \
	"$(sed -n '/^These are the ids/,/^A \*\*place/p' "$root/docs/json.md" |
		sed -nE 's/^\| `([^`]+)`.*/\1/p' | sort)"
finish
