#!/usr/bin/env bash
# Measures Rhiza beside `mlflow server` on this machine and prints one Markdown table. See bench/tracking.py --help.
# RHIZA_BIN is a release build; RHIZA_TEST_POSTGRES_URL, when set, adds a column for PostgreSQL.
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
cache="${RHIZA_CACHE:-$HOME/.cache/rhiza}"

"$here/../tests/python/setup.sh"
export RHIZA_BIN="${RHIZA_BIN:-${CARGO_TARGET_DIR:-$cache/target}/release/rhiza}"
exec "$cache/venv-mlflow3/bin/python" "$here/tracking.py" "$@"
