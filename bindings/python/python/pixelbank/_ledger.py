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
    writer = csv.DictWriter(out, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def signed_bytes(n: float) -> str:
    """`+1.5 MiB`, `-20 B`."""
    return ("-" if n < 0 else "+") + format_bytes(abs(n))


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
        """Comma-separated values with a row for each account, type and owner, figures in bytes."""
        names = ("account", "type", "owner", "resource", "count", "live_bytes", "peak_bytes", "wasted_bytes")
        return table_csv(self._figures["types"], (*names, "growth_bytes_per_minute"))

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
