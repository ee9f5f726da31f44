#!/bin/sh
# deps.sh: installs what the workloads beyond the core of the stall laboratory use (root).
#
# RUNLEVEL=1 keeps Debian's scripts from starting the servers: every workload starts its own.
set -eu

export RUNLEVEL=1
exec sh "$(dirname "$0")/../deps.sh" python3 python3-gevent python3-uvloop \
	python3-psycopg2 python3-psycogreen postgresql-15 redis-server python3-redis \
	python3-zmq python3-pycurl python3-grpcio python3-requests python3-lxml python3-bcrypt nodejs \
	libuv1-dev libevent-dev
