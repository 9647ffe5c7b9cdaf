"""Small tables for people."""

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.table import Table

from mmoe.export.cli.ui.units import format_bytes


def field_table(fields: Mapping[str, str], *, title: str | None = None) -> RenderableType:
    """Names on the left, values on the right, no lines."""
    table = _plain_table(title)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in fields.items():
        table.add_row(name, value)
    return Group("", table) if title else table


def size_table(sizes: Mapping[str, int], *, title: str | None = None) -> RenderableType:
    """Sizes with their shares of the sum, the largest first."""
    table = _plain_table(title)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(justify="right")
    table.add_column(justify="right")
    total = sum(sizes.values())
    for name, size in sorted(sizes.items(), key=lambda item: item[1], reverse=True):
        table.add_row(name, format_bytes(size), f"{size / total:.1%}" if total else "")
    return Group("", table) if title else table


def _plain_table(title: str | None) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, show_header=False)
