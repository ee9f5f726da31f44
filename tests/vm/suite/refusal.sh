#!/bin/sh
# refusal.sh too_old|no_btf|locked_down|unprivileged: does greenwatch refuse in words a person can act on?
#
# Each function runs greenwatch where it cannot work and asserts exit status 1,
# no report left behind, and what the words must contain. Mounts are made in a
# mount namespace of their own.
set -eu

# shellcheck disable=SC2086
payload=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
chmod 1777 "$work"
target=
clean_up() {
	[ -z "$target" ] || kill "$target" 2>/dev/null || true
	rm -rf "$work"
}
trap clean_up EXIT

fail() {
	echo "$1; greenwatch said:"
	sed 's/^/  /' "$work/said"
	exit 1
}

# refused WORDS...: the last run ended with status 1, left nothing and said each of WORDS
refused() {
	[ "$status" = 1 ] || fail "status $status, not 1"
	[ ! -e "$work/out.json" ] || fail 'it left a report'
	for word; do
		grep -qF -- "$word" "$work/said" || fail "it did not say \"$word\""
	done
	echo "refused well: $(head -n 1 "$work/said")"
}

one_line() {
	[ "$(wc -l <"$work/said")" = 1 ] || fail 'more than one line'
}

AS_NOBODY='setpriv --reuid=65534 --regid=65534 --clear-groups'

# watch_with PREFIX...: greenwatch on $target, by way of PREFIX
watch_with() {
	status=0
	"$@" "$payload/greenwatch" -p "$target" -d 1 -o "$work/out.json" >"$work/said" 2>&1 || status=$?
}

# $1: a prefix of words, maybe none. No function: the pid must be the target's own.
start_target() {
	$1 sleep 1000 &
	target=$!
	sleep 0.5
}

too_old() {
	start_target ''
	watch_with env
	refused "$(uname -r)" 'too old' 5.15
	one_line
}

no_btf() {
	start_target ''
	watch_with unshare -m sh -c 'mount -t tmpfs none /sys/kernel/btf && exec "$@"' sh
	refused BTF "$(uname -r)"
	one_line
	: >"$work/empty"
	watch_with unshare -m sh -c "mount --bind '$work/empty' /sys/kernel/btf/vmlinux"' && exec "$@"' sh
	refused BTF
}

locked_down() {
	start_target ''
	watch_with env
	refused 'locked down'
	one_line
}

unprivileged() {
	start_target "$AS_NOBODY"
	watch_with $AS_NOBODY
	refused CAP_BPF CAP_PERFMON
	kill "$target"
	start_target ''
	watch_with $AS_NOBODY
	refused 'no right'
}

case ${1:-} in
too_old | no_btf | locked_down | unprivileged) "$1" ;;
*)
	echo 'usage: refusal.sh too_old|no_btf|locked_down|unprivileged' >&2
	exit 2
	;;
esac
