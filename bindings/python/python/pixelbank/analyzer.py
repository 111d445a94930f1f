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
from pixelbank._ledger import format_bytes, signed_bytes, table_csv, table_html, table_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pixelbank._bank import Bank
    from pixelbank._ledger import Ledger

__all__ = [
    "Heap",
    "Released",
    "Report",
    "Row",
    "Snapshot",
    "allocator",
    "assert_no_growth",
    "diff",
    "heap",
    "holders",
    "release",
    "report",
    "snapshot",
]

# Fewer objects than that are not worth a change of their class.
_MANY = 1000
_POINTER = 8
# Less than that unused is not worth a sentence.
_WORTH = 4 << 20


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

    def sorted(self, by: str = "bytes") -> Heap:
        """The same by another column: `name` upwards; `count`, `bytes` or `average` downwards."""
        if by == "name":
            return Heap(sorted(self.rows, key=lambda row: row.name))
        if by not in ("count", "bytes", "average"):
            raise ValueError(f"by: {by!r}; name, count, bytes or average is wanted")
        return Heap(sorted(self.rows, key=lambda row: -getattr(row, by)))

    def to_csv(self) -> str:
        """The rows as comma-separated values."""
        return table_csv([asdict(row) for row in self.rows], ("name", "count", "bytes", "advice"))

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
    huge_pages: int = 0

    @property
    def unused(self) -> int:
        """Held from the system by either, and used for nothing."""
        return max(self.arenas - self.used, 0) + self.c_free

    @property
    def advice(self) -> list[str]:
        """What would give unused memory back, in sentences."""
        found = []
        if self.c_free > _WORTH:
            found.append(
                f"The C library keeps {format_bytes(self.c_free)} free: `analyzer.release()` has it given back, as far as"
                " whole pages are free."
            )
        pinned = self.arenas - self.used - self.free_pools
        if pinned > _WORTH and pinned > self.used // 4:
            sparse = max(self.classes, key=lambda row: row["free"] * row["block_bytes"], default=None)
            size = f", most of it among blocks of {sparse['block_bytes']} bytes" if sparse else ""
            found.append(
                f"{format_bytes(pinned)} of Python's arenas lie free between small objects that live{size}. An arena goes back"
                " when its last object has gone: values that many objects share, arrays in place of objects, native"
                " containers (tensors, meshes), or a process of its own for what makes them, let it go."
            )
        return found

    def __str__(self) -> str:
        head = ("where", "held", "used", "unused")
        rows = [
            ("Python's small objects", self.arenas, self.used, self.arenas - self.used),
            ("C library", self.c_used + self.c_free, self.c_used, self.c_free),
        ]
        lines = [table_text(head, [(name, *map(format_bytes, figures)) for name, *figures in rows], left=(0,))]
        if self.huge_pages:
            lines.append(f"{format_bytes(self.huge_pages)} of what is resident are huge pages.")
        return "\n".join(lines + self.advice)


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
        huge_pages=_huge_pages(),
    )


def _huge_pages() -> int:
    """Bytes of anonymous memory that lie in huge pages; 0 where the system does not say."""
    try:
        with open("/proc/self/smaps_rollup") as rollup:
            fields = dict(line.split(":", 1) for line in rollup if line.startswith("AnonHugePages:"))
    except OSError:
        return 0
    return int(fields.get("AnonHugePages", "0 kB").split()[0]) * 1024


@dataclass(frozen=True)
class Released:
    """What each step of `release` gave back to the system, in bytes of resident memory."""

    collected: int
    trimmed: int
    returned: int

    @property
    def bytes(self) -> int:
        """Of all steps."""
        return self.collected + self.trimmed + self.returned


def release(*banks: Bank) -> Released:
    """Gives back what can be given back, and says what each step gave: `gc.collect()` (`collected`), `trim()` of the banks
    (the default one, where it was made, if none is given; `trimmed`), and the free pages of the C library (`returned`).
    """

    def step(work: Callable[[], object]) -> int:
        before = _status().get("resident", 0)
        work()
        return max(before - _status().get("resident", 0), 0)

    chosen = _chosen(banks)
    return Released(
        collected=step(gc.collect),
        trimmed=step(lambda: [bank.trim() for bank in chosen]),
        returned=step(_core._c_trim),
    )


