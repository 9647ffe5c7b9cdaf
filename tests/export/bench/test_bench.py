"""Benchmarks of the tiny artifact: every figure is there, sane, and computed from the samples."""

import csv
import io
import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mmoe.checkpoints.inventory import TensorClass
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.bench.measure import bench
from mmoe.export.bench.operator_report import OperatorClass
from mmoe.export.bench.operator_times import time_operators
from mmoe.export.bench.plan import BenchOptions, Trial, planned_trials
from mmoe.export.bench.render import OutputFormat, render
from mmoe.export.bench.report import BenchReport, ModelResult, Phase, Summary, TrialResult
from mmoe.export.bench.traffic import active_weight_bytes, cache_traffic
from mmoe.export.bench.worker import Worker
from mmoe.export.convert.convert import convert
from mmoe.runtime_bindings.python.errors import OptionError, RuntimeFailure
from tests.support.bench_reports import made_up_machine
from tests.support.stand_ins import FOLDER

OPTIONS = BenchOptions(prompt_lengths=(7, 40), depths=(5, 60), decode_tokens=3, rounds=2, threads=1)


@pytest.fixture(scope="module")
def pair(tiny_artifact: Artifact) -> BenchReport:
    """The artifact against itself."""
    return bench(tiny_artifact, versus=tiny_artifact, options=OPTIONS)


def test_every_figure_is_measured(pair: BenchReport) -> None:
    assert len(pair.models) == 2
    for model in pair.models:
        assert [(test.phase, test.tokens) for test in model.tests] == [
            (Phase.PREFILL, 7), (Phase.PREFILL, 40), (Phase.DECODE, 5), (Phase.DECODE, 60),
        ]  # fmt: skip
        assert model.isa
        assert model.cold_load_seconds > 0
        assert model.warm_load_seconds > 0
        # A process without Python or torch, and a model of 0.2 MB.
        assert 0 < model.peak_anonymous_bytes < 50e6
        assert 0 < model.peak_file_bytes < 50e6
        assert all(0 <= share <= 1 for share in model.others.samples)
        for test in model.tests:
            assert len(test.tokens_per_second.samples) == 2
            assert min(test.tokens_per_second.samples) > 0
        for test in model.tests:
            limited = test.phase is Phase.DECODE or model.isa != "portable"
            assert (test.roofline_share is not None) == limited
            assert test.roofline_share is None or test.roofline_share > 0
    for index in range(4):
        ratio = pair.ratio(index)
        assert ratio is not None
        assert 0.05 < ratio.median < 20  # the same program


def test_bytes_of_a_token(tiny_artifact: Artifact, pair: BenchReport) -> None:
    # 2 layers, H = 64, 4 + 2 + 2 heads of 16, 2 of 8 experts of width 32, shared width 64, 320 rows.
    def packed(values: int) -> int:
        return values // 2 + values // 32 * 2

    layer = packed(64 * 64 * 2 + 64 * 32 * 2) + packed(3 * 64 * 64) + packed(2 * 3 * 64 * 32)
    layer += 8 * 64 * 4 + 8 * 2 + 2 * 64 * 2
    expected = packed(320 * 64) + 64 * 2 + 2 * layer
    assert sum(active_weight_bytes(tiny_artifact.config).values()) == expected
    row = cache_traffic(tiny_artifact.model_path).bytes_at(1)
    assert row in {
        2 * 2 * 2 * 16 * 4,
        2 * 2 * 2 * 16 * 2,
        2 * 2 * 2 * (16 + 4),
    }  # float32, float16, int8 with scales
    assert pair.models[0].tests[2].bytes_per_token == expected + row * (5 + 1)


def test_worker_steps_and_says_why_it_fails(tiny_artifact: Artifact, tmp_path: Path) -> None:
    with Worker(tiny_artifact.model_path, threads=1) as worker:
        assert worker.max_context_len == 256
        assert worker.prefill([1, 2, 3]) > 0
        assert len(worker.decode(3, [4, 5])) == 2
        assert worker.read_bandwidth() > 1e6
        # No core multiplies a thousand pairs of bytes in a cycle.
        assert 1e8 < (worker.int8_peak() or 1e9) < 5e12
        with pytest.raises(RuntimeFailure, match=r"mmoe-bench failed: .*outside the context"):
            worker.decode(255, [1, 2])
    broken = tmp_path / "model.pte"
    broken.write_bytes(b"no program" * 100)
    with pytest.raises(RuntimeFailure, match=re.escape(str(broken))):
        Worker(broken, threads=1)


