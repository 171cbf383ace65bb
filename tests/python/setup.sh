#!/usr/bin/env bash
# Makes the Python environments of the client tests: the newest MLflow 3 (client and peer server), the last MLflow 2, the fuzzer
# of the OpenAPI document, and what runs ONNX files. Quiet; a second run does nothing. The versions are those of the requirements files.
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
cache="${RHIZA_CACHE:-$HOME/.cache/rhiza}"

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 3
}

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 /usr/bin/python3; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        if "$candidate" -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$candidate"
            return 0
        fi
    done
    return 1
}

# environment NAME REQUIREMENTS MODULE: MODULE must import at the end
environment() {
    local venv="$cache/venv-$1" requirements="$2" module="$3" stamp wanted log
    stamp="$venv/.requirements.sha256"
    wanted="$(sha256sum "$requirements" | cut -d ' ' -f 1) $("$python" -c 'import sys; print(sys.version_info[:2])')"
    if [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return 0
    fi
    printf '==> installing the Python environment %s (a few minutes, once)\n' "$1"
    log="$cache/logs/pip-$1.log"
    mkdir -p "$cache/logs"
    rm -rf "$venv"
    "$python" -m venv "$venv" || fail "python could not make a virtual environment in $venv"
    # --no-deps: the file pins the whole set, so what is installed does not depend on the day.
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --requirement "$requirements" \
        >"$log" 2>&1 </dev/null || {
        tail -n 20 "$log" >&2
        fail "pip could not install $requirements (whole output: $log)"
    }
    "$venv/bin/python" -c "import $module" >>"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        fail "$module does not import in $venv (whole output: $log)"
    }
    printf '%s' "$wanted" >"$stamp"
}

# Two runs at once would remove each other's environments.
mkdir -p "$cache"
exec 9>"$cache/.setup-python.lock"
flock 9

python="$(find_python)" || fail "Python 3.11 or newer with venv is needed (Debian and Ubuntu: apt-get install python3 python3-venv)"
environment mlflow3 "$here/requirements-mlflow3.txt" mlflow
environment mlflow2 "$here/requirements-mlflow2.txt" mlflow
environment fuzz "$here/requirements-fuzz.txt" schemathesis
environment onnx "$here/requirements-onnx.txt" onnxruntime
