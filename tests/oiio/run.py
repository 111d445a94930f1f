"""Compares the pixels of every supported kind of file with those that OpenImageIO reads.

    .venv/bin/python tests/oiio/run.py target/debug/pixelbank

Makes a test set with several independent writers, extracts it with `pixelbank extract` inside a small memory budget,
and compares each subimage and level. Where OpenImageIO does not read a kind, the pixels that were written, or those of
another reader, take its place. Exits with 1 if any file differs.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile
import traceback

import numpy as np

import avif_files
import exr_files
import jpeg2000_files
import jpeg_files
import png_files
import small_files
import texture_files
import tiff_files
from case import Refused, read_with_oiio

GROUPS = {
    "JPEG": jpeg_files,
    "PNG": png_files,
    "TIFF": tiff_files,
    "OpenEXR": exr_files,
    "AVIF": avif_files,
    "JPEG 2000": jpeg2000_files,
    "textures": texture_files,
    "others": small_files,
}


def extract(binary, memory, files, out):
    """Arrays and error texts by file name, as our program gives them; all files in one run."""
    command = [str(binary), "extract", "--all", "--json", "--memory", memory, "--out", str(out), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"pixelbank extract ended with {done.returncode}:\n{done.stderr[-2000:]}")
    arrays, errors = collections.defaultdict(dict), collections.defaultdict(list)
    for line in map(json.loads, done.stdout.splitlines()):
        name = pathlib.Path(line["source"]).name
        if "error" in line:
            errors[name].append(line["error"])
        else:
            arrays[name][line["subimage"], line["level"]] = line["array"]
    return arrays, errors


def problems_of(case, path, arrays, errors):
    """What is wrong with our reading of one file; one text each."""
    if isinstance(case, Refused):
        if arrays or not errors:
            return ["it was read"]
        return [f"refused in other words: {error}" for error in errors if case.words not in error]
    if errors:
        return errors
    expected = case.expect(path) if case.expect else read_with_oiio(path, case.settings)
    problems = []
    surplus = {place for place in arrays.keys() - expected.keys() if not (case.more_levels and place[1] > 0)}
    if surplus:
        problems.append(f"(subimage, level) {sorted(surplus)} should not be there")
    for place, theirs in sorted(expected.items()):
        if place not in arrays:
            problems.append(f"(subimage, level) {place} is missing")
            continue
        ours = np.load(arrays[place])
        if case.adapt:
            theirs = case.adapt(theirs)
        if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
            problem = f"{ours.shape} {ours.dtype} instead of {theirs.shape} {theirs.dtype}"
        else:
            problem = case.compare.problem(ours, theirs)
        if problem:
            problems.append(f"(subimage, level) {place}: {problem}")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=pathlib.Path, help="the pixelbank program")
    parser.add_argument("--memory", default="64M", help="its memory budget")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="make the test set there, and leave it there")
    parser.add_argument("--only", default="", metavar="TEXT", help="only files whose names contain it")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="pixelbank-oiio-") as temporary:
        folder = options.keep or pathlib.Path(temporary)
        files, out = folder / "files", folder / "arrays"
        files.mkdir(parents=True, exist_ok=True)
        groups = {
            group: [case for case in module.cases() if options.only in case.name] for group, module in GROUPS.items()
        }
        names = [case.name for cases in groups.values() for case in cases]
        twice = [name for name, count in collections.Counter(names).items() if count > 1]
        if twice:
            parser.error(f"two cases are called {twice}")
        unwritten = {}
        for cases in groups.values():
            for case in cases:
                try:
                    case.write(files / case.name)
                except Exception:
                    unwritten[case.name] = traceback.format_exc(limit=-2)
        arrays, errors = extract(
            options.binary.resolve(), options.memory, [files / name for name in names if name not in unwritten], out
        )

        passed = failed = 0
        for group, cases in groups.items():
            n_compared = 0
            for case in cases:
                try:
                    if case.name in unwritten:
                        raise RuntimeError(f"cannot be written: {unwritten[case.name]}")
                    problems = problems_of(case, files / case.name, arrays[case.name], errors[case.name])
                except Exception:  # A reader or writer that fails is one failure among the others.
                    problems = [traceback.format_exc(limit=3)]
                for problem in problems:
                    print(f"FAILED {case.name}: {problem}")
                n_compared += len(arrays[case.name])
                passed += not problems
                failed += bool(problems)
            print(f"{group:9} {len(cases):>4} files, {n_compared:>4} levels")
    print(f"oiio: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
