"""Small tables for people, none of which loses a digit in a narrow terminal."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table

from mmoe.export.cli.ui.units import format_bytes
from mmoe.export.cli.ui.visible import visible

# Wider than any table.
_UNLIMITED = 100_000


@dataclass(frozen=True)
class Fitting:
    """A table, and what stands in for it where it is too wide for the terminal.

    Attributes:
        table: The table.
        narrow: The same figures one below the other.
    """

    table: Table
    narrow: Iterable[RenderableType]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table if all of it fits."""
        needed = Measurement.get(console, options.update(width=_UNLIMITED), self.table).maximum
        if needed <= options.max_width:
            yield self.table
        else:
            yield from self.narrow


def field_table(fields: Mapping[str, str], *, title: str | None = None) -> RenderableType:
    """Names on the left, values on the right, no lines."""
    table = plain_table(title)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in fields.items():
        table.add_row(visible(name), visible(value))
    return Group("", table) if title else table


def fields_of(values: Mapping[str, object], *, title: str) -> RenderableType:
    """The same of values that are no texts yet."""
    return field_table({name: str(value) for name, value in values.items()}, title=title)


def size_table(sizes: Mapping[str, int], *, title: str | None = None) -> RenderableType:
    """Sizes with their shares of the sum, the largest first."""
    table = plain_table(title)
    table.add_column(style="dim")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    total = sum(sizes.values())
    for name, size in sorted(sizes.items(), key=lambda item: item[1], reverse=True):
        table.add_row(visible(name), format_bytes(size), f"{size / total:.1%}" if total else "")
    return Group("", table) if title else table


def plain_table(title: str | None = None) -> Table:
    """A table without lines and headings."""
    return Table(title=title, title_justify="left", title_style="bold", box=None, show_header=False)
