"""What a bank's object pool makes, and memory of others that it takes in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from pixelbank import _core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import DTypeLike, NDArray

    from pixelbank._core import ExternalItem, ImageBatch, ImageBuffer, Stream, Tensor, TensorBatch, _DType, _Mode, _Shape

Made = TypeVar("Made")


class PoolMethods:
    """What `Bank` has of the object pool."""

    def tensor(
        self,
        shape: _Shape,
        dtype: _DType = "float32",
        *,
        layout: str | None = None,
        row_align: int = 1,
        device: str = "cpu",
        stream: Stream | None = None,
        larger_fit: int = 0,
        timeout: float | None = None,
    ) -> Tensor:
        """A `Tensor` of this bank's pool: takes the same arguments, and raises the same."""
        return _core.Tensor(
            shape,
            dtype,
            layout=layout,
            row_align=row_align,
            device=device,
            stream=stream,
            larger_fit=larger_fit,
            timeout=timeout,
            bank=_bank(self),
        )

    def image_buffer(
        self,
        size: tuple[int, int],
        channels: _Mode | int = "rgb",
        dtype: DTypeLike = "uint8",
        *,
        row_align: int = 1,
        device: str = "cpu",
        stream: Stream | None = None,
        larger_fit: int = 0,
        timeout: float | None = None,
    ) -> ImageBuffer:
        """An `ImageBuffer` of this bank's pool: takes the same arguments, and raises the same."""
        return _core.ImageBuffer(
            size,
            channels,
            dtype,
            row_align=row_align,
            device=device,
            stream=stream,
            larger_fit=larger_fit,
            timeout=timeout,
            bank=_bank(self),
        )

    def tensor_batch(self, capacity: int) -> TensorBatch:
        """A `TensorBatch` of this bank's pool."""
        return _core.TensorBatch(capacity, bank=_bank(self))

    def image_batch(self, capacity: int) -> ImageBatch:
        """An `ImageBatch` of this bank's pool."""
        return _core.ImageBatch(capacity, bank=_bank(self))

    def stream(self, device: str = "cpu") -> Stream:
        """A `Stream` of this bank's pool."""
        return _core.Stream(device, bank=_bank(self))

    def external(
        self,
        key: int | Iterable[int],
        factory: Callable[[], Made],
        nbytes: int | str = 0,
        *,
        device: str = "cpu",
    ) -> ExternalItem[Made]:
        """An `ExternalItem` of this bank's pool: an idle one of that key, or one that `factory()` makes."""
        return _core.ExternalItem(key, factory, nbytes, device=device, bank=_bank(self))

    def wrap(self, array: object, *, stream: Stream | None = None) -> Tensor:
        """`from_dlpack`, with this bank's pool."""
        return _core.from_dlpack(array, stream=stream, bank=_bank(self))


def _bank(self: PoolMethods) -> _core.Bank:
    return cast("_core.Bank", self)


def _rebuild(cls: type[Tensor], shape: tuple[int, ...], dtype: str, layout: str | None, content: NDArray[Any]) -> Tensor:
    """A tensor that came from another process."""
    tensor = cls(shape, dtype, layout=layout)
    tensor._bytes()[:] = content
    return tensor


def _rebuild_image(
    cls: type[ImageBuffer], size: tuple[int, int], channels: _Mode | int, dtype: str, content: NDArray[Any]
) -> ImageBuffer:
    """An image that came from another process."""
    image = cls(size, channels, dtype)
    image._bytes()[:] = content
    return image
