"""What lies behind a URL."""

import logging

from pixelbank.errors import ArgumentError


def fetch(url: str) -> bytes:
    """The bytes at `url`, by fsspec."""
    try:
        import fsspec  # type: ignore[import-untyped]
    except ModuleNotFoundError as missing:
        raise ArgumentError(f"path: {url!r} is a URL, and fsspec, which reads those, is not installed") from missing
    with fsspec.open(url, "rb") as file:
        content: bytes = file.read()
    logging.getLogger("pixelbank").debug("%s: %d bytes read", url, len(content))
    return content
