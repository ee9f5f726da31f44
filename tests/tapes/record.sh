#!/bin/sh
# record.sh [GREENWATCH]: makes the tapes of the stall laboratory anew (root).
#
# Needed when the wire format changes. Runs in mount and host-name namespaces of its own, from
# a neutral folder, so that a tape names nothing of the machine it was made on. Tapes that came
# with a bug report are not touched: they cannot be made anew, only converted.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
greenwatch=$(realpath "${1:-$here/../../build/greenwatch}")

if [ "${TAPES_INSIDE:-}" != 1 ]; then
	TAPES_INSIDE=1 exec unshare -m -u "$0" "$greenwatch"
fi

hostname lab
mount -t tmpfs app /srv
mkdir /srv/app /srv/out /srv/python
cp "$here"/../lab/*.py /srv/app/
cd /srv/app

# record NAME PYTHON WORKLOAD
record() {
	rm -f /srv/out/"$1".tape /srv/ready
	mkfifo /srv/go
	"$2" -B "$3" --stalls 3 </srv/go >/srv/ready &
	target=$!
	exec 9>/srv/go
	until grep -qs READY /srv/ready; do sleep 0.1; done
	"$greenwatch" record /srv/out/"$1".tape -p $target -T 50ms >/dev/null 2>/srv/said &
	watcher=$!
	until grep -q '^watching' /srv/said; do sleep 0.1; done
	echo go >&9
	exec 9>&-
	wait $target $watcher
	rm /srv/go
	cp /srv/out/"$1".tape "$here/$1.tape"
	echo "recorded $1"
}

for workload in sleep cpu sort fsync recv crowd hub stopped runqueue; do
	record "gevent-$workload" /usr/bin/python3 "gevent_$workload.py"
done
record asyncio-sleep /usr/bin/python3 asyncio_sleep.py
record asyncio-crowd /usr/bin/python3 asyncio_crowd_sites.py
record asyncio-chain /usr/bin/python3 asyncio_chain.py

# layouts other than Debian's, where they are at hand
for version in 3.9 3.10 3.12 3.13; do
	for home in "$HOME"/.pyenv/versions/"$version".*; do
		[ -x "$home/bin/python3" ] || continue
		mount --bind "$home" /srv/python
		record "asyncio-cpu-$version" /srv/python/bin/python3 asyncio_cpu.py
		umount /srv/python
	done
done
