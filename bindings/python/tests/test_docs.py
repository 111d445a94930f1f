"""The examples of the documentation, run."""

import doctest
import re
import struct
from pathlib import Path

import numpy as np
import pixelbank
import pixelbank._bank
import pixelbank.analyzer
import pytest
from PIL import Image

ROOT = Path(__file__).parents[3]


OPENED = "(2000, 3000, 3) (512, 512, 3) (250, 375, 3) float32"
EXPECTED = {"docs/python.md": OPENED, "README.md": OPENED, "docs/memory-analyser.md": "__slots__ would save"}


@pytest.fixture
def photo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    y, x = np.mgrid[0:2000, 0:3000]
    Image.fromarray(np.stack([x % 256, y % 256, (x // 8 + y // 8) % 256], axis=2).astype("uint8")).save("photo.jpg")
    # A tetrahedron.
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], "float32")
    faces = [(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)]
    body = b"".join(struct.pack("<12fH", 0, 0, 0, *corners[list(face)].ravel(), 0) for face in faces)
    Path("part.stl").write_bytes(bytes(80) + struct.pack("<I", len(faces)) + body)


@pytest.mark.parametrize(("path", "least"), [("docs/python.md", 8), ("docs/memory-analyser.md", 2), ("README.md", 1)])
def test_the_guide(photo, capsys, path, least):
    code = re.findall(r"^```python\n(.*?)^```$", (ROOT / path).read_text(), re.DOTALL | re.MULTILINE)
    assert len(code) >= least
    names = {"__name__": "__main__"}
    for block in code:
        exec(compile(block, path, "exec"), names)
    assert EXPECTED[path] in capsys.readouterr().out


@pytest.mark.parametrize("module", [pixelbank, pixelbank._bank, pixelbank.analyzer])
def test_docstrings(module):
    failed, tried = doctest.testmod(module)
    assert failed == 0
    assert tried > 0


def test_everything_public_is_documented():
    for name in pixelbank.__all__:
        thing = getattr(pixelbank, name)
        if isinstance(thing, str):
            continue
        assert (thing.__doc__ or "").strip(), name
        if isinstance(thing, type) and not issubclass(thing, BaseException):
            for member, value in vars(thing).items():
                if not member.startswith("_") and callable(value):
                    assert (value.__doc__ or "").strip(), f"{name}.{member}"
