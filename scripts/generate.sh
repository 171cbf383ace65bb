#!/usr/bin/env bash
# Writes the generated files anew: the OpenAPI document, the configuration reference and the console's client.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_build_tools
need_rust
need_python
need_node
need_console_modules || die "the console's packages could not be installed"
cd "$ROOT"
cargo run --quiet --package xtask -- generate "$@"
