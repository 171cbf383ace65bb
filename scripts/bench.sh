#!/usr/bin/env bash
# The benchmarks beside their peers; see docs/benchmarks.md.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/services.sh
. "$ROOT/scripts/services.sh"

say "installing what is missing"
need_build_tools
need_rust
need_python
need_node
"$ROOT/scripts/console.sh" build
say "building with the release profile"
(cd "$ROOT" && cargo build --release --package rhiza-server --bin rhiza)
export RHIZA_BIN="$CARGO_TARGET_DIR/release/rhiza"
need_services
trap stop_services EXIT
start_services
cd "$ROOT"
bench/run.sh "$@"
say "what checking a caller costs"
# One core: the benchmark is about the work a request adds, not about how many of them a machine can do at once.
taskset --cpu-list 0 cargo bench --quiet --package rhiza-identity --bench access_path
say "AutoML beside its peers (hours with all of them; AUTOML_BENCH says how, see bench/automl/compare.py --help)"
# shellcheck disable=SC2086  # several arguments
bench/automl/run.sh ${AUTOML_BENCH:---systems rhiza,flaml,autogluon,h2o}
say "TreeSHAP beside its peers"
bench/shap/run.sh --peer-rows 1000
