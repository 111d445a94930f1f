"""What a bank's object pool makes, and memory of others that it takes in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixelbank import _core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pixelbank._bank import Bank
    from pixelbank._core import ExternalItem, ImageBatch, ImageBuffer, Stream, Tensor, TensorBatch


class PoolMethods:
    """What `Bank` has of the object pool."""

    def tensor(self, shape: Any, dtype: Any = "float32", **options: Any) -> Tensor:
        """A `Tensor` of this bank's pool: takes the same arguments."""
        return _core.Tensor(shape, dtype, bank=self, **options)

    def image_buffer(self, size: tuple[int, int], channels: int | str = "rgb", dtype: Any = "uint8", **options: Any) -> ImageBuffer:
        """An `ImageBuffer` of this bank's pool: takes the same arguments."""
        return _core.ImageBuffer(size, channels, dtype, bank=self, **options)

    def tensor_batch(self, capacity: int) -> TensorBatch:
        """A `TensorBatch` of this bank's pool."""
        return _core.TensorBatch(capacity, bank=self)

    def image_batch(self, capacity: int) -> ImageBatch:
        """An `ImageBatch` of this bank's pool."""
        return _core.ImageBatch(capacity, bank=self)

    def stream(self, device: str = "cpu") -> Stream:
        """A `Stream` of this bank's pool."""
        return _core.Stream(device, bank=self)

    def external(
        self,
        key: int | Iterable[int],
        factory: Callable[[], Any],
        nbytes: int | str = 0,
        *,
        device: str = "cpu",
    ) -> ExternalItem:
        """An `ExternalItem` of this bank's pool: an idle one of that key, or one that `factory()` makes."""
        return _core.ExternalItem(key, factory, nbytes, device=device, bank=self)

    def wrap(self, array: Any, *, stream: Stream | None = None) -> Tensor:
        """`from_dlpack`, with this bank's pool."""
        return _core.from_dlpack(array, stream=stream, bank=self)


def _rebuild(cls: type[Tensor], shape: tuple[int, ...], dtype: str, layout: str | None, content: Any) -> Tensor:
    """A tensor that came from another process."""
    return _filled(cls(shape, dtype, layout=layout), content)


def _rebuild_image(
    cls: type[ImageBuffer], size: tuple[int, int], channels: int | str, dtype: str, content: Any
) -> ImageBuffer:
    """An image that came from another process."""
    return _filled(cls(size, channels, dtype), content)


def _filled(tensor: Any, content: Any) -> Any:
    tensor._bytes()[:] = content
    return tensor
