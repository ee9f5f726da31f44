#!/bin/sh
# mkinitrd.sh NAME: makes the initial ram disk of a kernel in the cache.
#
# A static busybox, the modules without which the root disk is not reached, in
# load order, and guest/init. Nothing of the machine's own modules or kernel is
# used. Packages carry no modules.dep: depmod writes it inside the cache.
#
#   CACHE/kernels/NAME/initrd.gz
set -eu
. "$(dirname "$0")/common.sh"

MODULES='virtio_pci virtio_blk ext4'

# deps_of MODULE -> files, what is needed first first; nothing for what is built in
deps_of() {
	grep -q "/$1\.ko" "$tree/modules.builtin" && return
	line=$(grep -E "(^|/)$1\.ko(\.xz|\.zst|\.gz)?:" "$tree/modules.dep") ||
		die "$version has no module $1, built in or not"
	for file in $(echo "${line#*:}" | tr ' ' '\n' | tac) "${line%%:*}"; do
		echo "$file"
	done
}

plain() {
	case $1 in
	*.xz) xz -dc "$1" ;;
	*.zst) zstd -qdc "$1" ;;
	*.gz) gzip -dc "$1" ;;
	*) cat "$1" ;;
	esac
}

# add MODULE: into the ram disk, with its dependencies
add() {
	deps=$(deps_of "$1")
	for file in $deps; do
		module=$(basename "$file" | sed 's/\.ko.*//')
		grep -qx "$module" "$work/order" && continue
		plain "$tree/$file" >"$work/m/$module.ko"
		echo "$module" >>"$work/order"
	done
}

[ $# -eq 1 ] || die 'usage: mkinitrd.sh NAME' 2
need depmod busybox cpio gzip xz
dir=$CACHE/kernels/$1
base=$dir/root
[ -d "$base/usr/lib/modules" ] && base=$base/usr
[ -d "$base/lib/modules" ] || die "$1 is not in the cache (run fetch.sh)"
version=$(ls "$base/lib/modules")
tree=$base/lib/modules/$version
[ -s "$tree/modules.dep" ] || depmod -b "$base" "$version"

busybox=$(command -v busybox)
ldd "$busybox" >/dev/null 2>&1 && die "$busybox is not static (Debian: busybox-static)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/m" "$work/proc" "$work/sys" "$work/dev" "$work/new"
: >"$work/order"
for module in $MODULES; do
	add "$module"
done
cp "$busybox" "$work/bin/busybox"
cp "$VM/guest/init" "$VM/guest/go" "$work/"
chmod +x "$work/init" "$work/go"
(cd "$work" && find . | cpio -o -H newc --quiet -R 0:0 | gzip -1) >"$dir/initrd.gz.new"
mv "$dir/initrd.gz.new" "$dir/initrd.gz"
say "$1: initrd for $version with: $(tr '\n' ' ' <"$work/order")"
