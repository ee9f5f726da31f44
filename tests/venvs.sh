#!/bin/sh
# venvs.sh [DIR]: interpreters with gevent and uvloop for tests/unit/test_tasks.c, one for each
# CPython of pyenv, and two with the greenlet of before 2.0. Needs the network once.
set -u

dir=${1:-/tmp/gw-venvs}
mkdir -p "$dir"

make_one() { # NAME PYTHON PACKAGE...
	name=$1 python=$2
	shift 2
	[ -x "$dir/$name/bin/python" ] && return
	"$python" -m venv "$dir/$name" &&
		"$dir/$name/bin/pip" -q --disable-pip-version-check install --only-binary :all: "$@" ||
		echo "venvs: $name: not complete" >&2
}

for python in "$HOME"/.pyenv/versions/3.*/bin/python; do
	version=${python%/bin/python}
	version=${version##*/}
	case $version in
	3.[0-6].*) continue ;;
	3.8.* | 3.10.*) make_one "$version-old" "$python" 'greenlet<2' gevent==21.12.0 ;;
	3.9.*) make_one "$version-gl2" "$python" greenlet==2.0.2 gevent==22.10.2 ;;
	3.12.*)
		make_one "$version-uv" "$python" uvloop
		make_one "$version-ev" "$python" eventlet
		;;
	esac
	make_one "$version" "$python" gevent
done
