"""Benchmarks side by side: the figures of the files, in the table, in the JSON and in the picture."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from mmoe.export.bench.comparison import compare
from mmoe.export.bench.comparison_chart import draw_comparison
from mmoe.export.bench.reading import read_benchmark
from tests.export.cli.conftest import Command

PHONE = Path(__file__).parents[2] / "data" / "benchmarks" / "phone.json"


@pytest.fixture
def phone() -> dict[str, Any]:
    record: dict[str, Any] = json.loads(PHONE.read_text(encoding="utf-8"))
    return record


@pytest.fixture
def tablet(phone: dict[str, Any], tmp_path: Path) -> Path:
    """A second device: other speeds, one length of its own, half as hot, no sustained mode."""
    record = copy.deepcopy(phone)
    record["device"]["name"] = "Example Tablet"
    record["after"]["thermal_state"] = "nominal"
    model = record["models"][0]
    model["sustained"] = None
    model["tests"] = [
        {"prompt": "text", "phase": "prefill", "tokens": 256, "tokens_per_second": {"samples": [800, 900, 700]}},
        {"prompt": "text", "phase": "decode", "tokens": 4096, "tokens_per_second": {"samples": [33]}},
    ]  # fmt: skip
    return written(record, tmp_path / "tablet.json")


def written(record: object, path: Path) -> Path:
    path.write_text(json.dumps(record), encoding="utf-8")
    return path


def test_the_table(mmoe: Command, tablet: Path) -> None:
    run = mmoe("bench", "--compare", PHONE, tablet)
    assert run.code == 0
    rows = {line.split("  ")[0].strip(): line.partition("  ")[2] for line in run.out.splitlines()}
    assert re.findall(r"Example \w+", rows["device"]) == ["Example Phone", "Example Tablet"]
    cells = {title: " ".join(rest.split()) for title, rest in rows.items()}
    # The middle one of three, and the outer ones.
    assert cells["prefill 256, tokens/s"] == "405.0 (400.0-410.0) 800.0 (700.0-900.0)"
    assert cells["decode at 256, templated, tokens/s"] == "67.0 (66.0-68.0)"
    assert cells["decode at 4096, tokens/s"] == "33.0"
    assert cells["peak memory, MB"] == "800.0 800.0"
    assert cells["thermal state"] == "nominal to serious nominal"
    assert cells["battery"] == "80% to 74% 80% to 74%"
    assert cells["sustained, tokens/s"] == "61.0 to 40.5 in 600 s"
    assert f"{PHONE}: the device was serious at the end." in run.out
    assert "The programs differ" not in run.out


def test_a_narrow_terminal_shows_one_below_the_other(
    mmoe: Command, tablet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    run = mmoe("bench", "--compare", PHONE, tablet)
    lines = [" ".join(line.split()) for line in run.out.splitlines()]
    assert lines.index("Example Phone") < lines.index("prefill 256, tokens/s 405.0 (400.0-410.0)")
    assert lines.index("Example Tablet") < lines.index("prefill 256, tokens/s 800.0 (700.0-900.0)")


def test_json_and_pictures(mmoe: Command, phone: dict[str, Any], tablet: Path, tmp_path: Path) -> None:
    phone["models"][0]["artifact"]["program_sha256"] = "f" * 64
    other = written(phone, tmp_path / "other.json")
    outputs = [tmp_path / "devices.svg", tmp_path / "devices.png", tmp_path / "devices.json"]
    options = [each for output in outputs for each in ("-o", output)]
    run = mmoe("bench", "--compare", other, tablet, *options, "--json", "-q")
    data = run.json
    assert data == json.loads(outputs[2].read_text(encoding="utf-8"))
    assert (data["schema"], data["schema_version"]) == ("mmoe-benchmark-comparison", 1)
    assert [column["device"]["name"] for column in data["columns"]] == ["Example Phone", "Example Tablet"]
    speeds = {
        (test["phase"], test["prompt"], test["tokens"]): test["tokens_per_second"] for test in data["tests"]
    }
    assert speeds == {
        ("prefill", "text", 256): [405, 800],
        ("prefill", "text", 896): [380, None],
        ("decode", "templated", 256): [67, None],
        ("decode", "text", 256): [61, None],
        ("decode", "text", 896): [51, None],
        ("decode", "text", 4096): [None, 33],
    }
    assert "The programs differ: speeds are not those of one model." in data["notes"]
    assert ElementTree.parse(outputs[0]).getroot().tag.endswith("svg")
    assert outputs[1].read_bytes().startswith(b"\x89PNG")
    assert run.err == ""


def test_the_picture_has_the_figures(tablet: Path) -> None:
    files = [PHONE, tablet]
    figure = draw_comparison(compare([(str(path), read_benchmark(path)) for path in files]))
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes}
    assert list(panels) == ["Prefill", "Decode", "Decode without rest"]
    lines = {
        title: [line.get_xydata().tolist() for line in axes.lines if len(line.get_xdata())]
        for title, axes in panels.items()
    }
    assert lines == {
        "Prefill": [[[256, 405], [896, 380]], [[256, 800]]],
        "Decode": [[[256, 61], [896, 51]], [[256, 67]], [[4096, 33]]],
        "Decode without rest": [[[5, 61], [300, 55], [600, 40.5]]],
    }
    assert [text.get_text() for text in panels["Decode without rest"].texts] == ["nominal", "fair", "serious"]
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["Example Phone, mobilemoe-s", "Example Tablet, mobilemoe-s"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '{"schema_version": 1, "machine": {}}',
            "no schema of version 1, where 'mmoe-benchmark' of version 2",
        ),
        ('{"schema": "mmoe-benchmark", "schema_version": 3}', "schema 'mmoe-benchmark' of version 3"),
        ('{"schema": "other", "schema_version": 2}', "schema 'other' of version 2"),
        ('{"schema_version": 1, "error": "no"}', "no schema of version 1"),
        ("[1]", "no schema of version None"),
        ("tokens/s: 5", "not JSON"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_other_files_are_refused_by_name(
    mmoe: Command, tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "strange.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    run = mmoe("bench", "--compare", PHONE, path)
    assert run.code == 1
    assert f"{path}: {message}" in run.err
    assert len(run.err.splitlines()) == 1
    assert run.out == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda record: record["device"].pop("soc"), ".device: keys missing soc"),
        (lambda record: record["models"].clear(), ": models is empty"),
        (lambda record: record["models"][0]["tests"].clear(), ".models[0].tests is empty"),
        (
            lambda record: record["models"][0]["tests"][1]["tokens_per_second"]["samples"].append("inf"),
            ".models[0].tests[1].tokens_per_second.samples: [60.0, 62.0, 61.0, inf] are not speeds",
        ),
        (
            lambda record: record["models"][0]["sustained"]["points"].clear(),
            ".models[0].sustained.points is empty",
        ),
    ],
)
def test_broken_benchmarks_are_refused(
    mmoe: Command, phone: dict[str, Any], tmp_path: Path, change: Any, message: str
) -> None:
    change(phone)
    path = written(phone, tmp_path / "broken.json")
    run = mmoe("bench", "--compare", path)
    assert run.code == 1
    assert f"{path}{message}" in run.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--compare", PHONE, "--rounds", "5"), 2, "--rounds says how to measure, and --compare measures nothing"),
        (("--compare", PHONE, "--vs", "x"), 2, "--vs says how to measure"),
        (("--compare",), 2, "Missing argument"),
        (("one", "two"), 2, "give one artifact, not 2"),
        (("--compare", PHONE, "-o", "devices.md"), 1, "devices.md: its suffix is none of png, svg, json"),
    ],
)  # fmt: skip
def test_wrong_usage(mmoe: Command, arguments: tuple[object, ...], code: int, message: str) -> None:
    run = mmoe("bench", *arguments)
    assert run.code == code
    assert message in run.err
