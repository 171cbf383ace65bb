"""The phase runner behind `make test` and the guards of the other scripts, run as they are."""

import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def bash(script, cache, **environment):
    return subprocess.run(
        ["bash", "-c", "set -euo pipefail\n" + script],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(cache), "RHIZA_CACHE": str(cache), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


class Scripts(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.cache = pathlib.Path(self.folder.name) / "cache"
        self.cache.mkdir()

    def phases(self, script, **environment):
        head = ". scripts/lib.sh\n. scripts/phases.sh\nPYTHON=python3\n"
        return bash(head + script + "\nphases_close", self.cache, **environment)

    def test_counts_are_added_and_the_closing_line_is_last(self):
        result = self.phases("phase tests one echo '3 passed in 0.1s'\nphase check two true")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout.splitlines()[-1], "4 passed, 0 failed")

    def test_a_failure_is_shown_and_later_phases_still_run(self):
        result = self.phases(
            "bad() { echo 'the reason'; echo '1 failed, 2 passed in 0.1s'; return 1; }\n"
            "phase tests one bad\nphase tests two echo '5 passed in 0.1s'"
        )
        self.assertEqual(result.returncode, 1)
        self.assertIn("the reason", result.stdout)
        self.assertIn("failed: one", result.stdout)
        self.assertEqual(result.stdout.splitlines()[-1], "7 passed, 1 failed")

    def test_a_phase_stops_at_its_first_failing_command(self):
        result = self.phases("half() { false; echo '5 passed in 0.1s'; }\nphase tests one half")
        self.assertEqual(result.stdout.splitlines()[-1], "0 passed, 1 failed")

    def test_a_crash_after_counting_is_a_failure(self):
        result = self.phases("crash() { echo '5 passed in 0.1s'; return 139; }\nphase tests one crash")
        self.assertEqual(result.stdout.splitlines()[-1], "5 passed, 1 failed")
        self.assertEqual(result.returncode, 1)

    def test_only_picks_phases_and_nothing_picked_is_an_error(self):
        script = "phase check one true\nphase check two false"
        self.assertEqual(self.phases(script, ONLY="one").stdout.splitlines()[-1], "1 passed, 0 failed")
        self.assertNotEqual(self.phases(script, ONLY="three").returncode, 0)

    def test_versions_compare_by_number(self):
        script = ". scripts/lib.sh\nat_least 1.100.0 1.95 && at_least 1.95.0 1.95 && at_least 1.95 1.95 && ! at_least 1.9.9 1.95"
        self.assertEqual(bash(script, self.cache).returncode, 0)

    def test_clean_cache_removes_the_cache_and_nothing_else(self):
        (self.cache / "file").write_text("x", encoding="utf-8")
        self.assertEqual(bash("scripts/clean-cache.sh", self.cache, HOME=self.folder.name).returncode, 0)
        self.assertFalse(self.cache.exists())

    def test_clean_cache_refuses_a_home(self):
        result = bash("scripts/clean-cache.sh", self.cache, HOME=str(self.cache))
        self.assertEqual(result.returncode, 1)
        self.assertIn("refusing", result.stderr)
        self.assertTrue(self.cache.exists())

    def test_an_unknown_group_is_named(self):
        result = bash("scripts/verify.sh nonsense", self.cache)
        self.assertEqual(result.returncode, 2)
        self.assertIn("nonsense", result.stderr)


if __name__ == "__main__":
    unittest.main()
