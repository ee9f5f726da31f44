#!/bin/sh
# matrix.sh [-k KERNEL] [-s SUITE] [-t TALLY] [-v]: every kernel of kernels.txt with every suite
# that suites.txt has for it.
#
# Each cell is a guest of its own, one at a time. Prints a line a cell, the log
# of those that failed (-v: of all), and at last `N passed, M failed, K skipped`;
# the status is 1 when one failed. A cell is skipped with its reason when QEMU
# or the cache is not there (fetch.sh, mkimage.sh fill it); a greenwatch that is not
# built is an error. Downloads nothing. -k and -s choose, and may be repeated; the
# sum is appended to the file TALLY as `vm N M K`.
#
#   GREENWATCH=build/greenwatch   the binary; probes.bpf.o lies beside it
set -eu
. "$(dirname "$0")/common.sh"

ROOT=$(cd "$VM/../.." && pwd)
GREENWATCH=${GREENWATCH:-$ROOT/build/greenwatch}
CC=${CC:-cc}

# What the guests get. Compiled here, as the image is of the same Debian and has no compiler.
make_payload() {
	objects=$(dirname "$GREENWATCH")
	mkdir "$1"
	cp "$GREENWATCH" "$objects/probes.bpf.o" "$1/"
	strip --strip-debug "$1/greenwatch"
	mkdir "$1/lab"
	cp "$ROOT"/tests/lab/*.py "$1/lab/"
	cp -R "$VM/suite" "$1/suite"
	chmod +x "$1/suite/without.sh"
	$CC -g -O1 -Wall -std=gnu11 -o "$1/epoll_loop" "$ROOT/tests/lab/epoll_loop.c"
	$CC -g -O1 -Wall -std=gnu11 -o "$1/witness" "$VM/suite/witness.c"
	$CC -g -O1 -Wall -std=gnu11 -o "$1/verify" "$VM/suite/verify.c" -lbpf
	$CC -g -O1 -Wall -std=gnu11 -shared -fPIC -o "$1/without.so" "$VM/suite/without.c" -ldl
}

# why_not KERNEL -> why a guest cannot be started; nothing when it can
why_not() {
	command -v qemu-system-x86_64 >/dev/null || echo 'no qemu-system-x86_64'
	[ -f "$CACHE/kernels/$1/initrd.gz" ] || echo "kernel $1 is not in the cache (fetch.sh)"
	[ -f "$("$VM/mkimage.sh" -n)" ] || echo 'no image in the cache (mkimage.sh)'
}

row() {
	printf '%-8s %-16s %-5s %5s  %s\n' "$@"
}

show_log() {
	sed 's/^/    /' "$work/log"
}

# cell KERNEL SUITE LIMIT COMMAND
cell() {
	reason=$(why_not "$1" | head -n 1)
	if [ -n "$reason" ]; then
		skipped=$((skipped + 1))
		row "$1" "$2" SKIP - "$reason"
		return
	fi
	began=$(date +%s) status=0 append=''
	case $4 in
	boot=*) append=${4%% *} ;;
	esac
	APPEND=${append#boot=} "$VM/run.sh" "$1" "$3" "$work/payload" "${4#"$append"}" >"$work/log" 2>&1 </dev/null || status=$?
	took=$(($(date +%s) - began))
	if [ "$status" = 0 ]; then
		passed=$((passed + 1))
		row "$1" "$2" ok "${took}s" ''
		[ -z "$verbose" ] || show_log
	else
		failed=$((failed + 1))
		row "$1" "$2" FAIL "${took}s" "status $status"
		show_log
	fi
}

# chosen NAME LIST: is it among them? All are when the list is empty.
chosen() {
	case "${2:-,$1,}" in
	*,"$1",*) return 0 ;;
	*) return 1 ;;
	esac
}

all_cells() {
	kernels | while read -r kernel _; do
		chosen "$kernel" "$only_kernels" || continue
		sed 's/#.*//' "$VM/suites.txt" | while read -r suite on limit command; do
			if [ -n "$suite" ] && chosen "$suite" "$only_suites" && chosen "$kernel" ",$on,"; then
				echo "$kernel $suite $limit $command"
			fi
		done
	done
}

verbose='' only_kernels='' only_suites='' tally=''
while getopts k:s:t:v option; do
	case $option in
	k) only_kernels=${only_kernels:-,}$OPTARG, ;;
	s) only_suites=${only_suites:-,}$OPTARG, ;;
	t) tally=$OPTARG ;;
	v) verbose=1 ;;
	*) die 'usage: matrix.sh [-k KERNEL] [-s SUITE] [-t TALLY] [-v]' 2 ;;
	esac
done
[ -x "$GREENWATCH" ] || die "$GREENWATCH is not there (make all, or give GREENWATCH)"

work=$(mktemp -d)
clean_up() {
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
make_payload "$work/payload"
all_cells >"$work/cells"
passed=0 failed=0 skipped=0
row kernel suite '' time ''
while read -r kernel suite limit command; do
	cell "$kernel" "$suite" "$limit" "$command"
done <"$work/cells"
[ -z "$tally" ] || echo "vm $passed $failed $skipped" >>"$tally"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
