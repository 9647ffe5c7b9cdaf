"""Writes a benchmark as a folder: Markdown, CSV, JSON and a chart."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from mmoe.export.bench.chart import CHART_FORMATS, chart_bytes
from mmoe.export.bench.operator_report import Profile
from mmoe.export.bench.render import OutputFormat, render
from mmoe.export.bench.report import BenchReport
from mmoe.export.files.writing import explained_write_errors

_NAME = "bench"


def write_report(report: BenchReport, profiles: Sequence[Profile], folder: Path) -> list[Path]:
    """Writes `bench.md`, `.csv`, `.json`, `.png` and `.svg`; files of these names are replaced.

    Returns:
        What was written.

    Raises:
        ArtifactError: The folder cannot be written.
    """
    contents = {kind.value: render(report, profiles, kind).encode() for kind in OutputFormat}
    contents |= {kind: chart_bytes(report, kind) for kind in CHART_FORMATS}
    written = []
    with explained_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, content in contents.items():
            path = folder / f"{_NAME}.{suffix}"
            temporary = path.with_name(f".{path.name}.{uuid4().hex[:8]}.partial")
            try:
                temporary.write_bytes(content)
                os.replace(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)
            written.append(path)
    return written
