#!/bin/sh
# fetch.sh [NAME...]: brings the kernels of kernels.txt into the cache.
#
# The mirror is that of the machine's own apt sources. apt, with state of its own
# in the cache, verifies the archive's signature; each package is verified once
# more against the SHA256 of the signed index before it is unpacked. What is in
# the cache already is not downloaded again. Needs no root. Changes nothing of
# the machine's apt, installs nothing, and removes only older kernels of the
# cache.
#
#   CACHE/kernels/NAME/{root/,package}    unpacked packages; "name version sha256" of each
set -eu
. "$(dirname "$0")/common.sh"

# An apt of one suite, apart from the machine's.
apt_begin() {
	APT=$CACHE/apt/$1
	mkdir -p "$APT/lists/partial" "$APT/cache/archives/partial"
	: >"$APT/status"
	source_line "$1" >"$APT/sources.list"
	cat >"$APT/apt.conf" <<-END
	Dir::Etc::sourcelist "$APT/sources.list";
	Dir::Etc::sourceparts "/dev/null";
	Dir::Etc::preferencesparts "/dev/null";
	Dir::State "$APT";
	Dir::State::status "$APT/status";
	Dir::Cache "$APT/cache";
	APT::Sandbox::User "";
	END
	APT_CONFIG=$APT/apt.conf
	export APT_CONFIG
	apt-get -qq update || die "cannot update the index of $1"
}

newest_of() {
	apt-cache pkgnames linux-image- | grep -Ex "$1" | sort -V | tail -n 1
}

# From 6.19 on linux-image is empty and the files are in linux-binary, -modules and -base.
parts_of() {
	echo "$1"
	apt-cache depends --important "$1" |
		sed -n 's/^ *\(Pre\)\{0,1\}Depends: \(linux-\(base\|binary\|modules\)-[0-9].*\)/\2/p'
}

# field PACKAGE FIELD -> of the newest version in the index
field() {
	apt-cache show --no-all-versions "$1" | sed -n "s/^$2: //p"
}

describe() {
	for part in $(parts_of "$1"); do
		echo "$part $(field "$part" Version) $(field "$part" SHA256)"
	done
}

# unpack PACKAGE VERSION SHA256 DIR
unpack() (
	mkdir -p "$4/debs"
	cd "$4/debs"
	apt-get -qq download "$1=$2"
	deb=$(ls "$1"_*.deb)
	echo "$3  $deb" | sha256sum --check --quiet - || die "$deb: SHA256 differs from the index"
	dpkg -x "$deb" "$4/root"
)

fetch_one() {
	name=$1 dir=$CACHE/kernels/$1
	apt_begin "$2"
	package=$(newest_of "$3")
	[ -n "$package" ] || die "$name: nothing in $2 matches $3"
	wanted=$(describe "$package")
	if [ -f "$dir/package" ] && [ "$(cat "$dir/package")" = "$wanted" ]; then
		say "$name: $package is in the cache"
		return
	fi
	rm -rf "$dir.new"
	echo "$wanted" | while read -r part version sum; do
		unpack "$part" "$version" "$sum" "$dir.new"
	done
	[ -n "$(find "$dir.new/root" -name 'vmlinuz*' -type f)" ] || die "$package: no vmlinuz inside"
	rm -rf "$dir.new/debs" "$dir"
	echo "$wanted" >"$dir.new/package"
	mv "$dir.new" "$dir"
	say "$name: fetched $package"
}

wanted_name() {
	[ $# -eq 1 ] && return 0
	name=$1
	shift
	for each; do
		[ "$each" = "$name" ] && return 0
	done
	return 1
}

need apt-get apt-cache dpkg sha256sum
mkdir -p "$CACHE/kernels"
kernels | while read -r name suite regex; do
	wanted_name "$name" "$@" || continue
	(fetch_one "$name" "$suite" "$regex") </dev/null
	"$VM/mkinitrd.sh" "$name"
done
