"""The chart of a benchmark shows its figures, and files are of every format."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mmoe.backends.errors import ArtifactError
from mmoe.export.bench.chart import draw_chart
from mmoe.export.bench.output import format_of, write_report
from mmoe.export.bench.render import OutputFormat
from mmoe.export.bench.report import BenchReport, ModelResult, Phase, Summary, TrialResult
from mmoe.runtime_bindings.python.errors import OptionError
from tests.support.bench_reports import made_up_machine


def report() -> BenchReport:
    """Two models, two lengths, samples around given medians."""

    def trial(phase: Phase, tokens: int, speed: float) -> TrialResult:
        decode = phase is Phase.DECODE
        return TrialResult(
            phase=phase,
            tokens=tokens,
            tokens_per_second=Summary((speed - 2, speed, speed + 5)),
            bytes_per_token=1000 if decode else None,
            read_bandwidth=Summary((2000 * speed,) * 3) if decode else None,
        )

    def model(name: str, factor: float) -> ModelResult:
        tests = [trial(Phase.PREFILL, 256, 800 * factor), trial(Phase.PREFILL, 1024, 700 * factor)]
        tests += [trial(Phase.DECODE, 4096, 60 * factor), trial(Phase.DECODE, 256, 100 * factor)]
        return ModelResult(
            name=name, isa="portable", cold_load_seconds=2.0, warm_load_seconds=1.0, peak_anonymous_bytes=1,
            peak_file_bytes=2, peak_bytes=3, others=Summary((0.0,)), tests=tuple(tests), backend="xnnpack",
            program_sha256="ab" * 32, program_bytes=1000,
        )  # fmt: skip

    machine = made_up_machine((0.0, 0.0))
    models = (model("folder/ours", 1.0), model("folder/theirs", 0.5))
    return BenchReport(machine=machine, threads=2, decode_tokens=8, not_fitting=(), models=models)


def test_lines_are_the_medians_by_context() -> None:
    prefill, decode = draw_chart(report()).axes
    data = [[line.get_xydata().tolist() for line in axes.lines] for axes in (prefill, decode)]
    assert data[0] == [[[256, 800], [1024, 700]], [[256, 400], [1024, 350]]]
    assert data[1] == [[[256, 100], [4096, 60]], [[256, 50], [4096, 30]]]
    assert [line.get_label() for line in decode.lines] == ["ours", "theirs"]
    assert "50% of roofline" in decode.texts[0].get_text()
    assert prefill.texts[0].get_text() == "800"


def test_decode_retention_is_deepest_over_shallowest() -> None:
    assert [model.decode_retention for model in report().models] == [0.6, 0.6]


def test_files_of_every_format(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    for suffix in ("md", "csv", "json", "png", "svg"):
        path = folder / f"bench.{suffix}"
        write_report(report(), [], path, format_of(path))
    assert len(list(folder.iterdir())) == 5
    assert (folder / "bench.png").read_bytes().startswith(b"\x89PNG")
    assert ElementTree.parse(folder / "bench.svg").getroot().tag.endswith("svg")
    assert "| decode, deepest / shallowest | 0.60 | 0.60 |" in (folder / "bench.md").read_text(
        encoding="utf-8"
    )
    with (folder / "bench.csv").open(encoding="utf-8", newline="") as file:
        table = [
            (row["model"], int(row["tokens"]), float(row["median_tokens_per_second"]))
            for row in csv.DictReader(file)
        ]
    data = json.loads((folder / "bench.json").read_text(encoding="utf-8"))
    assert table == [
        (f"folder/{model['artifact']['name']}", test["tokens"], test["tokens_per_second"]["median"])
        for model in data["models"]
        for test in model["tests"]
    ]
    assert len(table) == 8


def test_a_suffix_names_the_format() -> None:
    assert format_of(Path("bench.SVG")) == "svg"
    assert format_of(Path("report.txt"), OutputFormat.MARKDOWN) == "md"
    with pytest.raises(OptionError, match=r"report\.txt: its suffix is none of md, csv, json, png, svg"):
        format_of(Path("report.txt"))


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("here", encoding="utf-8")
    with pytest.raises(ArtifactError, match="taken"):
        write_report(report(), [], tmp_path / "taken" / "bench.md", "md")
