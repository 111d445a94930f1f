"""The stubs say what is there, and typical use of it passes the checkers."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def check(*command):
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def run(*command):
    # Without a cache, which would lie among the sources.
    environment = {**os.environ, "MYPY_CACHE_DIR": os.devnull}
    return subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, timeout=300, cwd=HERE, env=environment
    )


def test_the_stubs_are_those_of_the_module():
    check("mypy.stubtest", "pixelbank")


def test_mypy_accepts_typical_use():
    check("mypy", "--strict", "typed_example.py")


def test_pyright_accepts_typical_use():
    check("pyright", "--pythonpath", sys.executable, "typed_example.py")


@pytest.mark.parametrize(
    "line", ["bank.read(5)", "bank.open('a')['b']", "bank.spec('a').breadth", "bank.read('a', alpha='none')"]
)
def test_mypy_refuses_mistakes(tmp_path, line):
    path = tmp_path / "mistake.py"
    path.write_text(f"import pixelbank\nbank = pixelbank.Bank()\n{line}\n")
    done = run("mypy", str(path))
    assert re.search(r"mistake\.py:3: error", done.stdout), done.stdout