def _chosen(banks: tuple[Bank, ...]) -> tuple[Bank, ...]:
    """The given banks, or the default one where it was made."""
    if banks:
        return banks
    from pixelbank import _bank

    return (_bank._default,) if _bank._default is not None else ()


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

    def rows(self) -> list[dict[str, Any]]:
        """Everything in one list: what banks hold by account, type and owner, Python's objects by type, and the rest; each
        with `what`, `owner`, `count`, `bytes`, `share` (of what is resident), `average`, `peak`, `wasted`, `growth` (bytes a
        minute) and `advice`, None where nothing is known.
        """
        whole = self.resident_bytes or 1
        figures = self._figures

        def row(what: str, size: int, count: int | None = None, **more: Any) -> dict[str, Any]:
            average = size / count if count else None
            known = {"owner": "", "peak": None, "wasted": None, "growth": None, "advice": ""}
            return {"what": what, "count": count, "bytes": size, "share": size / whole, "average": average, **known, **more}

        rows = [
            row(
                f"{of['account']}/{of['type']}",
                of["live_bytes"],
                of["count"],
                owner=f"{of['owner']} (bank {bank['name']})" if len(figures["banks"]) > 1 else of["owner"],
                peak=of["peak_bytes"],
                wasted=of["wasted_bytes"],
                growth=of["growth_bytes_per_minute"],
            )
            for bank in figures["banks"]
            for of in bank["types"]
            if of["live_bytes"] and of["resource"] == "host"
        ]
        rows += [
            row(of["name"], of["bytes"], of["count"], owner="Python", advice=of["advice"]) for of in figures["heap"]["types"]
        ]
        rows += [row(name.replace("_", " "), size) for name, size in figures["rest"].items()]
        return rows

    def to_csv(self) -> str:
        """The rows as comma-separated values."""
        names = ("what", "owner", "count", "bytes", "share", "average", "peak", "wasted", "growth", "advice")
        return table_csv(self.rows(), names)

    def to_dataframe(self) -> Any:
        """A pandas.DataFrame of the rows; pandas must be installed."""
        import pandas

        return pandas.DataFrame(self.rows())

    _HEAD = ("what", "owner", "count", "bytes", "share", "average", "peak", "wasted", "a minute", "advice")

    def _cells(self, most: int) -> list[tuple[str, ...]]:
        """The largest rows of Python's objects, and all others, the largest first."""
        rows = self.rows()
        of_python = [row for row in rows if row["owner"] == "Python"]
        shown = [row for row in rows if row["owner"] != "Python"] + of_python[:most]
        if len(of_python) > most:
            others = of_python[most:]
            size = sum(row["bytes"] for row in others)
            count = sum(row["count"] for row in others)
            name = f"{len(others)} other types"
            shown.append({**others[0], "what": name, "bytes": size, "count": count, "average": size / count, "advice": ""})
            shown[-1]["share"] = size / (self.resident_bytes or 1)

        def amount(size: float | None) -> str:
            return format_bytes(size) if size else ""

        return [
            (
                row["what"],
                row["owner"],
                "" if row["count"] is None else str(row["count"]),
                format_bytes(row["bytes"]),
                f"{100 * row['share']:.1f} %",
                amount(row["average"]),
                amount(row["peak"]),
                amount(row["wasted"]),
                signed_bytes(row["growth"]) if row["growth"] else "",
                row["advice"],
            )
            for row in sorted(shown, key=lambda row: -row["bytes"])
        ]

    def _title(self) -> str:
        return f"{format_bytes(self.resident_bytes)} resident"

    def __str__(self) -> str:
        return f"{self._title()}\n" + table_text(self._HEAD, self._cells(12), left=(0, 1, 9))

    def __repr__(self) -> str:
        return f"<Report: {self._title()}, {format_bytes(self.unclassified_bytes)} unclassified>"

    def _repr_html_(self) -> str:
        return f"<p>{self._title()}</p>" + table_html(self._HEAD, self._cells(25))


def report(*banks: Bank) -> Report:
    """Where the process's memory is: the given banks (the default one, where it was made, if none is), and Python's objects."""
    ledgers = [bank.ledger().to_dict() for bank in _chosen(banks)]
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
                "types": sorted(ledger["types"], key=lambda row: -row["live_bytes"]),
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
            form = read["form"]
        except (ValueError, LookupError, TypeError, RecursionError) as wrong:
            raise ValueError("this is no snapshot") from wrong
        if form != _FORM or isinstance(form, bool):
            raise ValueError(f"a snapshot of form {form!r}; form {_FORM} is understood")
        time_s, types = read.get("time_s"), read.get("types")
        is_one = type(time_s) in (int, float) and abs(time_s) <= sys.float_info.max and isinstance(types, dict)
        if not is_one or not all(map(_is_count_and_bytes, types.values())):
            raise ValueError("this is no snapshot")
        return cls(float(time_s), {name: (count, size) for name, (count, size) in types.items()})

    @classmethod
    def of(cls, ledger: Ledger) -> Snapshot:
        """What a ledger holds, without Python's objects: what `pixelbank ledger --save` keeps."""
        return cls(ledger.to_dict()["time_ms"] / 1000, ledger._held())

    def __repr__(self) -> str:
        return f"<Snapshot: {len(self.types)} types, {format_bytes(sum(size for _, size in self.types.values()))}>"


def _is_count_and_bytes(figures: object) -> bool:
    return (
        isinstance(figures, list)
        and len(figures) == 2
        and all(type(figure) is int and 0 <= figure < 1 << 64 for figure in figures)
    )


def snapshot(*banks: Bank) -> Snapshot:
    """Counts and bytes by type now: Python's objects, and what the given banks (the default one, where it was made, if none is)
    hold.
    """
    ledgers = [bank.ledger() for bank in _chosen(banks)]
    types = {row.name: (row.count, row.bytes) for row in heap().rows}
    for ledger in ledgers:
        for name, (more, larger) in ledger._held().items():
            count, size = types.get(name, (0, 0))
            types[name] = (count + more, size + larger)
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
        return [(name, f"{count:+}", signed_bytes(size), signed_bytes(size / minutes)) for name, count, size in self.rows[:40]]

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
