"""Where a process's memory is: Python's objects, what banks hold, and what neither can see.

>>> from pixelbank import analyzer
>>> class Face:
...     def __init__(self, a, b, c):
...         self.a, self.b, self.c = a, b, c
>>> faces = [Face(n, n + 1, n + 2) for n in range(20_000)]
>>> heap = analyzer.heap()
>>> row = heap[f"{__name__}.Face"]
>>> row.count
20000
>>> row.advice.startswith("__slots__ would save")
True
"""

from __future__ import annotations

import gc
import json
import os
import re
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from pixelbank import _core
from pixelbank._ledger import format_bytes, table_html, table_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixelbank._bank import Bank

__all__ = ["Heap", "Report", "Row", "Snapshot", "assert_no_growth", "diff", "heap", "holders", "report", "snapshot"]

# Fewer objects than that are not worth a change of their class.
_MANY = 1000
_POINTER = 8


@dataclass(frozen=True)
class Row:
    """The objects of one type: `bytes` are those of the objects alone, not of what they refer to."""

    name: str
    count: int
    bytes: int
    advice: str = ""

    @property
    def average(self) -> float:
        """Bytes of one."""
        return self.bytes / self.count if self.count else 0.0


def _values_bytes(references: int, count: int) -> int:
    """What the arrays of attributes take that lie beside instances, or behind them from Python 3.13 on: a word for each
    attribute, and a prefix. `sys.getsizeof` leaves them out."""
    # One reference is that to the type.
    each = max(references // count - 1, 0)
    return count * (each * _POINTER + (each + 2 + 7) // 8 * 8) if each else 0


def _rows() -> list[Row]:
    found: dict[str, Row] = {}
    for kind, count, size, references, has_values in _core._walk():
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        advice = ""
        if has_values:
            size += _values_bytes(references, count)
            if count >= _MANY:
                advice = _advice(count, size, max(references // count - 1, 0))
        before = found.get(name)
        if before:
            count, size, advice = count + before.count, size + before.bytes, advice or before.advice
        found[name] = Row(name, count, size, advice)
    return sorted(found.values(), key=lambda row: -row.bytes)


def _advice(count: int, size: int, attributes: int) -> str:
    # Head, the collector's links, and a word for each attribute.
    with_slots = count * (16 + 16 + attributes * _POINTER)
    as_arrays = count * attributes * _POINTER
    if size <= with_slots:
        return ""
    saved, by_arrays = format_bytes(size - with_slots), format_bytes(size - as_arrays)
    return f"__slots__ would save {saved}; an array of numbers for each of the {attributes} attributes {by_arrays}"


class Heap:
    """Every Python object by type, the largest first. Prints as a table; `heap["module.Class"]` is one row."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows

    @property
    def count(self) -> int:
        """Objects."""
        return sum(row.count for row in self.rows)

    @property
    def bytes(self) -> int:
        """Bytes of all objects, headers included."""
        return sum(row.bytes for row in self.rows)

    def __getitem__(self, name: str) -> Row:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    def by_module(self) -> dict[str, int]:
        """Bytes of the objects of each module's classes, the largest first."""
        sums: dict[str, int] = {}
        for row in self.rows:
            module = row.name.rpartition(".")[0] or "builtins"
            sums[module] = sums.get(module, 0) + row.bytes
        return dict(sorted(sums.items(), key=lambda item: -item[1]))

    def to_dict(self) -> dict[str, Any]:
        """The rows, as plain values."""
        return {"count": self.count, "bytes": self.bytes, "types": [asdict(row) for row in self.rows]}

    def to_dataframe(self) -> Any:
        """A pandas.DataFrame with a row for each type; pandas must be installed."""
        import pandas  # type: ignore[import-untyped]

        return pandas.DataFrame([asdict(row) for row in self.rows])

    _HEAD = ("type", "count", "bytes", "average", "share", "advice")

    def _cells(self, most: int) -> list[tuple[str, ...]]:
        whole = self.bytes or 1
        return [
            (
                row.name,
                f"{row.count}",
                format_bytes(row.bytes),
                f"{row.average:.0f}",
                f"{100 * row.bytes / whole:.1f} %",
                row.advice,
            )
            for row in self.rows[:most]
        ]

    def __str__(self) -> str:
        return f"{self.count} objects, {format_bytes(self.bytes)}\n" + table_text(self._HEAD, self._cells(25), left=(0, 5))

    def __repr__(self) -> str:
        return f"<Heap: {self.count} objects, {format_bytes(self.bytes)}>"

    def _repr_html_(self) -> str:
        return f"<p>{self.count} objects, {format_bytes(self.bytes)}</p>" + table_html(self._HEAD, self._cells(50))


def heap() -> Heap:
    """Walks every Python object, those that the collector does not track included, and makes none on the way.

    Instances are not given dicts by being looked at. Objects that were frozen (`gc.freeze`) and that nothing else refers to
    are not seen. Raises `RuntimeError` on a free-threaded interpreter.
    """
    return Heap(_rows())


@dataclass(frozen=True)
class Allocator:
    """What Python's allocator of small objects and the C library's hold, in bytes."""

    arenas: int = 0
    used: int = 0
    free_pools: int = 0
    free_blocks: int = 0
    classes: list[dict[str, int]] = field(default_factory=list)
    c_used: int = 0
    c_free: int = 0

    @property
    def unused(self) -> int:
        """Held from the system by either, and used for nothing."""
        return max(self.arenas - self.used, 0) + self.c_free


def _small_objects() -> str:
    """What CPython says of its allocator; it writes it to the C library's standard error alone."""
    if not hasattr(sys, "_debugmallocstats"):
        return ""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        try:
            os.dup2(file.fileno(), 2)
            sys._debugmallocstats()
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        file.seek(0)
        return file.read().decode(errors="replace")


def allocator() -> Allocator:
    """How full Python's arenas are, by size of block, and what the C library's allocator keeps."""
    text = _small_objects()

    def total(name: str) -> int:
        number = re.search(rf"^{name}[^=]*=\s*([\d,]+)$", text, re.MULTILINE)
        return int(number[1].replace(",", "")) if number else 0

    rows = re.findall(r"^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)$", text, re.MULTILINE)
    classes = [
        {"block_bytes": int(size), "pools": int(pools), "used": int(used), "free": int(free)}
        for _, size, pools, used, free in rows
    ]
    arenas = re.search(r"^\d+ arenas \* (\d+) bytes/arena\s*=\s*([\d,]+)$", text, re.MULTILINE)
    c_used, c_free = _core._c_allocator()
    return Allocator(
        arenas=int(arenas[2].replace(",", "")) if arenas else 0,
        used=total("# bytes in allocated blocks"),
        free_pools=total(r"\d+ unused pools \* \d+ bytes"),
        free_blocks=total("# bytes in available blocks"),
        classes=classes,
        c_used=c_used,
        c_free=c_free,
    )


def _status() -> dict[str, int]:
    """What the operating system says of the process, in bytes."""
    try:
        with open("/proc/self/status") as status:
            lines = status.read().splitlines()
    except OSError:
        return {}
    wanted = {"VmRSS": "resident", "VmHWM": "peak", "RssAnon": "anonymous", "RssFile": "file_backed", "RssShmem": "shared"}
    return {
        wanted[name]: int(value.split()[0]) * 1024 for name, value in (line.split(":", 1) for line in lines) if name in wanted
    }


class Report:
    """Both worlds: what banks hold by account and type, Python's objects by type, and the rest of what is resident."""

    def __init__(self, figures: dict[str, Any]) -> None:
        self._figures = figures

    @property
    def resident_bytes(self) -> int:
        """What the operating system says."""
        return int(self._figures["process"].get("resident", 0))

    @property
    def unclassified_bytes(self) -> int:
        """Resident, and explained by none of the rows."""
        return int(self._figures["rest"]["unclassified"])

    def to_dict(self) -> dict[str, Any]:
        """Every figure, as plain values."""
        return self._figures

    _HEAD = ("what", "count", "bytes", "share", "advice")

    def _cells(self, most: int) -> list[tuple[str, ...]]:
        whole = self.resident_bytes or 1

        def cells(name: str, count: str, size: int, advice: str = "") -> tuple[str, ...]:
            return (name, count, format_bytes(size), f"{100 * size / whole:.1f} %", advice)

        figures = self._figures
        rows = []
        for bank in figures["banks"]:
            rows.append(cells(f"bank {bank['name']}", "", bank["bytes"]))
            rows += [
                cells(f"  {row['account']}/{row['type']}", str(row["count"]), row["live_bytes"])
                for row in bank["types"]
                if row["live_bytes"]
            ]
        rows.append(cells("Python objects", str(figures["heap"]["count"]), figures["heap"]["bytes"]))
        rows += [
            cells(f"  {row['name']}", str(row["count"]), row["bytes"], row["advice"]) for row in figures["heap"]["types"][:most]
        ]
        rows += [cells(name.replace("_", " "), "", size) for name, size in figures["rest"].items()]
        return rows

    def _title(self) -> str:
        return f"{format_bytes(self.resident_bytes)} resident"

    def __str__(self) -> str:
        return f"{self._title()}\n" + table_text(self._HEAD, self._cells(12), left=(0, 4))

    def __repr__(self) -> str:
        return f"<Report: {self._title()}, {format_bytes(self.unclassified_bytes)} unclassified>"

    def _repr_html_(self) -> str:
        return f"<p>{self._title()}</p>" + table_html(self._HEAD, self._cells(25))


def report(*banks: Bank) -> Report:
    """Where the process's memory is: the given banks (the default one, where it was made, if none is), and Python's objects."""
    if not banks:
        from pixelbank import _bank

        banks = (_bank._default,) if _bank._default is not None else ()
    ledgers = [bank.ledger().to_dict() for bank in banks]
    objects, small = heap(), allocator()
    system = _status()
    booked = sum(ledger["host"]["live_bytes"] for ledger in ledgers)
    rest = {
        "allocators_unused": small.unused,
        "file_backed": system.get("file_backed", 0),
    }
    explained = booked + objects.bytes + sum(rest.values())
    rest["unclassified"] = max(system.get("resident", 0) - explained, 0)
    return Report({
        "process": system,
        "banks": [
            {
                "name": str(number),
                "bytes": ledger["host"]["live_bytes"],
                "types": sorted(
                    (row for row in ledger["types"] if row["resource"] == "host"), key=lambda row: -row["live_bytes"]
                ),
            }
            for number, ledger in enumerate(ledgers, 1)
        ],
        "heap": objects.to_dict(),
        "allocators": asdict(small),
        "rest": rest,
    })  # fmt: skip


_FORM = 1


class Snapshot:
    """Counts and bytes by type at one moment: to be compared, and kept as JSON."""

    def __init__(self, time_s: float, types: dict[str, tuple[int, int]]) -> None:
        self.time_s = time_s
        self.types = types

    def to_json(self) -> str:
        """As text."""
        return json.dumps({"form": _FORM, "time_s": self.time_s, "types": self.types})

    @classmethod
    def from_json(cls, text: str) -> Snapshot:
        """From text; raises `ValueError` for what is none, or of another version."""
        try:
            read = json.loads(text)
            form, time_s = read["form"], float(read["time_s"])
            types = {str(name): (int(count), int(size)) for name, (count, size) in read["types"].items()}
        except (KeyError, TypeError, AttributeError) as wrong:
            raise ValueError("this is no snapshot") from wrong
        if form != _FORM:
            raise ValueError(f"a snapshot of form {form}; form {_FORM} is understood")
        return cls(time_s, types)

    def __repr__(self) -> str:
        return f"<Snapshot: {len(self.types)} types, {format_bytes(sum(size for _, size in self.types.values()))}>"


def snapshot(*banks: Bank) -> Snapshot:
    """Counts and bytes by type now: Python's objects, and what the given banks hold."""
    figures = report(*banks).to_dict()
    types = {row["name"]: (row["count"], row["bytes"]) for row in figures["heap"]["types"]}
    for bank in figures["banks"]:
        for row in bank["types"]:
            name = f"{row['account']}/{row['type']} of {row['owner']}"
            count, size = types.get(name, (0, 0))
            types[name] = (count + row["count"], size + row["live_bytes"])
    return Snapshot(time.time(), types)


class Diff:
    """What grew and shrank between two snapshots, the largest growth first."""

    def __init__(self, rows: list[tuple[str, int, int]], seconds: float) -> None:
        self.rows = rows
        self.seconds = seconds

    def __getitem__(self, name: str) -> tuple[int, int]:
        """By how many objects and bytes a type grew."""
        for row, count, size in self.rows:
            if row == name:
                return count, size
        return 0, 0

    _HEAD = ("type", "count", "bytes", "bytes a minute")

    def _cells(self) -> list[tuple[str, ...]]:
        minutes = self.seconds / 60 or 1
        return [
            (name, f"{count:+}", ("-" if size < 0 else "+") + format_bytes(abs(size)), f"{size / minutes:+.0f}")
            for name, count, size in self.rows[:40]
        ]

    def __str__(self) -> str:
        return table_text(self._HEAD, self._cells(), left=(0,))

    def _repr_html_(self) -> str:
        return table_html(self._HEAD, self._cells())


def diff(before: Snapshot, after: Snapshot) -> Diff:
    """What is different in the later of two snapshots."""
    names = before.types.keys() | after.types.keys()
    rows = []
    for name in names:
        (count, size), (earlier, smaller) = after.types.get(name, (0, 0)), before.types.get(name, (0, 0))
        if (count, size) != (earlier, smaller):
            rows.append((name, count - earlier, size - smaller))
    rows.sort(key=lambda row: (-row[2], row[0]))
    return Diff(rows, after.time_s - before.time_s)


@contextmanager
def assert_no_growth(*banks: Bank, types: str = "", allowed_bytes: int = 0) -> Iterator[None]:
    """For tests: fails where objects whose type's name contains `types` hold more bytes after the block than before."""
    gc.collect()
    before = snapshot(*banks)
    # Once more, with one in memory, as there is one in the end.
    before = snapshot(*banks)
    yield
    gc.collect()
    grown = [row for row in diff(before, snapshot(*banks)).rows if types in row[0] and row[2] > 0]
    if sum(size for _, _, size in grown) > allowed_bytes:
        lines = "\n".join(f"  {name}: {count:+} objects, {size:+} bytes" for name, count, size in grown[:20])
        raise AssertionError(f"memory has grown by more than {allowed_bytes} bytes:\n{lines}")


def holders(obj: object, depth: int = 6) -> list[str]:
    """Paths to what keeps an object alive, the shortest first: `module.name`, `.attribute`, `[key]`.

    Looks back from the object, through at most `depth` others, until a module or a frame is reached.
    """
    paths: list[str] = []
    seen = {id(obj)}
    # Lists of the search itself refer to what it looks at.
    ours: set[int] = {id(seen), id(paths)}
    front: list[tuple[object, str]] = [(obj, "")]
    for _ in range(depth):
        following: list[tuple[object, str]] = []
        ours |= {id(front), id(following)}
        for target, path in front:
            referrers = gc.get_referrers(target)
            ours.add(id(referrers))
            for referrer in referrers:
                if id(referrer) in seen or id(referrer) in ours or referrer is sys._getframe():
                    continue
                if isinstance(referrer, tuple) and len(referrer) == 2 and referrer[0] is target and isinstance(referrer[1], str):
                    continue
                seen.add(id(referrer))
                name = _named(referrer, target)
                if isinstance(referrer, dict) and (module := _module_of(referrer)):
                    paths.append(f"{module}{name and '.' + name[2:-2]}{path}")
                elif type(referrer).__name__ == "frame":
                    paths.append(f"{referrer.f_code.co_qualname}() in {referrer.f_code.co_filename}{path}")  # type: ignore[attr-defined]
                else:
                    following.append((referrer, f" → {type(referrer).__qualname__}{name}{path}"))
        front = following
    return [path.strip() for path in paths]


def _named(referrer: object, target: object) -> str:
    """By which key or attribute one object refers to another."""
    if isinstance(referrer, dict):
        return next((f"[{key!r}]" for key, value in referrer.items() if value is target), "")
    if isinstance(referrer, list | tuple):
        return next((f"[{number}]" for number, value in enumerate(referrer) if value is target), "")
    attributes = getattr(type(referrer), "__slots__", ())
    names = (attributes,) if isinstance(attributes, str) else attributes
    for name in names:
        if getattr(referrer, name, None) is target:
            return f".{name}"
    return ""


def _module_of(namespace: dict[Any, Any]) -> str:
    name = namespace.get("__name__")
    if not isinstance(name, str):
        return ""
    return name if getattr(sys.modules.get(name), "__dict__", None) is namespace else ""
