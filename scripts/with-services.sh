#!/usr/bin/env bash
# Runs a command with the test services up and their addresses in the environment:
#   scripts/with-services.sh cargo test -p rhiza-store
# Without a command, a shell.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/services.sh
. "$ROOT/scripts/services.sh"

need_services
trap stop_services EXIT
start_services
[ "$#" -gt 0 ] || set -- "${SHELL:-/bin/sh}"
"$@"
