#!/bin/sh
# browse.sh PAGES DIR: the pages that PAGES writes, in headless Chromium, with playwright-core and axe-core
# (into DIR, once). Skips with a reason where they cannot be fetched.
set -eu

pages=$1 dir=$2
here=$(dirname "$0")
mkdir -p "$dir"
for kind in usual healthy lost many hostile empty; do
	"$pages" $kind >"$dir/$kind.html"
done
if [ ! -d "$dir/node_modules/playwright-core" ] || [ ! -d "$dir/node_modules/axe-core" ]; then
	if ! npm install --silent --no-save --ignore-scripts --prefix "$dir" \
		playwright-core@1 axe-core@4 >"$dir/npm.log" 2>&1; then
		echo "html-test: skipped: playwright-core and axe-core cannot be fetched, see $dir/npm.log"
		exit 0
	fi
fi
NODE_PATH=$dir/node_modules node "$here/browse.js" "$dir"
