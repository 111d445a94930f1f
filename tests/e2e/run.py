"""Runs the page's Playwright tests against `pixelbank serve` with photographs that the program makes itself.

    .venv/bin/python tests/e2e/run.py target/debug/pixelbank [arguments of Playwright]

The tests get the address of the page in PIXELBANK_URL (no slash at its end), the budget in PIXELBANK_LIMIT_BYTES, and
the browser's path in CHROMIUM. The folder that is served has `large/`, with one photograph of 48 megapixels,
`small/`, with forty of 2 megapixels and one file that is no picture, and `models/`, with a surface of 20,000 triangles.
"""

import math
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from serving import serving

MEMORY_MIB = 256
PHOTOGRAPHS = [("large", 1, 48), ("small", 40, 2)]


def surface(n):
    """A binary STL of n x n squares, each of two triangles, over which a wave goes."""

    def point(x, y):
        return (x, y, 4 * math.sin(x / 9) * math.cos(y / 7))

    triangles = []
    for x in range(n):
        for y in range(n):
            for corners in (((0, 0), (1, 0), (1, 1)), ((0, 0), (1, 1), (0, 1))):
                values = [value for right, up in corners for value in point(x + right, y + up)]
                triangles.append(struct.pack("<12fH", 0, 0, 0, *values, 0))
    return bytes(80) + struct.pack("<I", len(triangles)) + b"".join(triangles)


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        print("no Chromium found: run `make setup`, or set CHROMIUM to its path")
        return 1
    with tempfile.TemporaryDirectory(prefix="pixelbank-e2e-") as folder:
        for name, count, megapixels in PHOTOGRAPHS:
            target = pathlib.Path(folder, name)
            command = [binary, "sample", target, "--count", str(count), "--megapixels", str(megapixels)]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        pathlib.Path(folder, "small", "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
        models = pathlib.Path(folder, "models")
        models.mkdir()
        models.joinpath("surface.stl").write_bytes(surface(100))
        with serving(binary, folder, "--memory", f"{MEMORY_MIB}M") as server:
            environment = os.environ | {
                "PIXELBANK_CHROMIUM": browser,
                "PIXELBANK_LIMIT_BYTES": str(MEMORY_MIB << 20),
                "PIXELBANK_URL": f"http://{server.host}",
            }
            tests = subprocess.run(
                ["npm", "--prefix", str(ROOT / "web"), "run", "--silent", "e2e", "--", *sys.argv[2:]],
                env=environment,
                stdin=subprocess.DEVNULL,
            )
            if tests.returncode != 0 or not server.is_running():
                print(f"What the server wrote last:\n{server.log_tail()}")
            if not server.is_running():
                print(f"the server ended with status {server.process.returncode}")
                return 1
    return tests.returncode


if __name__ == "__main__":
    sys.exit(main())
