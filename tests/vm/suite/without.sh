#!/bin/sh
# without.sh: greenwatch as it is where the features in $WITHOUT are missing (see without.c).
here=$(cd "$(dirname "$0")/.." && pwd)
LD_PRELOAD=$here/without.so exec "$here/greenwatch" "$@"
