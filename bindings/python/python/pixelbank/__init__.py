"""One memory budget over images, tensors and their caches.

>>> import pixelbank, numpy
>>> bank = pixelbank.Bank("64M")
>>> bank.add("ramp", numpy.arange(12, dtype="uint8").reshape(2, 2, 3))
>>> bank.read("ramp", region=(1, 0, 1, 2))
array([[[ 3,  4,  5]],
<BLANKLINE>
       [[ 9, 10, 11]]], dtype=uint8)
>>> bank.open("ramp")[0, :, "R" == "R"].shape
(2,)

Functions without a bank use the default one, which takes its limits from `PIXELBANK_MEMORY` and its like, or from
`pixelbank/config.toml` in the user's configuration folder; half of the machine's memory where neither says anything.
"""

from pixelbank import errors
from pixelbank._bank import Bank, aread, default_bank, open, read, set_default_bank, spec
from pixelbank._core import Cancel, Image, Pin, Prefetch, Spec, Tensor, Tile, __version__
from pixelbank._ledger import Ledger
from pixelbank._source import Source
from pixelbank.errors import *  # noqa: F403

__all__ = [
    "Bank",
    "Cancel",
    "Image",
    "Ledger",
    "Pin",
    "Prefetch",
    "Source",
    "Spec",
    "Tensor",
    "Tile",
    "__version__",
    "aread",
    "default_bank",
    "open",
    "read",
    "set_default_bank",
    "spec",
    *errors.__all__,
]
