"""`Bank`, and the bank that functions use which are given none."""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING, Any

from pixelbank import _core
from pixelbank._ledger import Ledger
from pixelbank._pool import PoolMethods

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    import numpy as np

    from pixelbank._core import Image, Mesh, Spec, _PathLike


class Bank(_core.Bank, PoolMethods):
    """One memory budget, with an image cache and an object pool on it.

    Amounts are bytes, or text such as `"512M"`. What is not given comes from the environment (`PIXELBANK_MEMORY` and its
    like), then from `pixelbank/config.toml` in the user's configuration folder, then from the machine.

    Args:
        host: bytes of memory that may be held, in use and idle.
        scratch: bytes of scratch files; 0 forbids them.
        open_files: files that are open at once.
        devices: limits by device: `{"cuda:0": "4G"}`; None for half of the device's memory.
        accounts: ceilings by account, or pairs of floor and ceiling: `{"tiles": ("64M", "1G")}`.
        pool: bytes that the object pool keeps.
        search: folders in which relative paths are looked for.
        missing: an image that stands for files that are not there.
        tile: `(width, height)` of tiles of files that have none.
        threads: threads that decode at once.
        retries: how often a load is tried again where storage failed.
        max_failures: after how many failures a file is not tried again.
        share_identical: whether files of equal content share their pixels.
        scratch_dir: where scratch files are made.
        watch_pressure: whether idle memory is given up when the operating system is short of it.
        publish: whether `pixelbank top` and `pixelbank ledger` of the same user can look at it, by the process's number.

    As a context manager it is closed at the end: idle memory goes, what is in use stays valid, later calls raise
    `ClosedError`.

    >>> with Bank("64M") as bank:
    ...     print(bank.limit_bytes)
    67108864
    """

    _arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls, *args, **kwargs)
        self._arguments = (args, kwargs)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process gets a bank with the same limits, and nothing in it."""
        return (_rebuild, (type(self), *self._arguments))

    def __repr__(self) -> str:
        host = self.ledger().host
        return f"<{type(self).__name__}: {host.live} of {host.limit} held>"

    def ledger(self) -> Ledger:
        """Who holds what now: prints as a table, shows as one in notebooks, and converts to a dict or a DataFrame."""
        return Ledger(json.loads(self._ledger()))

    def events(self) -> list[dict[str, Any]]:
        """What happened to the budget lately, oldest first, at most 256 events: what was reclaimed, refused, overdrawn, given
        up; limits and marks that were set. What follows its like within a second or so is one event with a count.
        """
        return json.loads(self._events())

    def stats(self) -> dict[str, int]:
        """What the image cache did: hits, misses, tiles made and dropped, bytes and nanoseconds spent reading and decoding."""
        return json.loads(self._stats())

    def file_stats(self) -> list[dict[str, Any]]:
        """What the cache did with each file that it knows, those first whose decoding took longest."""
        return json.loads(self._file_stats())

    def attributes(self, path: _PathLike) -> dict[str, dict[str, str]]:
        """The file's metadata by what it is about, read from it now: `Image`, `Camera`, `Exposure`, `Lens`, `Place`,
        `Description` and `Other`, each with its values by their names.

        Raises as `open`.
        """
        groups: dict[str, dict[str, str]] = {}
        for group, name, value in json.loads(self._metadata(path))["entries"]:
            groups.setdefault(group, {})[name] = value
        return groups

    def info(self, path: _PathLike) -> dict[str, Any]:
        """Everything that is known of a file, as plain values: its subimages, when and with what it was taken.

        Raises as `open`.
        """
        first = self.spec(path)
        specs = [self.spec(path, subimage=n) for n in range(first.subimages)]
        about = json.loads(self._metadata(path))
        del about["entries"]
        return {
            "path": os.fspath(first.path),
            "format": first.format,
            **about,
            "subimages": [
                {
                    "width": spec.width,
                    "height": spec.height,
                    "channels": spec.channel_names,
                    "dtype": str(spec.dtype),
                    "alpha": spec.alpha,
                    "transfer": spec.transfer,
                    "orientation": spec.orientation,
                    "levels": spec.levels,
                    "tile": spec.tile,
                    "data_window": spec.data_window,
                    "display_window": spec.display_window,
                    "icc_bytes": len(spec.icc) if spec.icc else None,
                    "native": spec.native,
                }
                for spec in specs
            ],
        }

    async def aread(self, path: _PathLike, *args: Any, **kwargs: Any) -> np.ndarray[Any, Any]:
        """`read` for coroutines: takes the same arguments. A task that is cancelled ends the read."""
        import asyncio

        cancel = kwargs.setdefault("cancel", _core.Cancel())
        try:
            return await asyncio.to_thread(self.read, path, *args, **kwargs)
        except asyncio.CancelledError:
            cancel.cancel()
            raise


def _rebuild(cls: type[Bank], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Bank:
    return cls(*args, **kwargs)


def _reopen(path: _PathLike, subimage: int, level: int) -> Image:
    """An image that came from another process."""
    return default_bank().open(path, subimage=subimage).at_level(level)


_default: Bank | None = None
_default_lock = threading.Lock()


def default_bank() -> Bank:
    """The bank that `pixelbank.read` and its like use: made when it is first asked for, in each process by itself."""
    global _default
    bank = _default
    if bank is None:
        with _default_lock:
            if _default is None:
                import logging

                _default = Bank()
                logging.getLogger("pixelbank").info("the default bank of process %d is made: %r", os.getpid(), _default)
            bank = _default
    return bank


def set_default_bank(bank: Bank | None) -> None:
    """Makes `bank` the default one; None has one made when it is next asked for."""
    global _default
    _default = bank
    _core._default_changed()


def _in_child() -> None:
    global _default, _default_lock
    # The parent's cannot be used here, and its lock may be held by a thread that is not there.
    _default_lock = threading.Lock()
    _default = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def read(path: _PathLike, *args: Any, **kwargs: Any) -> np.ndarray[Any, Any]:
    """`Bank.read` of the default bank."""
    return default_bank().read(path, *args, **kwargs)


def open(path: _PathLike, **kwargs: Any) -> Image:
    """`Bank.open` of the default bank."""
    return default_bank().open(path, **kwargs)


def spec(path: _PathLike, **kwargs: Any) -> Spec:
    """`Bank.spec` of the default bank."""
    return default_bank().spec(path, **kwargs)


def load_mesh(path: str | os.PathLike[str], **kwargs: Any) -> Mesh:
    """`Bank.load_mesh` of the default bank."""
    return default_bank().load_mesh(path, **kwargs)


async def aread(path: _PathLike, *args: Any, **kwargs: Any) -> np.ndarray[Any, Any]:
    """`Bank.aread` of the default bank."""
    return await default_bank().aread(path, *args, **kwargs)
