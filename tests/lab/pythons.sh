#!/bin/sh
# pythons.sh CACHE VENVS: what pythons.py runs on: a virtual environment for each CPython of pyenv, and chroots of Debian's
# stable releases and of sid in CACHE, with the libraries of all Python workloads (root; the network once).
#
# What is there already is not touched.
set -eu

cache=$1 venvs=$2
here=$(cd "$(dirname "$0")" && pwd)
suites='bookworm trixie sid'

# mysqlclient and psycogreen come as source
sh "$here/../deps.sh" debootstrap util-linux gcc pkg-config libmariadb-dev
sh "$here/deps.sh" --python
sh "$here/../venvs.sh" --lab "$venvs"

mkdir -p "$cache"
for suite in $suites; do
	root=$cache/$suite
	if [ ! -e "$root/complete" ]; then
		echo "making a chroot of $suite"
		rm -rf "$root"
		debootstrap --variant=minbase "$suite" "$root" >"$cache/$suite.log" 2>&1 || {
			tail -n 5 "$cache/$suite.log" >&2
			exit 1
		}
		# a mirror that stands still is as good
		echo 'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/90greenwatch"
		cp /etc/resolv.conf "$root/etc/"
		: >"$root/complete"
	fi
	sh "$here/enter.sh" "$root" sh /tests/lab/deps.sh --python
done
