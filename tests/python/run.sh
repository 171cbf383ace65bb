#!/usr/bin/env bash
# Runs the client tests against the binary RHIZA_BIN, or with RHIZA_ORACLE=1 against `mlflow server` itself, which proves the tests.
# RHIZA_TEST_DATABASE=sqlite|postgres chooses the database (postgres needs RHIZA_TEST_POSTGRES_URL). Arguments go to pytest.
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
cache="${RHIZA_CACHE:-$HOME/.cache/rhiza}"

"$here/setup.sh"
if [ -z "${RHIZA_ORACLE:-}" ] && [ -z "${RHIZA_BIN:-}" ]; then
    export RHIZA_BIN="${CARGO_TARGET_DIR:-$cache/target}/debug/rhiza"
    [ -x "$RHIZA_BIN" ] || {
        printf 'error: %s is not there: build it with cargo build --bin rhiza, or set RHIZA_BIN\n' "$RHIZA_BIN" >&2
        exit 1
    }
fi
cd "$here"
exec "$cache/venv-mlflow3/bin/python" -m pytest -p no:cacheprovider "$@"
