#!/usr/bin/env bash
# Everything that says whether the tree is good:
#   scripts/verify.sh checks         format, lints, architecture, dependencies, generated files
#   scripts/verify.sh tests          every test of every language against real services
#   scripts/verify.sh checks tests   both; what CI runs
# ONLY="rust python-sqlite" limits it to the phases so named. The last line is "N passed, N failed".
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/services.sh
. "$ROOT/scripts/services.sh"
# shellcheck source=scripts/phases.sh
. "$ROOT/scripts/phases.sh"
cd "$ROOT"

[ "$#" -gt 0 ] || set -- checks tests
for group in "$@"; do
    case "$group" in checks | tests) ;; *) die "unknown group '$group': checks or tests" 2 ;; esac
done

# In CI the lock file is law; a developer who adds a dependency may let cargo write it.
LOCKED=()
[ "${CI:-}" != true ] || LOCKED=(--locked)
# Cold builds on a small machine: no incremental state that nothing will read again.
[ "${CI:-}" != true ] || export CARGO_INCREMENTAL=0
export CARGO_TERM_COLOR=never NO_COLOR=1 CARGO_TERM_PROGRESS_WHEN=never

say "installing what is missing"
need_build_tools
need_rust
need_python
if wants_any console-build console e2e generated; then
    need_node
    need_console_modules || die "the console's packages could not be installed"
fi

# --- what there is -----------------------------------------------------------------------------
# A phase begins with the first of what it tests: in a tree without it there is nothing to run.

has_binary() { [ -f crates/server/Cargo.toml ]; }
has_generated() { has_binary && [ -f docs/reference/openapi.json ]; }
has_clients() { has_binary && [ -f tests/python/run.sh ]; }
has_journeys() { has_binary && [ -f console/e2e/run.mjs ]; }

# --- checks ------------------------------------------------------------------------------------

scripts_check() {
    local script
    for script in scripts/*.sh .ci/run; do bash -n "$script"; done
    if have shellcheck; then
        shellcheck --external-sources --source-path=SCRIPTDIR/.. scripts/*.sh .ci/run
    else
        echo "shellcheck is not installed: syntax checked only"
    fi
}
clippy() { cargo clippy "${LOCKED[@]}" --workspace --all-targets -- -D warnings; }
deny() {
    # The bans also hold without the tool: xtask tidy reads them from deny.toml and compares the lock file.
    if cargo deny --version >/dev/null 2>&1; then
        cargo deny --offline check licenses bans sources
    else
        echo "cargo-deny is not installed: bans and sources checked by xtask tidy"
        cargo run "${LOCKED[@]}" --quiet --package xtask -- tidy --only deny
    fi
}
generated() { cargo run "${LOCKED[@]}" --quiet --package xtask -- generate --check; }

run_checks() {
    phase check scripts-syntax scripts_check
    phase check format cargo fmt --all --check
    phase check clippy clippy
    phase check tidy cargo run "${LOCKED[@]}" --quiet --package xtask -- tidy
    phase check deny deny
    if has_generated; then phase check generated generated; fi
}

# --- tests -------------------------------------------------------------------------------------

console_tests() { (cd console && npm run check); }
console_build() { (cd console && npm run build); }
rust_tests() {
    # Compiled apart so that a build error is not taken for a test's.
    cargo build "${LOCKED[@]}" --workspace --all-targets
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run "${LOCKED[@]}" --workspace --no-fail-fast
    else
        cargo test "${LOCKED[@]}" --workspace --all-targets --no-fail-fast
    fi
    cargo test "${LOCKED[@]}" --workspace --doc --no-fail-fast
}
rhiza_binary() {
    cargo build "${LOCKED[@]}" --workspace --bins
    [ -x "$RHIZA_BIN" ]
}
console_e2e() {
    local mlflow="${RHIZA_CACHE:-$HOME/.cache/rhiza}/venv-mlflow3/bin/python"
    (cd console && RHIZA_PYTHON="$mlflow" npm run e2e)
}
python_tests() { RHIZA_TEST_DATABASE="$1" tests/python/run.sh; }

run_tests() {
    phase tests scripts "$PYTHON" -m unittest discover --start-directory scripts/tests
    # First: the binary embeds what this builds.
    phase check console-build console_build
    phase tests console console_tests
    phase tests rust rust_tests
    has_binary || return 0
    if [ -n "${ONLY:-}" ] && wants_any python-sqlite python-postgres e2e; then ONLY="$ONLY binary"; fi
    phase check binary rhiza_binary
    if has_clients; then
        phase tests python-sqlite python_tests sqlite
        phase tests python-postgres python_tests postgres
    fi
    if has_journeys; then phase tests e2e console_e2e; fi
}

for group in "$@"; do
    [ "$group" != checks ] || need_rust_components
    if [ "$group" = tests ]; then
        if has_journeys && wanted e2e; then need_chromium; fi
        if wants_any rust python-sqlite python-postgres e2e; then
            need_services
            trap stop_services EXIT
            start_services
        fi
        export RHIZA_BIN="$CARGO_TARGET_DIR/debug/rhiza"
        if has_clients && wants_any python-sqlite python-postgres e2e; then
            say "preparing the Python clients"
            mkdir -p "$LOGS"
            tests/python/setup.sh >"$LOGS/python-setup.log" 2>&1 </dev/null || {
                tail -n 20 "$LOGS/python-setup.log" >&2
                die "the Python clients could not be installed (whole output: $LOGS/python-setup.log)" "$EXIT_MISSING"
            }
        fi
    fi
done
for group in "$@"; do "run_$group"; done
phases_close
