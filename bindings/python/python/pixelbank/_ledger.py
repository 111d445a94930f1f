"""Who holds what."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container, Sequence


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

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                row["account"],
                row["type"],
                row["owner"],
                row["resource"],
                str(row["count"]),
                *(
                    (f"{row['live_bytes']}", f"{row['peak_bytes']}")
                    if row["resource"] == "files"
                    else (format_bytes(row["live_bytes"]), format_bytes(row["peak_bytes"]))
                ),
            )
            for row in sorted(self._figures["types"], key=lambda row: -row["live_bytes"])
            if row["peak_bytes"]
        ]

    def _title(self) -> str:
        host = self.host
        idle = format_bytes(host.idle_bytes)
        resident = format_bytes(self.resident_bytes)
        return f"{host.live} of {host.limit} held, {idle} of it idle; the process has {resident} resident"

    _HEAD = ("account", "type", "owner", "where", "count", "bytes", "peak")

    def __str__(self) -> str:
        return self._title() + "\n" + table_text(self._HEAD, self._rows(), left=(0, 1, 2, 3))

    def __repr__(self) -> str:
        return f"<Ledger: {self._title()}>"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self._title())}</p>" + table_html(self._HEAD, self._rows())
