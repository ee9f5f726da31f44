# common.sh: what the scripts of the VM matrix share; read with `.`, does nothing by itself.
#
# Where the cache is, which kernels there are, how to stop. Sets VM (this folder)
# and CACHE. Knows no host name: mirrors come from the machine's own apt sources.

VM=$(cd "$(dirname "$0")" && pwd)
# shellcheck disable=SC2034
DEBIAN_PACKAGES="qemu-system-x86 mmdebstrap kmod busybox-static e2fsprogs cpio xz-utils"
CACHE=${GREENWATCH_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/greenwatch-vm}

die() {
	printf '%s: %s\n' "${0##*/}" "$1" >&2
	exit "${2:-1}"
}

say() {
	printf '%s\n' "$*" >&2
}

need() {
	for tool; do
		command -v "$tool" >/dev/null || die "needs $tool; Debian: $DEBIAN_PACKAGES"
	done
}

# kernels -> "name suite regex", one a line
kernels() {
	sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$VM/kernels.txt"
}

# mirror_of SUITE -> the address of Debian's archive, or of its security archive, that this machine uses
mirror_of() {
	case $1 in
	*-security) label=Debian-Security ;;
	*) label=Debian ;;
	esac
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' |
		sed -n "s/^$label //p" | sort -u | head -n 1
}

# source_line SUITE -> a line of an apt sources list, verified with Debian's own keys
source_line() {
	uri=$(mirror_of "$1")
	[ -n "$uri" ] || die "no apt source of this machine serves $1 (run apt-get update first)"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $1 main"
}
