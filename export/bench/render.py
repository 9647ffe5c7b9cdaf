"""A benchmark as Markdown, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from enum import StrEnum

from mmoe.export.bench.operator_report import OperatorTimes
from mmoe.export.bench.recording import bench_record
from mmoe.export.bench.report import BenchReport, ModelResult, Summary


class OutputFormat(StrEnum):
    """How a report is written."""

    MARKDOWN = "md"
    CSV = "csv"
    JSON = "json"


def render(report: BenchReport, operators: Sequence[OperatorTimes], output: OutputFormat) -> str:
    """The whole report, ending with a newline."""
    match output:
        case OutputFormat.MARKDOWN:
            return _markdown(report, operators)
        case OutputFormat.CSV:
            return _csv(report)
        case OutputFormat.JSON:
            return json.dumps(bench_record(report, operators), indent=2, allow_nan=False) + "\n"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are figures."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _markdown(report: BenchReport, operators: Sequence[OperatorTimes]) -> str:
    machine, models = report.machine, report.models
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    first, last = machine.load_average
    text = (
        f"{machine.cpu}, {machine.cpus} CPUs, {report.threads} threads, {' and '.join(model.isa for model in models)}; "
        f"load average {first:.1f} before, {last:.1f} after; {versions}\n\n"
    )
    if report.is_disturbed:
        text += f"**Busy machine:** {_disturbance(report)}\n\n"
    if len(models) == 1:
        header = ["test", "tokens/s, median", "mean ± deviation", "seconds", "of the roofline"]
        rows = [_single_row(models[0], index) for index in range(len(models[0].tests))]
    else:
        header = ["test", "A tokens/s", "B tokens/s", "A / B", "A of the roofline", "B of the roofline"]
        rows = [_pair_row(report, index) for index in range(len(models[0].tests))]
        text += (
            "".join(f"{letter}: {model.name}  \n" for letter, model in zip("AB", models, strict=True)) + "\n"
        )
    text += markdown_table(header, rows) + "\n"
    text += markdown_table(
        ["model", *("AB" if len(models) > 1 else [models[0].name])], _resource_rows(models)
    )
    for times in operators:
        text += f"\n{times.title}\n\n" + markdown_table(
            ["class", "ms", "share", "calls", "GB/s"],
            [
                [
                    row.kind,
                    f"{row.seconds * 1e3:.3f}",
                    f"{row.share:.1%}",
                    str(row.calls),
                    _billions(row.bandwidth),
                ]
                for row in times.rows
            ],
        )
    return text


def _disturbance(report: BenchReport) -> str:
    others, load = max(model.others.median for model in report.models), report.machine.load_average[0]
    return (
        f"other processes used {others:.0%} of the CPUs, and the load average was {load:.1f} before. The figures are "
        "lower and vary more than on an idle machine; compare only within one run (`--vs`), or let `--attempts` "
        "repeat disturbed samples."
    )


def _single_row(model: ModelResult, index: int) -> list[str]:
    test = model.tests[index]
    speed = test.tokens_per_second
    return [
        test.name,
        f"{speed.median:.1f}",
        f"{speed.mean:.1f} ± {speed.deviation:.1f}",
        "" if test.seconds is None else f"{test.seconds:.3f}",
        _share(test.roofline_share),
    ]


def _pair_row(report: BenchReport, index: int) -> list[str]:
    tests = [model.tests[index] for model in report.models]
    ratio = report.ratio(index)
    assert ratio is not None
    return [
        tests[0].name,
        *(_with_deviation(test.tokens_per_second) for test in tests),
        f"{ratio.median:.2f} ± {ratio.deviation:.2f}",
        *(_share(test.roofline_share) for test in tests),
    ]


def _resource_rows(models: Sequence[ModelResult]) -> list[list[str]]:
    return [
        [
            "decode, deepest / shallowest",
            *("" if model.decode_retention is None else f"{model.decode_retention:.2f}" for model in models),
        ],
        ["load, cold, s", *(f"{model.cold_load_seconds:.3f}" for model in models)],
        ["load, warm, s", *(f"{model.warm_load_seconds:.3f}" for model in models)],
        ["peak RssAnon, MB", *(f"{model.peak_anonymous_bytes / 1e6:.1f}" for model in models)],
        ["peak RssFile, MB", *(f"{model.peak_file_bytes / 1e6:.1f}" for model in models)],
        ["CPUs used by others", *(f"{model.others.median:.0%}" for model in models)],
        ["read bandwidth, GB/s", *(_billions(model.read_bandwidth) for model in models)],
        ["int8 peak, 10^9 multiply-adds/s", *(_billions(model.int8_peak) for model in models)],
    ]


def _with_deviation(figure: Summary) -> str:
    return f"{figure.median:.1f} (mean {figure.mean:.1f} ± {figure.deviation:.1f})"


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _billions(per_second: float | None) -> str:
    return "" if per_second is None else f"{per_second / 1e9:.1f}"


def _csv(report: BenchReport) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["model", "phase", "tokens", "threads", "isa", "median_tokens_per_second", "mean_tokens_per_second",
         "deviation", "roofline_share", "cold_load_seconds", "warm_load_seconds", "peak_anonymous_bytes",
         "peak_file_bytes"]
    )  # fmt: skip
    for model in report.models:
        for test in model.tests:
            speed = test.tokens_per_second
            share = test.roofline_share
            writer.writerow(
                [model.name, test.phase, test.tokens, report.threads, model.isa, round(speed.median, 3),
                 round(speed.mean, 3), round(speed.deviation, 3), "" if share is None else round(share, 4),
                 round(model.cold_load_seconds, 4), round(model.warm_load_seconds, 4),
                 model.peak_anonymous_bytes, model.peak_file_bytes]
            )  # fmt: skip
    return text.getvalue()
