"""`mmoe-export bench --compare`: benchmarks of several devices, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmoe.export.cli.ui.terminal import Terminal
from mmoe.runtime_bindings.python.errors import OptionError

if TYPE_CHECKING:
    from mmoe.export.bench.comparison import Comparison
    from mmoe.export.cli.ui.tables import Fitting

_CHARTS = ("png", "svg")


def compare_files(files: Sequence[Path], outputs: Sequence[Path], terminal: Terminal) -> None:
    """Shows the benchmarks of some files as one table and draws them.

    Args:
        files: What `bench --json` or an app wrote.
        outputs: Charts and JSON files to write.
        terminal: Where the table goes.

    Raises:
        MmoeError: A file is no benchmark, or an output cannot be written; it is named.
    """
    from mmoe.export.bench.comparison import compare, comparison_record
    from mmoe.export.bench.reading import read_benchmark
    from mmoe.export.files.place import require_file_place

    targets = [(require_file_place(path), _kind(path)) for path in outputs]
    comparison = compare([(str(path), read_benchmark(path)) for path in files])
    for path, kind in targets:
        _write(comparison, path, kind)
        terminal.say(f"Wrote {path}")
    terminal.show(_table(comparison), *comparison.notes)
    terminal.result(comparison_record(comparison))


def _kind(path: Path) -> str:
    kind = path.suffix.removeprefix(".").lower()
    if kind not in (*_CHARTS, "json"):
        raise OptionError(f"{path}: its suffix is none of png, svg, json, which a comparison is written as")
    return kind


def _write(comparison: Comparison, path: Path, kind: str) -> None:
    from mmoe.export.files.writing import encoded, write_file

    if kind == "json":
        import json

        from mmoe.export.bench.comparison import comparison_record

        text = json.dumps(comparison_record(comparison), indent=2, allow_nan=False, ensure_ascii=False)
        write_file(path, encoded(f"{text}\n"))
        return
    from mmoe.export.bench.chart_style import figure_bytes
    from mmoe.export.bench.comparison_chart import draw_comparison

    write_file(path, figure_bytes(draw_comparison(comparison), kind))


def _table(comparison: Comparison) -> Fitting:
    """A column for each artifact of each file, or one below the other where the terminal is narrow."""
    from rich import box
    from rich.table import Table

    from mmoe.export.bench.comparison import comparison_rows
    from mmoe.export.cli.ui.tables import Fitting, field_table
    from mmoe.export.cli.ui.visible import visible

    rows = [(title, [visible(cell) for cell in cells]) for title, cells in comparison_rows(comparison)]
    (heading, devices), *figures = rows
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(heading, no_wrap=True)
    for device in devices:
        table.add_column(device, justify="right", no_wrap=True)
    for title, cells in figures:
        table.add_row(title, *cells)
    return Fitting(
        table,
        [
            field_table({title: cells[index] for title, cells in figures if cells[index]}, title=device)
            for index, device in enumerate(devices)
        ],
    )
