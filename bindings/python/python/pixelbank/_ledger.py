"""Who holds what."""

from __future__ import annotations

import csv
import html
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence


def format_bytes(n: float) -> str:
    """A number of bytes for people: `1.5 MiB`."""
    if n < 1024:
        return f"{n:.0f} B"
    power = min(int(math.log(n, 1024)), 4)
    n /= 1024**power
    unit = ("", "KiB", "MiB", "GiB", "TiB")[power]
    return f"{n:.3g} {unit}" if n < 100 else f"{n:.0f} {unit}"


def table_text(head: Sequence[str], rows: Sequence[Sequence[str]], left: Container[int]) -> str:
    """A table for terminals; the columns numbered in `left` begin at the left, the others end at the right."""
    table = [head, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = zip(row, widths, strict=True)
        return "  ".join(cell.ljust(width) if i in left else cell.rjust(width) for i, (cell, width) in enumerate(cells)).rstrip()

    return "\n".join(map(line, table))


def table_html(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table for notebooks."""

    def line(cells: Sequence[str], kind: str) -> str:
        return "<tr>" + "".join(f"<{kind}>{html.escape(cell)}</{kind}>" for cell in cells) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f"<table><thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table>"


def table_csv(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    """Comma-separated values, figures as they are."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(row[name]) for name in names] for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    """Names come from files: a spreadsheet would take one like `=HYPERLINK(…)` for a formula and follow it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def signed_bytes(n: float) -> str:
    """`+1.5 MiB`, `-20 B`."""
    return ("-" if n < 0 else "+") + format_bytes(abs(n))


_CSV_HEAD = (
    "account",
    "type",
    "owner",
    "resource",
    "count",
    "live_bytes",
    "average_bytes",
    "share",
    "peak_bytes",
    "wasted_bytes",
    "growth_bytes_per_minute",
    "since_mark_count",
    "since_mark_bytes",
)


def _beside_on(device: dict[str, Any]) -> list[tuple[str, int]]:
    """The books hold what the allocator handed out, it has that and more from the device, the process that and what its driver
    needs.
    """
    booked, allocator, system = device["live_bytes"], device["allocator"], device["system"]
    ours = max(booked, allocator["reserved_bytes"] if allocator else 0)
    parts = []
    if allocator:
        parts.append(("allocator's unused", allocator["reserved_bytes"] - allocator["allocated_bytes"]))
        parts.append(("unclassified", allocator["allocated_bytes"] - booked))
    if system:
        used, process = system["total_bytes"] - system["free_bytes"], system["process_bytes"]
        if process is None:
            parts.append(("driver and other programs", used - ours))
        else:
            parts.append(("driver", process - ours))
            parts.append(("other programs", used - max(ours, process)))
    return parts


@dataclass(frozen=True)
class Limit:
    """One limit of the budget, in bytes."""

    limit_bytes: int
    live_bytes: int
    peak_bytes: int
    idle_bytes: int
    overdrawn_bytes: int
    overdrafts: int
    refusals: int

    @property
    def limit(self) -> str:
        """The limit, for people."""
        return format_bytes(self.limit_bytes)

    @property
    def live(self) -> str:
        """What is held, for people."""
        return format_bytes(self.live_bytes)


class Ledger:
    """Who held what when it was asked for.

    `print` and notebooks show a table; `to_dict` has every figure, `to_dataframe` a row for each account, type and owner.
    """

    def __init__(self, figures: dict[str, Any]) -> None:
        self._figures = figures

    @property
    def host(self) -> Limit:
        """Memory of the process."""
        return Limit(**self._figures["host"])

    @property
    def disk(self) -> Limit:
        """Scratch files."""
        return Limit(**self._figures["disk"])

    @property
    def resident_bytes(self) -> int:
        """What the operating system says that the process holds."""
        return int(self._figures["process"]["resident_bytes"])

    def account(self, name: str) -> int:
        """Bytes of host memory that an account holds: `tiles`, `descriptors`, `pool` and so on."""
        for row in self._figures["accounts"]:
            if row["account"] == name:
                return int(row["live_bytes"])
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """Every figure, as plain values."""
        return self._figures

    def to_dataframe(self) -> Any:
        """A pandas.DataFrame with a row for each account, type and owner; pandas must be installed."""
        import pandas  # type: ignore[import-untyped]

        return pandas.DataFrame(self._figures["types"])

    def to_csv(self) -> str:
        """Comma-separated values with a row for each account, type and owner, and for what is resident beside the books, the
        largest first, figures in bytes: the lines of `pixelbank ledger --csv`.
        """
        rows = self._figures["types"] + self._beside_the_books()
        whole: dict[str, int] = {}
        for row in rows:
            whole[row["resource"]] = whole.get(row["resource"], 0) + row["live_bytes"]
        whole["host"] = self.resident_bytes

        def line(row: dict[str, Any]) -> dict[str, Any]:
            count, size, since = row["count"], row["live_bytes"], row["since_mark"] or {}
            share = size / max(whole[row["resource"]], 1)
            return {
                **row,
                "average_bytes": size // count if count else None,
                # Halves are rounded up before they become text: languages differ in what they do with them.
                "share": f"{math.floor(share * 1e6 + 0.5) / 1e6:.6f}",
                "since_mark_count": since.get("count"),
                "since_mark_bytes": since.get("live_bytes"),
            }

        return table_csv([line(row) for row in sorted(rows, key=lambda row: -row["live_bytes"])], _CSV_HEAD)

    def _beside_the_books(self) -> list[dict[str, Any]]:
        """What the system, devices and their allocators know of and the books do not, as rows."""
        process = self._figures["process"]
        parts = [
            ("host", "mapped files", process["file_bytes"]),
            ("host", "allocator's unused", process["allocator_bytes"] or 0),
            ("host", "unclassified", process["unclassified_bytes"]),
        ]
        for row in self._figures["devices"]:
            parts += [(f"device {row['device']}", name, size) for name, size in _beside_on(row)]
        none = dict.fromkeys(("count", "peak_bytes", "wasted_bytes", "growth_bytes_per_minute", "since_mark"))
        of_none = {"account": "", "owner": ""}
        return [
            {**none, **of_none, "resource": resource, "type": name, "live_bytes": size}
            for resource, name, size in parts
            if size > 0
        ]

    def _held(self) -> dict[str, tuple[int, int]]:
        """Count and bytes of each type that is held, by the names of snapshots."""
        held: dict[str, tuple[int, int]] = {}
        for row in self._figures["types"]:
            if not row["count"] and not row["live_bytes"]:
                continue
            name = f"{row['account']}/{row['type']} of {row['owner']}"
            if row["resource"] != "host":
                name += f" ({row['resource']})"
            count, size = held.get(name, (0, 0))
            held[name] = (count + row["count"], size + row["live_bytes"])
        return held

    def _rows(self) -> list[tuple[str, ...]]:
        def cells(row: dict[str, Any]) -> tuple[str, ...]:
            amount = str if row["resource"] == "files" else format_bytes
            growth = row["growth_bytes_per_minute"]
            return (
                row["account"],
                row["type"],
                row["owner"],
                row["resource"],
                str(row["count"]),
                amount(row["live_bytes"]),
                amount(row["peak_bytes"]),
                amount(row["wasted_bytes"]) if row["wasted_bytes"] else "",
                signed_bytes(growth) if growth else "",
                amount(row["since_mark"]["live_bytes"]) if row["since_mark"] else "",
            )

        types = sorted(self._figures["types"], key=lambda row: -row["live_bytes"])
        return [cells(row) for row in types if row["peak_bytes"]]

    def _title(self) -> str:
        host = self.host
        idle = format_bytes(host.idle_bytes)
        resident = format_bytes(self.resident_bytes)
        return f"{host.live} of {host.limit} held, {idle} of it idle; the process has {resident} resident"

    def _table(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Head and rows, without columns in which nothing stands."""
        head = ("account", "type", "owner", "where", "count", "bytes", "peak", "wasted", "a minute", "since mark")
        rows = self._rows()
        said = [i for i in range(len(head)) if i < 7 or any(row[i] for row in rows)]
        return tuple(head[i] for i in said), [tuple(row[i] for i in said) for row in rows]

    def __str__(self) -> str:
        return self._title() + "\n" + table_text(*self._table(), left=(0, 1, 2, 3))

    def __repr__(self) -> str:
        return f"<Ledger: {self._title()}>"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self._title())}</p>" + table_html(*self._table())
