"""What `Bank.add` takes beside arrays and bytes."""

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Source(Protocol):
    """An image that a program makes when it is asked for it.

    Beside what is below, it may have `channels` (a number from 1 to 255; 3 where it is missing), `dtype` (`"uint8"`,
    `"uint16"`, `"uint32"`, `"float16"` or `"float32"`; the first where it is missing), `tile` (`(width, height)` in which
    it is asked for pixels; 256 × 256), and `levels` (`(width, height)` of each coarser level that it makes by itself).
    They are looked at once, when the source is added.
    """

    width: int
    height: int

    def read(self, x: int, y: int, width: int, height: int, level: int, /) -> Any:
        """A contiguous array or buffer of shape (height, width, channels) and of the source's dtype.

        Called from any thread, and from several at once. What it raises reaches whoever reads, as the cause of a
        `SourceError`.
        """
        ...
