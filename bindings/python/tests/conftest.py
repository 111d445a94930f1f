"""What the tests have in common."""

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pixelbank
import pytest
from PIL import Image


@pytest.fixture
def bank() -> Iterator[pixelbank.Bank]:
    """A bank of its own for each test."""
    with pixelbank.Bank("64M", scratch="64M", open_files=16, tile=(64, 64), threads=2) as bank:
        yield bank


@pytest.fixture
def gradient() -> np.ndarray:
    """Red grows to the right, green downwards, blue is their sum: 300 × 200 pixels."""
    y, x = np.mgrid[0:200, 0:300]
    return np.stack([x % 256, y % 256, (x + y) % 256], axis=2).astype("uint8")


@pytest.fixture
def png(tmp_path: Path, gradient: np.ndarray) -> Path:
    """The gradient as a file without loss."""
    path = tmp_path / "gradient.png"
    Image.fromarray(gradient).save(path)
    return path


@pytest.fixture(autouse=True)
def settled() -> Iterator[None]:
    """What one test left behind is not found by the next."""
    yield
    pixelbank.set_default_bank(None)
    gc.collect()
