#!/usr/bin/env bash
# TreeSHAP beside shap and fasttreeshap; see run.py --help. The peers get virtual environments of their own in the cache; the one of
# fasttreeshap needs Python 3.9 (RHIZA_PYTHON39) and a C++ compiler, because the package has not moved with NumPy.
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
cache="${RHIZA_CACHE:-$HOME/.cache/rhiza}"
new="$cache/venv-shap/bin/python"
old="$cache/venv-fasttreeshap/bin/python"

if ! "$new" -c 'import lightgbm, shap' 2>/dev/null; then
  python3 -m venv "$cache/venv-shap"
  "$cache/venv-shap/bin/pip" install -q 'lightgbm==4.7.0' 'shap==0.51.0'
fi
if ! "$old" -c 'import lightgbm, fasttreeshap' 2>/dev/null; then
  "${RHIZA_PYTHON39:-python3.9}" -m venv "$cache/venv-fasttreeshap"
  pip="$cache/venv-fasttreeshap/bin/pip"
  "$pip" install -q 'numpy==1.21.6' 'scipy<1.10' 'pandas<1.5' 'scikit-learn<1.1' 'cython<3' 'setuptools<60' wheel 'lightgbm==3.3.5' 'numba<0.56'
  "$pip" install -q --no-build-isolation 'fasttreeshap==0.1.6'
fi
cargo build --manifest-path "$here/../../Cargo.toml" -p rhiza-explain --profile quick --example treeshap
ours="${CARGO_TARGET_DIR:-$here/../../target}/quick/examples/treeshap"
exec "$new" "$here/run.py" --ours "$ours" --python "$new" --fast-python "$old" --folder "$cache/bench-shap" "$@"
