"""`mmoe-export bench`: speed and memory of an artifact, alone or against another one."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmoe.export.cli.bench_compare import compare_files
from mmoe.export.cli.ui.noise import silence_runtime
from mmoe.export.cli.ui.options import Json, Quiet, Verbose
from mmoe.export.cli.ui.pytorch import announce_pytorch
from mmoe.export.cli.ui.terminal import Terminal
from mmoe.export.cli.ui.usage import ParameterSource, UsageError
from mmoe.export.progress import Progress
from mmoe.runtime_bindings.python.core import MAX_THREADS

if TYPE_CHECKING:
    from mmoe.export.artifact.artifact import Artifact
    from mmoe.export.bench.operator_report import OperatorTimes
    from mmoe.export.bench.plan import BenchOptions
    from mmoe.export.bench.report import BenchReport

EXAMPLES = """
[bold]Examples[/bold]

mmoe-export bench mobilemoe-s

mmoe-export bench mobilemoe-s --vs other --prompt-lengths 128,512,2048 --depths 128,4096 --rounds 9

mmoe-export bench mobilemoe-s --vs other -o bench.md -o bench.json -o bench.svg

mmoe-export bench mobilemoe-s --operators --json > bench.json

mmoe-export bench --compare bench.json phone.json tablet.json -o devices.svg
"""

# What says how to measure, and so has no meaning with --compare.
_OF_A_MEASUREMENT = {
    "vs": "--vs",
    "prompt_lengths": "--prompt-lengths",
    "depths": "--depths",
    "decode_tokens": "--decode-tokens",
    "rounds": "--rounds",
    "threads": "--threads",
    "attempts": "--attempts",
    "operators": "--operators",
    "format": "--format",
}


class Format(StrEnum):
    """How a report is written."""

    MD = "md"
    CSV = "csv"
    JSON = "json"


def bench(
    context: typer.Context,
    given: Annotated[
        list[Path],
        typer.Argument(
            metavar="ARTIFACT|FILE...",
            help="The folder that convert wrote; with --compare, benchmarks' JSON.",
        ),
    ],
    compare: Annotated[
        bool,
        typer.Option("--compare", help="Measure nothing: show the benchmarks in these files, side by side."),
    ] = False,
    vs: Annotated[
        Path | None,
        typer.Option("--vs", metavar="ARTIFACT", help="Second artifact, measured alternately."),
    ] = None,
    prompt_lengths: Annotated[
        str | None,
        typer.Option(
            metavar="N,N", help="Tokens of the prompts.", show_default="256,1024,4096,8192, clipped"
        ),
    ] = None,
    depths: Annotated[
        str | None,
        typer.Option(
            metavar="N,N",
            help="Tokens in the cache when decoding starts.",
            show_default="256,1024,4096,8192, clipped",
        ),
    ] = None,
    decode_tokens: Annotated[int, typer.Option(min=1, help="Tokens to decode for a sample.")] = 32,
    rounds: Annotated[int, typer.Option(min=1, help="Samples of every figure.")] = 5,
    threads: Annotated[int, typer.Option(min=1, max=MAX_THREADS, help="Threads of the runtime.")] = 2,
    attempts: Annotated[
        int, typer.Option(min=1, help="Times to repeat a sample while others use more than 10 % of the CPUs.")
    ] = 1,
    operators: Annotated[
        bool,
        typer.Option(
            "--operators", help="Also show where the time goes, by class of operators (needs PyTorch)."
        ),
    ] = False,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the report into this file, too: .md, .csv, .json, or a chart, .png or .svg. May be repeated.",
        ),
    ] = None,
    format: Annotated[
        Format | None,
        typer.Option(
            help="Format on stdout, and of files without one of these suffixes.", show_default=Format.MD.value
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Measure prefill, decoding, loading and memory.

    The model runs on the bundled text, in a process without Python.

    The roofline of decoding: the bytes that a token must touch, at the bandwidth at which as many threads read the
    same mapped file in the same run. Of prefill: its int8 multiply-adds, at the rate of as many threads in registers.

    Decoding samples are single tokens in a row; compare medians, and two artifacts only within one run (--vs).

    The JSON is the one that the apps for Android and iOS write; --compare draws such files side by side.
    """
    if as_json and format not in (None, Format.JSON):
        raise UsageError("give --json or --format, not both")
    chosen = Format.JSON if as_json else format or Format.MD
    terminal = Terminal(as_json=chosen is Format.JSON, quiet=quiet, verbose=verbose)
    if compare:
        for name, option in _OF_A_MEASUREMENT.items():
            if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
                raise UsageError(f"{option} says how to measure, and --compare measures nothing")
        compare_files(given, output or (), terminal)
        return
    if len(given) != 1:
        raise UsageError(f"give one artifact, not {len(given)}; benchmarks' files are for --compare")
    (artifact,) = given
    from mmoe.export.bench.plan import BenchOptions

    options = BenchOptions(
        prompt_lengths=_lengths("--prompt-lengths", prompt_lengths),
        depths=_lengths("--depths", depths),
        decode_tokens=decode_tokens,
        rounds=rounds,
        threads=threads,
        attempts=attempts,
    )
    from mmoe.export.artifact.artifact import Artifact
    from mmoe.export.bench.measure import bench as measure
    from mmoe.export.bench.output import format_of, write_report
    from mmoe.export.bench.recording import bench_record
    from mmoe.export.bench.render import OutputFormat, render
    from mmoe.export.files.place import require_file_place

    default = None if format is None else OutputFormat(format.value)
    targets = [(require_file_place(path), format_of(path, default)) for path in output or ()]
    opened = Artifact.open(artifact)
    other = None if vs is None else Artifact.open(vs)
    with terminal.progress() as progress:
        report = measure(opened, versus=other, options=options, progress=progress)
        times = _operator_times(opened, report, options, terminal, progress) if operators else []
    for path, kind in targets:
        write_report(report, times, path, kind)
        terminal.say(f"Wrote {path}")
    if chosen is Format.JSON:
        terminal.result(bench_record(report, times))
    else:
        terminal.write(render(report, times, OutputFormat(chosen.value)))


def _operator_times(
    artifact: "Artifact",
    report: "BenchReport",
    options: "BenchOptions",
    terminal: Terminal,
    progress: Progress,
) -> "list[OperatorTimes]":
    """Times of the operators in the trials of a report."""
    announce_pytorch(progress)
    from mmoe.export.bench.operator_times import time_operators
    from mmoe.export.bench.report import Phase

    if not terminal.verbose:
        silence_runtime()
    lengths = {
        phase: [test.tokens for test in report.models[0].tests if test.phase is phase] for phase in Phase
    }
    return time_operators(
        artifact,
        prompt_lengths=lengths[Phase.PREFILL],
        depths=lengths[Phase.DECODE],
        threads=options.threads,
        progress=progress,
    )


def _lengths(option: str, text: str | None) -> tuple[int, ...] | None:
    """The numbers of a comma-separated list."""
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise UsageError(f"{option}: {text!r} is not a list of numbers such as 128,512") from None
