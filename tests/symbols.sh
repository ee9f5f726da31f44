#!/bin/sh
# symbols.sh LIBRARY: what strangers can link to is gw_ and nothing else.
set -eu

others=$(nm -D --defined-only "$1" | awk '$2 != "A" { print $3 }' | grep -v '^gw_' || true)
if [ -n "$others" ]; then
	echo "symbols: not of the public interface, yet exported:" $others >&2
	exit 1
fi
