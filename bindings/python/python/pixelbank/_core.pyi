import sys
from collections.abc import Mapping, Sequence
from os import PathLike as _OsPath
from pathlib import Path
from types import EllipsisType
from typing import IO, Any, Literal, Self, SupportsIndex, TypeAlias, TypeVar, final, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray
from typing_extensions import Buffer, disjoint_base

from pixelbank._source import Source

_PathLike: TypeAlias = str | _OsPath[str] | Buffer | IO[bytes]
_Bytes: TypeAlias = int | str
_Region: TypeAlias = tuple[int, int, int, int]
_Channels: TypeAlias = int | str | slice | Sequence[int | str]
_Alpha: TypeAlias = Literal["straight", "premultiplied"]
_Memory: TypeAlias = Buffer | NDArray[Any]
_Out = TypeVar("_Out", bound=_Memory)

__version__: str
__all__ = ["Bank", "Cancel", "Image", "Pin", "Prefetch", "Spec", "Tensor", "Tile", "__version__"]

@disjoint_base
class Bank:
    def __new__(
        cls,
        host: _Bytes | None = None,
        *,
        scratch: _Bytes | None = None,
        open_files: int | None = None,
        devices: Mapping[str, _Bytes | None] | None = None,
        accounts: Mapping[str, _Bytes | tuple[_Bytes, _Bytes]] | None = None,
        pool: _Bytes | None = None,
        search: Sequence[str | _OsPath[str]] = ...,
        missing: str | _OsPath[str] | None = None,
        tile: tuple[int, int] | None = None,
        threads: int | None = None,
        retries: int = 0,
        max_failures: int | None = None,
        share_identical: bool = False,
        scratch_dir: str | _OsPath[str] | None = None,
        watch_pressure: bool = False,
    ) -> Self: ...
    @overload
    def read(
        self,
        path: _PathLike,
        region: _Region | None = None,
        *,
        level: int = 0,
        subimage: int = 0,
        channels: _Channels | None = None,
        dtype: DTypeLike | None = None,
        alpha: _Alpha | None = None,
        out: None = None,
        timeout: float | None = None,
        cancel: Cancel | None = None,
    ) -> NDArray[Any]: ...
    @overload
    def read(
        self,
        path: _PathLike,
        region: _Region | None = None,
        *,
        level: int = 0,
        subimage: int = 0,
        channels: _Channels | None = None,
        dtype: DTypeLike | None = None,
        alpha: _Alpha | None = None,
        out: _Out,
        timeout: float | None = None,
        cancel: Cancel | None = None,
    ) -> _Out: ...
    def open(self, path: _PathLike, *, subimage: int = 0, timeout: float | None = None) -> Image: ...
    def spec(self, path: _PathLike, *, subimage: int = 0) -> Spec: ...
    def tile(
        self,
        path: _PathLike,
        column: int,
        row: int,
        *,
        level: int = 0,
        subimage: int = 0,
        timeout: float | None = None,
        cancel: Cancel | None = None,
    ) -> Tile: ...
    def prefetch(
        self, path: _PathLike, region: _Region | None = None, *, level: int = 0, subimage: int = 0, priority: int = 128
    ) -> Prefetch: ...
    def pin(
        self,
        path: _PathLike,
        region: _Region | None = None,
        *,
        level: int = 0,
        subimage: int = 0,
        timeout: float | None = None,
        cancel: Cancel | None = None,
    ) -> Pin: ...
    def add(self, name: str, source: _Memory | Source) -> None: ...
    def invalidate(self, path: str | _OsPath[str] | None = None) -> None: ...
    def invalidate_changed(self) -> list[Path]: ...
    @property
    def limit_bytes(self) -> int: ...
    @limit_bytes.setter
    def limit_bytes(self, limit: _Bytes) -> None: ...
    def trim(self, fraction: float = 1.0) -> int: ...
    def close(self) -> None: ...
    def _metadata(self, path: _PathLike) -> str: ...
    def _ledger(self) -> str: ...
    def _stats(self) -> str: ...
    def _file_stats(self) -> str: ...
    @staticmethod
    def _accounts() -> list[str]: ...

_Index: TypeAlias = SupportsIndex | slice | EllipsisType

@final
class Image:
    @property
    def path(self) -> Path: ...
    @property
    def spec(self) -> Spec: ...
    @property
    def shape(self) -> tuple[int, int, int]: ...
    @property
    def ndim(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def level(self) -> int: ...
    @property
    def subimage(self) -> int: ...
    @property
    def n_levels(self) -> int: ...
    @property
    def n_subimages(self) -> int: ...
    def at_level(self, number: int) -> Image: ...
    def at_scale(self, scale: float) -> Image: ...
    def at_subimage(self, number: int) -> Image: ...
    @overload
    def read(
        self,
        region: _Region | None = None,
        *,
        channels: _Channels | None = None,
        dtype: DTypeLike | None = None,
        alpha: _Alpha | None = None,
        out: None = None,
        timeout: float | None = None,
        cancel: Cancel | None = None,
    ) -> NDArray[Any]: ...
    @overload
    def read(
        self,
        region: _Region | None = None,
        *,
        channels: _Channels | None = None,
        dtype: DTypeLike | None = None,
        alpha: _Alpha | None = None,
        out: _Out,
        timeout: float | None = None,
        cancel: Cancel | None = None,
    ) -> _Out: ...
    def __getitem__(self, index: _Index | tuple[_Index, ...], /) -> NDArray[Any]: ...
    def __len__(self) -> int: ...
    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]: ...
    def _repr_png_(self) -> bytes | None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class Spec:
    @property
    def path(self) -> Path: ...
    @property
    def format(self) -> str: ...
    @property
    def subimages(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def shape(self) -> tuple[int, int, int]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def channel_names(self) -> list[str]: ...
    @property
    def levels(self) -> list[tuple[int, int]]: ...
    @property
    def tile(self) -> tuple[int, int]: ...
    @property
    def alpha(self) -> _Alpha | None: ...
    @property
    def transfer(self) -> Literal["display", "linear"]: ...
    @property
    def orientation(self) -> int: ...
    @property
    def data_window(self) -> _Region: ...
    @property
    def display_window(self) -> _Region: ...
    @property
    def icc(self) -> bytes | None: ...
    @property
    def native(self) -> dict[str, Any]: ...
    def __eq__(self, other: object, /) -> bool: ...

@final
class Tile:
    @property
    def region(self) -> _Region: ...
    @property
    def shape(self) -> tuple[int, int, int]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def nbytes(self) -> int: ...
    if sys.version_info >= (3, 12):
        def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class Pin:
    @property
    def n_tiles(self) -> int: ...
    def release(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...

@final
class Prefetch:
    def done(self) -> bool: ...
    def cancel(self) -> None: ...
    def wait(self, timeout: float | None = None, *, cancel: Cancel | None = None) -> None: ...

@final
class Cancel:
    def __new__(cls) -> Self: ...
    def cancel(self) -> None: ...
    @property
    def cancelled(self) -> bool: ...

@final
class Tensor:
    @property
    def shape(self) -> tuple[int, ...]: ...
