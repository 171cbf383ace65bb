#!/usr/bin/env bash
# Formats the Rust code.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_rust
need_rust_components
cd "$ROOT"
say "formatting"
cargo fmt --all
