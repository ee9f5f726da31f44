#!/bin/sh
# Shows greenwatch at work: a small gevent web shop, a little load, and greenwatch watching the shop.
#
#   GREENWATCH="sudo build/greenwatch" SECONDS_=8 contrib/demo/demo.sh
#
# Everything stays on loopback. What is started here is ended here, whichever way the script ends.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
greenwatch=${GREENWATCH:-$here/../../build/greenwatch}
python=${PYTHON:-/usr/bin/python3}
seconds=${SECONDS_:-8}
place=$(mktemp -d)
shop= load=

clean_up() {
	for pid in $load $shop; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	rm -rf "$place"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

"$python" -c 'import gevent.pywsgi' || { echo "demo: $python needs gevent (Debian: python3-gevent)" >&2; exit 1; }

"$python" "$here/shop.py" >"$place/port" &
shop=$!
tries=0
until port=$(cat "$place/port" 2>/dev/null) && [ -n "$port" ]; do
	tries=$((tries + 1))
	[ $tries -le 100 ] && kill -0 $shop || { echo "demo: the shop did not open" >&2; exit 1; }
	sleep 0.1
done
"$python" "$here/load.py" "$port" $((seconds + 5)) >/dev/null 2>&1 &
load=$!

# not quoted: GREENWATCH may hold a command with arguments
$greenwatch -p $shop -d "$seconds"
