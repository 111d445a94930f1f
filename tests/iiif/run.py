"""Runs the official IIIF Image API validator against `pixelbank serve`: versions 2 and 3, several rounds.

    .venv/bin/python tests/iiif/run.py target/debug/pixelbank

The server gets the validator's test image and a small memory budget. Exits with 1 if any test fails in any round.
"""

import argparse
import pathlib
import random
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

import grid_image
import suite
from serving import serving

VERSIONS = {"2.0": "iiif/2", "3.0": "iiif/3"}


def run_rounds(host, rounds, first_seed):
    """Outcomes by (version, test), one per round, and the claims that are missing."""
    outcomes = {}
    missing = []
    plan = {}
    for version, prefix in VERSIONS.items():
        claims = suite.read_claims(f"http://{host}/{prefix}/{grid_image.FILE_NAME}", version)
        missing += [f"version {version}: info.json does not claim {name}" for name in suite.missing_claims(claims, version)]
        plan[version] = suite.tests_for(claims, version)
    for round_number in range(rounds):
        # The validator picks squares, sizes and wrong values at random: each round another choice, each run the same.
        random.seed(first_seed + round_number)
        for version, tests in plan.items():
            for test in tests:
                outcome = suite.run_one(test, host, VERSIONS[version], grid_image.FILE_NAME, version)
                outcomes.setdefault((version, test), []).append(outcome)
    return outcomes, missing


def print_table(outcomes):
    """One line per test: passed rounds, longest time."""
    width = max(len(test) for _, test in outcomes)
    print(f"{'version':8} {'test':{width}} {'passed':>7} {'slowest':>8}")
    for (version, test), results in sorted(outcomes.items()):
        passed = sum(not result.problem for result in results)
        slowest_ms = max(result.seconds for result in results) * 1000
        print(f"{version:8} {test:{width}} {passed:>3}/{len(results):<3} {slowest_ms:>5.0f} ms")
    for (version, test), results in sorted(outcomes.items()):
        for number, result in enumerate(results, 1):
            if result.problem:
                print(f"FAILED {version} {test}, round {number}: {result.problem}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=pathlib.Path, help="the pixelbank program")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first round; each further round adds one")
    parser.add_argument("--memory", default="128M", help="the server's memory budget")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="pixelbank-iiif-") as folder:
        image = grid_image.make(suite.ValidationInfo().colorInfo)
        image.save(pathlib.Path(folder) / grid_image.FILE_NAME)
        with serving(options.binary.resolve(), folder, "--memory", options.memory) as server:
            outcomes, problems = run_rounds(server.host, options.rounds, options.seed)
            if not server.is_running():
                problems.append(f"the server ended with status {server.process.returncode}")
            log = server.log_tail()

    print_table(outcomes)
    for problem in problems:
        print(f"FAILED {problem}")
    results = [result for series in outcomes.values() for result in series]
    failed = sum(bool(result.problem) for result in results) + len(problems)
    passed = sum(not result.problem for result in results)
    if failed:
        print(f"What the server wrote last:\n{log}")
    print(f"iiif: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
