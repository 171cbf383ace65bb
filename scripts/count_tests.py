#!/usr/bin/env python3
"""Adds up the closing lines of test runners in a log.

count_tests.py EXIT_CODE LOG   prints "PASSED FAILED". A run that exited non-zero without counting a failure, or that
                               counted no test at all, is one failure: a runner that crashed must never look green.
count_tests.py --excerpt LOG   prints the lines around failures and the end of the log.
"""

import re
import sys

ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\([A-Z0-9])")

CARGO = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed;")
NEXTEST = re.compile(r"^\s*Summary \[.*?\] .*?tests? run: (.*)$")
VITEST = re.compile(r"^\s*Tests\s+(\d.*)$")
PYTEST = re.compile(r"^=*\s*((?:\d+ (?:passed|failed|errors?|skipped|deselected|xfailed|xpassed|warnings?|rerun)(?:, )?)+) in [\d.]+s")
PLAIN = re.compile(r"^(?:\w+: ?)?(\d+) passed, (\d+) failed(?:, \d+ skipped)?$")
UNITTEST_RAN = re.compile(r"^Ran (\d+) tests? in ")
UNITTEST_BAD = re.compile(r"^FAILED \((.*)\)$")

PASSED_WORDS = {"passed", "xfailed"}
FAILED_WORDS = {"failed", "error", "errors", "exec failed", "timed out", "xpassed"}


def segments(text):
    """"3 passed (1 slow), 2 failed | 1 skipped" -> {"passed": 3, "failed": 2, "skipped": 1}"""
    found = {}
    for part in re.split(r"[,|]", re.sub(r"\([^)]*\)", "", text)):
        match = re.match(r"\s*(\d+) ([a-z ]+?)\s*$", part)
        if match:
            found[match.group(2)] = found.get(match.group(2), 0) + int(match.group(1))
    return found


def count(lines):
    passed = failed = 0
    ran = 0  # unittest says how many ran on one line and how many failed on a later one
    for raw in lines:
        line = ANSI.sub("", raw).rstrip()
        if match := CARGO.match(line) or PLAIN.match(line):
            passed += int(match.group(1))
            failed += int(match.group(2))
        elif match := NEXTEST.match(line) or VITEST.match(line) or PYTEST.match(line):
            found = segments(match.group(1))
            passed += sum(found.get(word, 0) for word in PASSED_WORDS)
            failed += sum(found.get(word, 0) for word in FAILED_WORDS)
        elif match := UNITTEST_RAN.match(line):
            ran = int(match.group(1))
        elif ran and (line == "OK" or line.startswith("OK (")):
            passed += ran
            ran = 0
        elif ran and (match := UNITTEST_BAD.match(line)):
            bad = sum(int(number) for number in re.findall(r"(?:failures|errors)=(\d+)", match.group(1)))
            failed += bad
            passed += max(ran - bad, 0)
            ran = 0
    return passed, failed


def verdict(exit_code, lines):
    passed, failed = count(lines)
    if failed == 0 and (exit_code != 0 or passed == 0):
        failed = 1
    return passed, failed


FAILURE = re.compile(r"(\bFAIL\b|\bFAILED\b|^error(\[|:)|panicked at|^E  |AssertionError|✗|×|not ok )")


def excerpt(lines, shown=60, matches=60):
    """The lines that look like failures with a little around them, then the end."""
    lines = [ANSI.sub("", line).rstrip() for line in lines]
    tail_from = max(len(lines) - shown, 0)
    keep = set()
    for number, line in enumerate(lines[:tail_from]):
        if FAILURE.search(line):
            keep.update(range(max(number - 1, 0), min(number + 6, tail_from)))
            if len(keep) > matches:
                break
    out = []
    before = None
    for number in sorted(keep):
        if before is not None and number != before + 1:
            out.append("  ...")
        out.append(lines[number])
        before = number
    if keep:
        out.append("  ...")
    return out + lines[tail_from:]


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    with open(arguments[1], encoding="utf-8", errors="replace") as log:
        lines = log.readlines()
    if arguments[0] == "--excerpt":
        print("\n".join(excerpt(lines)))
    else:
        print(*verdict(int(arguments[0]), lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
