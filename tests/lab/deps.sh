#!/bin/sh
# deps.sh [--python]: installs what the workloads beyond the core of the stall laboratory use (root), and builds
# those in Rust, so that no time is lost in the run. Without a registry of crates they are not run.
#
# --python: neither Node nor C nor Rust. Also run inside of the chroots of pythons.sh. RUNLEVEL=1 keeps Debian's scripts from
# starting the servers: every workload starts its own.
set -eu

here=$(dirname "$0")
export RUNLEVEL=1
node="nodejs libuv1-dev libevent-dev"
command -v cargo >/dev/null || node="$node cargo"
[ "${1:-}" != --python ] || node=
# shellcheck disable=SC2086
sh "$here/../deps.sh" python3 python3-gevent python3-uvloop \
	python3-psycopg2 python3-psycogreen postgresql redis-server python3-redis \
	mariadb-server-core python3-pymysql python3-mysqldb \
	python3-zmq python3-pycurl python3-grpcio python3-requests python3-lxml python3-bcrypt $node
[ "${1:-}" != --python ] || exit 0
cargo build --quiet --release --locked --target-dir "$here/../../build/lab" \
	--manifest-path "$here/tokio_loop/Cargo.toml" || echo "deps: the Rust workloads could not be built"
