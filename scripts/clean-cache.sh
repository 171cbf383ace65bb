#!/usr/bin/env bash
# Removes what the scripts downloaded and built. Rhiza's data is elsewhere and stays.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

case "$CACHE" in
"" | / | "$HOME" | "$HOME/" | "$ROOT" | "$ROOT/") die "refusing to remove $CACHE" ;;
esac
say "removing $CACHE"
rm -rf -- "$CACHE"
case "$CARGO_TARGET_DIR" in
"$CACHE"/*) ;;
*) say "left alone: CARGO_TARGET_DIR=$CARGO_TARGET_DIR (cargo clean empties it)" ;;
esac
