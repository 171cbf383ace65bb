# shellcheck shell=bash
# Runs named phases one after the other, each into its own log, and adds up what their test runners counted.
# Every phase runs even when an earlier one failed. Source after lib.sh.

PHASES_PASSED=0
PHASES_FAILED=0
PHASES_BAD=()

# wanted NAME: whether ONLY (a list of phase names in the environment) allows this phase.
wanted() {
    [ -z "${ONLY:-}" ] && return 0
    case " $ONLY " in *" $1 "*) return 0 ;; *) return 1 ;; esac
}

# wants_any NAME...: whether any of these phases will run.
wants_any() {
    local name
    for name in "$@"; do if wanted "$name"; then return 0; fi; done
    return 1
}

# phase tests|check NAME COMMAND...
#   tests: the log must hold the closing lines of at least one test runner, and at least one test must have run.
#   check: passes or fails as one.
phase() {
    local kind="$1" name="$2" log status=0 counts passed failed started
    shift 2
    wanted "$name" || return 0
    mkdir -p "$LOGS"
    log="$LOGS/$name.log"
    started=$SECONDS
    say "$name"
    # A subshell with its own -e: a function called in a condition would run on after a failing line.
    set +e
    (
        set -euo pipefail
        "$@"
    ) >"$log" 2>&1 </dev/null
    status=$?
    set -e
    if [ "$kind" = check ]; then
        if [ "$status" -eq 0 ]; then counts="1 0"; else counts="0 1"; fi
    else
        counts="$("$PYTHON" "$ROOT/scripts/count_tests.py" "$status" "$log")"
    fi
    passed="${counts% *}"
    failed="${counts#* }"
    PHASES_PASSED=$((PHASES_PASSED + passed))
    PHASES_FAILED=$((PHASES_FAILED + failed))
    if [ "$failed" -gt 0 ]; then
        PHASES_BAD+=("$name")
        printf -- '--- the end of %s ---\n' "$log"
        "$PYTHON" "$ROOT/scripts/count_tests.py" --excerpt "$log"
        printf -- '--- %s failed (exit code %s, %s s); its whole output is in the log named above ---\n' "$name" "$status" $((SECONDS - started))
    else
        printf '    %s: %s passed in %s s\n' "$name" "$passed" $((SECONDS - started))
    fi
}

# The one closing line, and the exit code that goes with it.
phases_close() {
    [ "${#PHASES_BAD[@]}" -eq 0 ] || printf 'failed: %s (logs in %s)\n' "${PHASES_BAD[*]}" "$LOGS"
    [ $((PHASES_PASSED + PHASES_FAILED)) -gt 0 ] || die "nothing ran: ONLY='${ONLY:-}' names no phase"
    printf '%s passed, %s failed\n' "$PHASES_PASSED" "$PHASES_FAILED"
    [ "$PHASES_FAILED" -eq 0 ]
}
