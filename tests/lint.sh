#!/bin/sh
# lint.sh BUILD FILE...: form, bugs, doors, and what does not belong in a commit.
#
# Changes nothing. clang-tidy leaves out the one file that includes bpftool's skeleton (the
# generated code is not ours) and what is compiled for BPF.
set -eu

build=$1
shift
failed=0

complain() {
	echo "lint: $*" >&2
	failed=1
}

tidy_flags="-std=gnu11 -D_GNU_SOURCE -DGW_VERSION=\"0\" -I. -Ilib -Ilib/include -Icli -I$build"

tidy() {
	printf '%s\n' "$@" | grep -E '^(lib|cli)/.*\.c$' | grep -v '^lib/source/live\.c$' |
		xargs -P "$(nproc)" -n 6 sh -c \
			'clang-tidy --quiet "$@" -- '"$tidy_flags"' 2>/dev/null' tidy ||
		complain "clang-tidy found something (above)"
}

# Each third-party library has one door: HEADER PATTERN-OF-FILES.
doors() {
	while read -r header door; do
		others=$(grep -lE "#include <$header" "$@" | grep -vE "^($door)$" || true)
		[ -z "$others" ] || complain "<$header> has one door, $door; included by" $others
	done <<-'DOORS'
		bpf/(libbpf|bpf)\.h lib/source/(live|gate)\.c|tests/bench/.*
		(libelf|gelf)\.h lib/name/elf\.c
		elfutils/ lib/name/unwind\.c
		zlib\.h lib/sink/pprof\.c
		protobuf-c/ none
		cjson/ lib/sink/json.*\.[ch]|tests/unit/.*
		criterion/ tests/unit/.*
	DOORS
}

# A room sees what architecture.md allows: ROOM PATTERN-IT-MUST-NOT-INCLUDE.
rooms() {
	while read -r room forbidden; do
		bad=$(printf '%s\n' "$@" | grep -E "^$room" | xargs grep -lE "#include \"$forbidden" || true)
		[ -z "$bad" ] || complain "$room must not include $forbidden:" $bad
	done <<-'ROOMS'
		cli/ (lib/|bpf/|sink/|source/|name/|report\.h|base/)
		lib/load/ (source|name|runtime|sink)/
		lib/base/ (source|name|runtime|sink)/
		lib/sink/ (source|name|runtime|bpf/(turn|pywalk))
		lib/name/ (source|sink)/
		lib/runtime/ (source|sink)/
		lib/audit/ (source|sink)/
		lib/[a-z]+\.c bpf/(turn|pywalk|hist)\.h
	ROOMS
}

clang-format --dry-run -Werror "$@" || complain "clang-format: run make format"
tidy "$@"
doors "$@"
rooms "$@"
grep -nE '\b(TODO|FIXME|XXX)\b' "$@" && complain "an issue or a fix instead of a TODO"
grep -nE '^\s*(exit|abort|printf)\s*\(' $(printf '%s\n' "$@" | grep '^lib/') &&
	complain "the library does not exit, abort or print"
git grep -nE '^(<<<<<<<|>>>>>>>)( |$)' && complain "a merge that was not finished"
exit $failed
