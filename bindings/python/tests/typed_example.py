"""Typical use, for the type checkers: it is read by them and never run."""

from pathlib import Path
from typing import Any

import numpy as np
import pixelbank
from numpy.typing import NDArray


class Noise:
    width = 1000
    height = 1000

    def read(self, x: int, y: int, width: int, height: int, level: int, /) -> NDArray[np.uint8]:
        return np.zeros((height, width, 3), np.uint8)


def thumbnail(bank: pixelbank.Bank, path: Path) -> NDArray[Any]:
    image: pixelbank.Image = bank.open(path)
    small = image.at_scale(0.1)
    part: NDArray[Any] = small[10:20, ..., 0]
    out = np.empty(small.shape, np.uint8)
    filled: NDArray[np.uint8] = small.read(out=out)
    return np.concatenate([part, filled[..., 0]])


async def both(bank: pixelbank.Bank) -> int:
    bank.add("noise", Noise())
    pixels = await bank.aread("noise", (0, 0, 10, 10), timeout=5.0)
    height: int = pixels.shape[0]
    try:
        with bank.pin("noise") as pin, pixelbank.Bank("64M", accounts={"tiles": ("1M", "2M")}) as other:
            print(other.ledger().host.live_bytes, pin.n_tiles)
    except pixelbank.BudgetError as error:
        print(error)
    names: list[str] = bank.spec("noise").channel_names
    return height + len(names) + len(np.asarray(bank.tile("noise", 0, 0)))
