"""The counter behind the closing line of `make test`, on real closing lines of each runner."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from count_tests import count, excerpt, verdict  # noqa: E402


class Counting(unittest.TestCase):
    def check(self, log, passed, failed):
        self.assertEqual(count(log.splitlines()), (passed, failed))

    def test_cargo_test_adds_up_its_binaries(self):
        self.check(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s\n"
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s\n",
            15,
            2,
        )

    def test_nextest(self):
        self.check("     Summary [   0.021s] 20 tests run: 20 passed, 0 skipped", 20, 0)
        self.check("\x1b[32;1m     Summary\x1b[0m [   1.02s] \x1b[1m5\x1b[0m tests run: 5 passed (1 slow), 3 skipped", 5, 0)
        self.check("     Summary [   0.10s] 6 tests run: 3 passed, 1 failed, 1 exec failed, 1 timed out, 0 skipped", 3, 3)
        self.check("     Summary [   0.10s] 4/9 tests run: 3 passed, 1 failed, 0 skipped", 3, 1)

    def test_vitest(self):
        self.check(" Test Files  2 passed (2)\n      Tests  14 passed (14)\n", 14, 0)
        self.check(" Test Files  1 failed | 1 passed (2)\n      Tests  2 failed | 12 passed | 1 skipped (15)\n", 12, 2)

    def test_pytest(self):
        self.check("======= 3 passed in 0.12s =======", 3, 0)
        self.check("=== 1 failed, 3 passed, 2 skipped, 1 error in 63.20s (0:01:03) ===", 3, 2)
        self.check("5 passed, 1 warning in 2.01s", 5, 0)

    def test_plain_closing_line(self):
        self.check("e2e: 7 passed, 1 failed, 2 skipped", 7, 1)
        self.check("7 passed, 0 failed", 7, 0)
        self.check("we saw 7 passed, 0 failed in the docs", 0, 0)

    def test_unittest(self):
        self.check("Ran 9 tests in 0.001s\n\nOK\n", 9, 0)
        self.check("Ran 9 tests in 0.001s\n\nFAILED (failures=1, errors=2)\n", 6, 3)

    def test_a_crashed_runner_is_a_failure(self):
        self.assertEqual(verdict(101, ["error: could not compile"]), (0, 1))
        self.assertEqual(verdict(139, ["3 passed in 0.1s"]), (3, 1))

    def test_a_run_without_tests_is_a_failure(self):
        self.assertEqual(verdict(0, ["test result: ok. 0 passed; 0 failed; 0 ignored"]), (0, 1))
        self.assertEqual(verdict(0, ["no tests ran in 0.01s"]), (0, 1))

    def test_counted_failures_are_not_counted_twice(self):
        self.assertEqual(verdict(1, ["1 failed, 3 passed in 2s"]), (3, 1))

    def test_excerpt_shows_an_early_failure_and_the_end(self):
        lines = ["quiet"] * 100 + ["thread 'x' panicked at src/lib.rs:1:1:", "the reason"] + ["quiet"] * 100 + ["last"]
        shown = excerpt(lines)
        self.assertIn("the reason", shown)
        self.assertEqual(shown[-1], "last")
        self.assertLess(len(shown), 80)


if __name__ == "__main__":
    unittest.main()
