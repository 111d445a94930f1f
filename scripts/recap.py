"""Prints what each step of `make test` took and how many tests it ran; fails if a test step ran none."""

import pathlib
import re
import sys

STEPS = pathlib.Path("target/steps")
TEST_STEPS = ["rust-test", "doc-test", "web-test", "oiio", "iiif", "python", "terminal", "e2e"]
COLORS = re.compile(r"\x1b\[[0-9;]*m")
# The closing lines of the test runners, each with the number of tests that passed.
CLOSING_LINES = re.compile(
    r"""^\s*(?:
        Summary\ \[.*?\b(\d+)\ passed       # nextest
      | test\ result:\ ok\.\ (\d+)\ passed  # cargo test, one line for each binary
      | Tests\s.*?\b(\d+)\ passed           # vitest
      | (\d+)\ passed\ \(                   # playwright
      | (\d+)\ passed(?:,\ .*)?\ in\     # pytest
      | (?:iiif|oiio|terminal):\ (\d+)\ passed       # run.py in tests/iiif, tests/oiio, tests/terminal
    )""",
    re.VERBOSE | re.MULTILINE,
)


def n_passed(log):
    """The number of tests that passed, by the closing lines in a step's output."""
    return sum(int(next(filter(None, found.groups()), 0)) for found in CLOSING_LINES.finditer(COLORS.sub("", log)))


def main():
    times = dict(line.split()[:2] for line in (STEPS / "times").read_text().splitlines())
    total = 0
    empty = []
    print(f"\n{'step':12} {'time':>8}  tests")
    for step, seconds in times.items():
        passed = ""
        if step in TEST_STEPS:
            passed = n_passed((STEPS / f"{step}.log").read_text(errors="replace"))
            total += passed
            if not passed:
                empty.append(step)
        print(f"{step:12} {int(seconds) // 60:>3} m {int(seconds) % 60:>2} s {passed:>5}")
    empty += [step for step in TEST_STEPS if step not in times]
    for step in empty:
        print(f"FAILED: {step} ran no test")
    print(f"total: {total} passed, {len(empty)} failed")
    return 1 if empty else 0


if __name__ == "__main__":
    sys.exit(main())