@pytest.mark.parametrize("name", [b"plain", b"\xff\xfe", b"two words", "\u2028\x85".encode(), b"two\nlines"])
def test_the_models_memory_is_found_whatever_its_folder_is_called(
    tiny_artifact: Artifact, tmp_path: Path, name: bytes
) -> None:
    folder = tmp_path / os.fsdecode(name)
    shutil.copytree(tiny_artifact.folder, folder)
    with Worker(folder / "model.pte", threads=1) as worker:
        worker.prefill([1, 2, 3])
        resident = worker.memory().model
    assert 0 < resident <= 2 * (folder / "model.pte").stat().st_size


def test_plan_takes_the_defaults_that_fit() -> None:
    def lengths(options: BenchOptions, context: int) -> list[tuple[str, int]]:
        return [(test.phase.value, test.tokens) for test in planned_trials(options, context=context)]

    def both(*lengths: int, room: int) -> list[tuple[str, int]]:
        return [("prefill", n) for n in lengths] + [("decode", n) for n in (*lengths[:-1], room)]

    assert lengths(BenchOptions(), 16384) == both(256, 1024, 4096, 8192, room=8192)
    assert lengths(BenchOptions(), 8192) == both(256, 1024, 4096, 8192, room=8160)
    assert lengths(BenchOptions(), 2000) == both(256, 1024, 2000, room=1968)
    assert lengths(BenchOptions(), 256) == both(256, room=224)
    assert lengths(BenchOptions(), 100) == both(100, room=68)
    assert planned_trials(BenchOptions(prompt_lengths=(9,), depths=()), context=9) == [
        Trial(Phase.PREFILL, 9)
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (BenchOptions(prompt_lengths=(300,)), r"prompt lengths \(300,\): the context holds 256 tokens"),
        (
            BenchOptions(depths=(250,)),
            r"depths \(250,\): with 32 decoded tokens they exceed the context of 256",
        ),
        (BenchOptions(prompt_lengths=(), depths=()), "nothing to measure"),
    ],
)
def test_what_does_not_fit_is_refused(options: BenchOptions, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        planned_trials(options, context=256)


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"threads": 0}, {"decode_tokens": 0}, {"depths": (0,)}])
def test_options_are_checked(wrong: dict[str, object]) -> None:
    with pytest.raises(OptionError, match="must be at least 1"):
        BenchOptions(**wrong)  # type: ignore[arg-type]


def made_up_report() -> BenchReport:
    def model(name: str, speeds: tuple[float, ...]) -> ModelResult:
        prefill = TrialResult(
            phase=Phase.PREFILL,
            tokens=100,
            tokens_per_second=Summary(speeds),
            multiply_adds=1_000_000,
            int8_peak=Summary((1e6, 2e6, 4e6)),
        )
        decode = TrialResult(
            phase=Phase.DECODE,
            tokens=50,
            tokens_per_second=Summary(speeds),
            bytes_per_token=10_000_000,
            read_bandwidth=Summary((1e9, 2e9, 4e9)),
        )
        return ModelResult(
            name=name, isa="portable", cold_load_seconds=2.0, warm_load_seconds=1.0,
            peak_anonymous_bytes=3_000_000, peak_file_bytes=4_000_000, peak_bytes=7_000_000,
            others=Summary((0.25,)), tests=(prefill, decode), backend="xnnpack", program_sha256="ab" * 32,
            program_bytes=1000,
        )  # fmt: skip

    return BenchReport(
        machine=made_up_machine((0.5, 1.5)),
        threads=2,
        decode_tokens=8,
        not_fitting=(8192,),
        models=(model("ours", (10.0, 30.0, 20.0)), model("theirs", (5.0, 10.0, 20.0))),
    )


def test_statistics_are_those_of_the_samples() -> None:
    report = made_up_report()
    speed = report.models[0].tests[0].tokens_per_second
    assert (speed.median, speed.mean, speed.deviation) == (20.0, 20.0, 10.0)
    assert report.models[0].tests[0].seconds == 5.0
    # Round by round: 10/5, 30/10, 20/20; and 10e7/1e9, 30e7/2e9, 20e7/4e9.
    ratio = report.ratio(0)
    assert ratio is not None
    assert ratio.samples == (2.0, 3.0, 1.0)
    assert report.models[0].tests[1].roofline_share == pytest.approx(0.1)
    assert report.models[0].read_bandwidth == 2e9
    # 10e4/1e6, 30e4/2e6, 20e4/4e6
    assert report.models[0].tests[0].roofline_share == pytest.approx(0.1)
    assert report.models[0].int8_peak == 2e6


