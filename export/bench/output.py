"""Writes a benchmark into files: Markdown, CSV, JSON and charts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmoe.export.bench.operator_report import OperatorTimes
from mmoe.export.bench.render import OutputFormat, render
from mmoe.export.bench.report import BenchReport
from mmoe.export.files.writing import encoded, write_file
from mmoe.runtime_bindings.python.errors import OptionError

CHART_FORMATS = ("png", "svg")
_FORMATS = (*(kind.value for kind in OutputFormat), *CHART_FORMATS)


def format_of(path: Path, default: OutputFormat | None = None) -> str:
    """The format that a file's suffix names.

    Args:
        path: The file.
        default: What a file without a known suffix is; None if it must have one.

    Raises:
        OptionError: It has no known suffix.
    """
    suffix = path.suffix.removeprefix(".").lower()
    if suffix in _FORMATS:
        return suffix
    if default is not None:
        return default.value
    raise OptionError(f"{path}: its suffix is none of {', '.join(_FORMATS)}; choose one, or give --format")


def write_report(report: BenchReport, operators: Sequence[OperatorTimes], path: Path, kind: str) -> None:
    """Writes one file, which is replaced if it is there.

    Args:
        report: The benchmark.
        operators: Times of operators, if they were measured.
        path: The file; its folder is made.
        kind: Its format, as `format_of` returns it.

    Raises:
        ArtifactError: The file cannot be written.
    """
    write_file(path, _content(report, operators, kind))


def _content(report: BenchReport, operators: Sequence[OperatorTimes], kind: str) -> bytes:
    if kind in CHART_FORMATS:
        from mmoe.export.bench.chart import draw_chart
        from mmoe.export.bench.chart_style import figure_bytes

        return figure_bytes(draw_chart(report), kind)
    return encoded(render(report, operators, OutputFormat(kind)))
