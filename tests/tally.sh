#!/bin/sh
# tally.sh: runs Criterion programs and adds up what all tiers have counted.
#
#   tally.sh unit DIR PROGRAM...   runs each, notes passed and failed in DIR/tally
#   tally.sh show DIR              prints the sum as the last line: "N passed, M failed"
#
# Other tiers append lines of their own: TIER PASSED FAILED SKIPPED.
set -eu

what=$1 dir=$2
shift 2

run_unit() {
	rm -f "$dir/tally"
	passed=0 failed=0
	for program; do
		out=$("$program" 2>&1) || true
		line=$(printf '%s\n' "$out" | grep 'Synthesis:' || echo "Passing: 0 | Failing: 1 | Crashing: 0")
		ok=$(printf '%s\n' "$line" | sed 's/.*Passing: *\([0-9]*\).*/\1/')
		bad=$(printf '%s\n' "$line" | sed 's/.*Failing: *\([0-9]*\) | Crashing: *\([0-9]*\).*/\1 \2/')
		bad=$((${bad% *} + ${bad#* }))
		[ $bad -eq 0 ] || printf '%s\n' "$out"
		passed=$((passed + ok)) failed=$((failed + bad))
	done
	echo "unit $passed $failed 0" >>"$dir/tally"
	echo "unit: $passed passed, $failed failed"
	[ $failed -eq 0 ]
}

show() {
	awk '{ p += $2; f += $3; s += $4 } END {
		printf "%d passed, %d failed", p, f
		if (s) printf ", %d skipped", s
		print ""
	}' "$dir/tally"
}

case $what in
unit) run_unit "$@" ;;
show) show ;;
*) echo "tally: unit or show" >&2; exit 2 ;;
esac
