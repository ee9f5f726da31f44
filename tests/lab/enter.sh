#!/bin/sh
# enter.sh ROOT PROGRAM...: runs PROGRAM in the chroot ROOT, as the same process, in a mount namespace of its own (root).
#
# What it mounts nobody else sees, and it is gone with the last process: /proc, /dev, /sys, and this tree's
# tests on /tests, read only. So a file of the laboratory is read at another path inside than outside.
set -eu

if [ "${GREENWATCH_LAB_ENTERED:-}" != "$1" ]; then
	export GREENWATCH_LAB_ENTERED="$1"
	exec unshare --mount sh "$0" "$@"
fi
unset GREENWATCH_LAB_ENTERED
root=$1
shift
mkdir -p "$root/tests"
# so that the root is a mount inside too
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
mount --bind "$(dirname "$0")/.." "$root/tests"
mount -o remount,bind,ro "$root/tests"
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/tmp
exec chroot "$root" "$@"
