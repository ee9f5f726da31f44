#!/bin/sh
# deps.sh [--python]: installs what the workloads beyond the core of the stall laboratory use (root).
#
# --python: no Node. Also run inside of the chroots of pythons.sh. RUNLEVEL=1 keeps Debian's scripts from
# starting the servers: every workload starts its own.
set -eu

export RUNLEVEL=1
node=nodejs
[ "${1:-}" != --python ] || node=
# shellcheck disable=SC2086
exec sh "$(dirname "$0")/../deps.sh" python3 python3-gevent python3-uvloop \
	python3-psycopg2 python3-psycogreen postgresql redis-server python3-redis \
	mariadb-server-core python3-pymysql python3-mysqldb \
	python3-zmq python3-pycurl python3-grpcio python3-requests python3-lxml python3-bcrypt $node
