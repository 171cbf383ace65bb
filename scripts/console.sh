#!/usr/bin/env bash
# The web console: `build` makes console/dist when its sources changed, `dev` serves it with live reload
# beside a Rhiza that already runs.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_python
need_node
need_console_modules || die "the console's packages could not be installed"
cd "$ROOT/console"
case "${1:-build}" in
build)
    built=dist/index.html
    if [ -e "$built" ] && [ -z "$(find . -path ./node_modules -prune -o -path ./dist -prune -o -type f -newer "$built" -print -quit)" ]; then
        say "the console is up to date"
    else
        say "building the console"
        npm run build
    fi
    ;;
dev) exec npm run dev ;;
*) die "unknown command '$1': build or dev" 2 ;;
esac