def test_markdown() -> None:
    text = render(made_up_report(), [], OutputFormat.MARKDOWN)
    assert "abacus, 2 CPUs, 2 threads" in text
    assert "load average 0.5 before, 1.5 after; beads 10" in text
    assert (
        "| decode at 50 | 20.0 (mean 20.0 ± 10.0) | 10.0 (mean 11.7 ± 7.6) | 2.00 ± 1.00 | 10% | 5% |" in text
    )
    assert (
        "| prefill 100 | 20.0 (mean 20.0 ± 10.0) | 10.0 (mean 11.7 ± 7.6) | 2.00 ± 1.00 | 10% | 5% |" in text
    )
    assert "| peak RssFile, MB | 4.0 | 4.0 |" in text
    assert "| CPUs used by others | 25% | 25% |" in text


def test_a_busy_machine_is_called_out() -> None:
    text = render(made_up_report(), [], OutputFormat.MARKDOWN)
    assert (
        "**Busy machine:** other processes used 25% of the CPUs, and the load average was 0.5 before" in text
    )
    report = made_up_report()
    quiet = [replace(model, others=Summary((0.02,))) for model in report.models]
    idle = replace(report, models=tuple(quiet))
    assert not idle.is_disturbed
    assert "Busy" not in render(idle, [], OutputFormat.MARKDOWN)
    loaded = replace(idle, machine=replace(idle.machine, load_average=(1.0, 1.5)))  # of two CPUs
    assert loaded.is_disturbed


def test_csv_and_json_hold_the_same_figures() -> None:
    report = made_up_report()
    rows = list(csv.DictReader(io.StringIO(render(report, [], OutputFormat.CSV))))
    assert [(row["model"], row["phase"], float(row["median_tokens_per_second"])) for row in rows] == [
        ("ours", "prefill", 20.0), ("ours", "decode", 20.0), ("theirs", "prefill", 10.0), ("theirs", "decode", 10.0),
    ]  # fmt: skip
    data = json.loads(render(report, [], OutputFormat.JSON))
    assert data["models"][1]["tests"][1]["tokens_per_second"]["samples"] == [5.0, 10.0, 20.0]
    assert [ratio["median"] for ratio in data["ratios"]] == [2.0, 2.0]
    assert [data[when]["load_average"] for when in ("before", "after")] == [0.5, 1.5]
    assert data["models"][0]["tests"][0]["int8_peak"]["samples"] == [1e6, 2e6, 4e6]
    assert data["models"][0]["tests"][0]["roofline_share"] == pytest.approx(0.1)
    assert data["models"][0]["int8_peak"] == 2e6


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lfm2_moe", "olmoe"])
def test_convolutions_and_untied_heads_are_timed(name: str, tmp_path: Path) -> None:
    artifact = convert(FOLDER / name, tmp_path / "artifact")
    (_, decode) = time_operators(artifact, prompt_lengths=[8], depths=[8], threads=1)
    touched = {row.kind: row.bytes for row in decode.rows if row.bytes}
    # Tables are float16 in both; OLMoE's head is int4 with a float16 scale for every 32.
    row = 2 * artifact.config.hidden_size
    head = row if name == "lfm2_moe" else row // 4 + row // 32
    assert touched[OperatorClass.HEAD] == artifact.config.vocab_size * head
    assert touched.get(OperatorClass.EMBEDDING) == (None if name == "lfm2_moe" else row)
    weights = active_weight_bytes(artifact.config)
    expected = weights[TensorClass.ATTENTION] + weights.get(TensorClass.CONVOLUTION, 0)
    assert touched[OperatorClass.LINEARS] == expected


def test_every_class_of_operators_is_timed(tiny_artifact: Artifact) -> None:
    found = time_operators(tiny_artifact, prompt_lengths=[40], depths=[20], threads=1)
    assert [each.title for each in found] == ["prefill 40", "decode at 20"]
    for each in found:
        calls = {row.kind: row.calls for row in each.rows}
        assert calls[OperatorClass.EXPERTS] == calls[OperatorClass.ATTENTION] == 2
        assert calls[OperatorClass.HEAD] >= 1
        assert calls[OperatorClass.EMBEDDING] == 1
        assert calls[OperatorClass.LINEARS] >= 2
        assert sum(row.share for row in each.rows) == pytest.approx(1.0)
        assert all(row.seconds >= 0 for row in each.rows)
    assert not any(row.bytes for row in found[0].rows)
    # Every byte that a token must touch is some class's.
    row_bytes = cache_traffic(tiny_artifact.model_path).bytes_at(1)
    active = sum(active_weight_bytes(tiny_artifact.config).values())
    assert sum(row.bytes or 0 for row in found[1].rows) == active + 21 * row_bytes
