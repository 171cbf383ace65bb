#!/usr/bin/env bash
# Measures AutoML beside FLAML, AutoGluon and H2O on this machine, on the same folds for the same seconds, and prints Markdown
# tables. See bench/automl/compare.py --help. Each peer has an environment of its own, made where it is missing.
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
cache="${RHIZA_CACHE:-$HOME/.cache/rhiza}"

make_venv() { # name, packages…
    local venv="$cache/venv-$1"
    shift
    [ -x "$venv/bin/python" ] && "$venv/bin/python" -c "import sklearn" 2>/dev/null && return
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet "$@"
}

make_venv automl "flaml[automl]" scikit-learn statsmodels lightgbm xgboost pandas
case " $* " in *autogluon*) make_venv autogluon "autogluon.tabular[lightgbm,catboost,xgboost]" ;; esac
case " $* " in *h2o*) make_venv h2o h2o pandas scikit-learn ;; esac

target="${CARGO_TARGET_DIR:-$cache/target}"
RHIZA_AUTOML="${RHIZA_AUTOML:-$target/quick/examples/automl}"
if [ ! -x "$RHIZA_AUTOML" ]; then
    CARGO_TARGET_DIR="$target" cargo build --quiet --package rhiza-learn --profile quick --example automl
fi
export RHIZA_AUTOML
exec "$cache/venv-automl/bin/python" "$here/compare.py" "$@"
