#!/usr/bin/env bash
# From a clone to a running Rhiza: installs what is missing, builds the console and the server, serves on the defaults.
# Arguments go to `rhiza serve`. RHIZA_PROFILE chooses the cargo profile (quick: optimised and soon built; release: takes longer).
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

profile="${RHIZA_PROFILE:-quick}"

say "installing what is missing"
need_build_tools
need_rust
need_python
need_node
"$ROOT/scripts/console.sh" build

say "building the server (the first time takes several minutes)"
(cd "$ROOT" && cargo build --profile "$profile" --package rhiza-server --bin rhiza)

folder="$profile"
[ "$profile" != dev ] || folder=debug
# Rhiza takes every RHIZA_ variable for a setting.
unset RHIZA_PROFILE
say "starting Rhiza; its data is kept in $PWD/rhiza-data, Ctrl-C stops it"
exec "$CARGO_TARGET_DIR/$folder/rhiza" serve "$@"
