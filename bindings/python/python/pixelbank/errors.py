"""What can go wrong. Everything that Pixelbank itself raises is an `Error`; most are one of Python's own kinds as well, so
that `except FileNotFoundError` or `except MemoryError` work as usual."""

__all__ = [
    "ArgumentError",
    "BatchFullError",
    "BudgetError",
    "ClosedError",
    "DamagedError",
    "DeviceError",
    "Error",
    "FileError",
    "ForkedError",
    "LimitError",
    "MissingError",
    "ReadError",
    "SourceError",
    "UnknownFormatError",
    "UnsupportedError",
    "WaitError",
]


class Error(Exception):
    """Anything that Pixelbank raises."""


class ArgumentError(Error, ValueError):
    """An argument that makes no sense; the message begins with its name."""


class BudgetError(Error, MemoryError):
    """The budget has no room, or can never have it; the message has the figures and the largest holders."""


class WaitError(Error, TimeoutError):
    """A deadline passed, or the call was cancelled, before it was done."""


class ClosedError(Error, RuntimeError):
    """The bank was closed."""


class ForkedError(Error, RuntimeError):
    """The object belongs to the process that this one was forked from."""


class BatchFullError(Error, ValueError):
    """A batch has no room left."""


class DeviceError(Error, RuntimeError):
    """A device is not there, is lost, or its driver refused."""


class SourceError(Error, RuntimeError):
    """A source written in Python raised; its exception is the `__cause__`."""


class MissingError(Error, FileNotFoundError):
    """There is no such file."""


class ReadError(Error, OSError):
    """The system could not read a file."""


class FileError(Error):
    """A file that cannot be used as an image, or as a mesh; the message begins with its name."""


class UnknownFormatError(FileError, ValueError):
    """The content is that of no format that is read."""


class DamagedError(FileError, ValueError):
    """The file breaks its own format's rules, or ends early."""


class UnsupportedError(FileError, ValueError):
    """The file is valid, but uses something that is not read."""


class LimitError(FileError, ValueError):
    """The file asks for more than the limits allow; nothing was allocated for it."""
