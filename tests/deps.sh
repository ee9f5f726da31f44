#!/bin/sh
# deps.sh PACKAGE...: installs those of Debian's packages that are missing.
#
# Does nothing, and needs neither root nor network, where all are there. Adds no source of packages
# and removes nothing.
set -eu

missing=
for package; do
	case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) in
	installed) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
	echo "deps: these packages are missing; install them as root:$missing" >&2
	exit 1
fi
echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
# shellcheck disable=SC2086
if apt-get update -qq >"$log" 2>&1 &&
	apt-get install -y -qq --no-install-recommends $missing >>"$log" 2>&1; then
	rm -f "$log"
else
	cat "$log" >&2
	rm -f "$log"
	exit 1
fi
