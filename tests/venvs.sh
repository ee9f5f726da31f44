#!/bin/sh
# venvs.sh [--lab | --programs] [DIR]: interpreters with gevent and uvloop for tests/unit/test_tasks.c, one for
# each CPython of pyenv, and two with the greenlet of before 2.0. Needs the network once.
#
# --lab: the libraries of the laboratory's workloads too. What a version has no wheel of is a line
# `MODULE reason` in DIR/NAME/missing.
#
# --programs: nothing but one for Debian's interpreter, DIR is /tmp/gw-programs then, with the programs whose audit
# tests/e2e/cases_audit.py compares with what they know themselves.
set -u

if [ "${1:-}" = --programs ]; then
	dir=${2:-/tmp/gw-programs}
	/usr/bin/python3 -m venv "$dir" && exec "$dir/bin/pip" -q --disable-pip-version-check install \
		gevent celery locust uvicorn
fi

lab=
if [ "${1:-}" = --lab ]; then
	lab=1
	shift
fi
dir=${1:-/tmp/gw-venvs}
mkdir -p "$dir"

pip() { # NAME ARGUMENT...
	name=$1
	shift
	"$dir/$name/bin/pip" -q --disable-pip-version-check install "$@"
}

make_one() { # NAME PYTHON PACKAGE...
	name=$1 python=$2
	shift 2
	[ -x "$dir/$name/bin/python" ] && return
	"$python" -m venv "$dir/$name" && pip "$name" --only-binary :all: "$@" ||
		echo "venvs: $name: not complete" >&2
}

# MODULE:PACKAGE[:source]; psycogreen is pure Python and mysqlclient has no wheels for Linux.
libraries='uvloop:uvloop psycopg2:psycopg2-binary psycogreen:psycogreen:source redis:redis zmq:pyzmq
	pycurl:pycurl grpc:grpcio requests:requests lxml:lxml bcrypt:bcrypt pymysql:PyMySQL
	MySQLdb:mysqlclient:source'

add_libraries() { # NAME
	: >"$dir/$1/missing"
	for library in $libraries; do
		module=${library%%:*}
		package=${library#*:}
		only='--only-binary :all:'
		case $package in *:source) only= ;; esac
		package=${package%:source}
		"$dir/$1/bin/python" -c "import $module" 2>/dev/null && continue
		# shellcheck disable=SC2086
		pip "$1" $only "$package" >"$dir/$1/pip.log" 2>&1 &&
			"$dir/$1/bin/python" -c "import $module" 2>>"$dir/$1/pip.log" && continue
		reason=$(sed -n 's/^ *ERROR: //p' "$dir/$1/pip.log" | tail -n 1)
		echo "$module ${reason:-$(tail -n 1 "$dir/$1/pip.log")}" >>"$dir/$1/missing"
	done
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
	[ -z "$lab" ] || add_libraries "$version"
done
