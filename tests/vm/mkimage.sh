#!/bin/sh
# mkimage.sh: makes the guests' root disk: Debian bookworm with what greenwatch needs.
#
# mmdebstrap fills a tree, mke2fs -d puts it into an ext4 file; nothing is
# mounted. Keyed by the hash of the package list: an image of the same list is
# not made again (-f: it is, to take in updates). Prints the image's path (-n:
# and makes nothing). greenwatch itself is not in it, it comes with the payload.
#
#   CACHE/image-HASH.ext4
set -eu
. "$(dirname "$0")/common.sh"

SUITE=bookworm
PACKAGES='python3 python3-gevent libbpf1 libelf1 libdw1 libcjson1 libprotobuf-c1 procps util-linux'

make_tree() {
	source_line "$SUITE" >"$work/sources.list"
	source_line "$SUITE-security" >>"$work/sources.list"
	mmdebstrap --quiet --variant=minbase --include="$(echo "$PACKAGES" | tr ' ' ',')" \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' "$SUITE" "$1" - <"$work/sources.list" >&2
}

# A third of the tree's size is left free for what a test writes.
make_disk() {
	size=$(du -sm "$1" | cut -f1)
	mke2fs -q -t ext4 -O ^has_journal -d "$1" "$2.new" "$((size * 4 / 3 + 32))M"
	mv "$2.new" "$2"
}

image=$CACHE/image-$(echo "$SUITE $PACKAGES" | sha256sum | cut -c1-12).ext4
case ${1:-} in
-n) make=no ;;
-f) make=yes ;;
'') make=$([ -f "$image" ] && echo no || echo yes) ;;
*) die 'usage: mkimage.sh [-f | -n]' 2 ;;
esac
if [ "$make" = yes ]; then
	need mmdebstrap mke2fs
	[ "$(id -u)" = 0 ] || die 'needs root, as mmdebstrap is run without user namespaces'
	mkdir -p "$CACHE"
	work=$(mktemp -d "$CACHE/image.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	make_tree "$work/tree"
	make_disk "$work/tree" "$image"
	say "made $image"
fi
echo "$image"
