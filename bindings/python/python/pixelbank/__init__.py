"""One memory budget over images, tensors and their caches.

>>> import pixelbank, numpy
>>> bank = pixelbank.Bank("64M")
>>> bank.add("ramp", numpy.arange(12, dtype="uint8").reshape(2, 2, 3))
>>> bank.read("ramp", region=(1, 0, 1, 2))
array([[[ 3,  4,  5]],
<BLANKLINE>
       [[ 9, 10, 11]]], dtype=uint8)
>>> bank.open("ramp")[0, :, 2]
array([2, 5], dtype=uint8)

Functions without a bank use the default one, which takes its limits from `PIXELBANK_MEMORY` and its like, or from
`pixelbank/config.toml` in the user's configuration folder; half of the machine's memory where neither says anything.
"""

from pixelbank import errors
from pixelbank._bank import Bank, aread, default_bank, load_mesh, open, read, set_default_bank, spec
from pixelbank._core import (
    Cancel,
    ExternalItem,
    Image,
    ImageBatch,
    ImageBuffer,
    Mesh,
    Pin,
    Pool,
    PoolProfile,
    Prefetch,
    Spec,
    Stream,
    Tensor,
    TensorBatch,
    Tile,
    __version__,
    from_dlpack,
)
from pixelbank._ledger import Ledger
from pixelbank._source import Source
from pixelbank.errors import (
    ArgumentError,
    BatchFullError,
    BudgetError,
    ClosedError,
    DamagedError,
    DeviceError,
    Error,
    FileError,
    ForkedError,
    LimitError,
    MissingError,
    ReadError,
    SourceError,
    UnknownFormatError,
    UnsupportedError,
    WaitError,
)

__all__ = [
    "ArgumentError",
    "Bank",
    "BatchFullError",
    "BudgetError",
    "Cancel",
    "ClosedError",
    "DamagedError",
    "DeviceError",
    "Error",
    "ExternalItem",
    "FileError",
    "ForkedError",
    "Image",
    "ImageBatch",
    "ImageBuffer",
    "Ledger",
    "LimitError",
    "Mesh",
    "MissingError",
    "Pin",
    "Pool",
    "PoolProfile",
    "Prefetch",
    "ReadError",
    "Source",
    "SourceError",
    "Spec",
    "Stream",
    "Tensor",
    "TensorBatch",
    "Tile",
    "UnknownFormatError",
    "UnsupportedError",
    "WaitError",
    "__version__",
    "aread",
    "default_bank",
    "errors",
    "from_dlpack",
    "load_mesh",
    "open",
    "read",
    "set_default_bank",
    "spec",
]
