"""`mmoe-export bench`: speed and memory of an artifact, alone or against another one."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mmoe.export.cli.ui.noise import silence_runtime
from mmoe.export.cli.ui.options import Quiet, Verbose
from mmoe.export.cli.ui.terminal import Terminal
from mmoe.export.cli.ui.usage import UsageError

EXAMPLES = """
[bold]Examples[/bold]

mmoe-export bench mobilemoe-s

mmoe-export bench mobilemoe-s --vs other --prompt-lengths 128,512,2048 --depths 128,4096 --rounds 9

mmoe-export bench mobilemoe-s --vs other --out report

mmoe-export bench mobilemoe-s --profile -o json > bench.json
"""


class Output(StrEnum):
    """Formats of the result."""

    MD = "md"
    CSV = "csv"
    JSON = "json"


def bench(
    artifact: Annotated[Path, typer.Argument(help="The folder that convert wrote.")],
    vs: Annotated[
        Path | None,
        typer.Option("--vs", metavar="ARTIFACT", help="Measure another one in turns, and compare."),
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
    threads: Annotated[int, typer.Option(min=1, help="Threads of the runtime.")] = 2,
    attempts: Annotated[
        int, typer.Option(min=1, help="Times to repeat a sample while others use more than 10 % of the CPUs.")
    ] = 1,
    profile: Annotated[
        bool, typer.Option("--profile", help="Show too where the time goes, by class of operators.")
    ] = False,
    output: Annotated[Output, typer.Option("--output", "-o", help="Format of the result.")] = Output.MD,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FOLDER", help="Write bench.md, .csv, .json and a chart (.png, .svg) too."
        ),
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Measure prefill, decoding, loading and memory.

    The model runs on the bundled text, in a process without Python.

    The roofline of decoding: the bytes that a token must touch, at the bandwidth at which as many threads read the
    same mapped file in the same run. Of prefill: its int8 multiply-adds, at the rate of as many threads in registers.

    Decoding samples are single tokens in a row; compare medians, and two artifacts only within one run (--vs).
    """
    terminal = Terminal(as_json=output is Output.JSON, quiet=quiet, verbose=verbose)
    prompts, cached = _lengths("--prompt-lengths", prompt_lengths), _lengths("--depths", depths)
    with terminal.progress() as progress:
        progress.phase("Loading PyTorch and ExecuTorch")
        from mmoe.export.artifact.artifact import Artifact
        from mmoe.export.bench.measure import bench as measure
        from mmoe.export.bench.operator_times import profile as profile_operators
        from mmoe.export.bench.output import write_report
        from mmoe.export.bench.plan import BenchOptions
        from mmoe.export.bench.render import OutputFormat, render
        from mmoe.export.bench.report import Phase

        options = BenchOptions(
            prompt_lengths=prompts,
            depths=cached,
            decode_tokens=decode_tokens,
            rounds=rounds,
            threads=threads,
            attempts=attempts,
        )
        opened = Artifact.open(artifact)
        other = None if vs is None else Artifact.open(vs)
        report = measure(opened, versus=other, options=options, progress=progress)
        profiles = []
        if profile:
            if not verbose:
                silence_runtime()
            measured = {
                phase: [test.tokens for test in report.models[0].tests if test.phase is phase]
                for phase in Phase
            }
            profiles = profile_operators(
                opened,
                prompt_lengths=measured[Phase.PREFILL],
                depths=measured[Phase.DECODE],
                threads=threads,
                progress=progress,
            )
    if out is not None:
        for path in write_report(report, profiles, out):
            terminal.say(f"Wrote {path}")
    sys.stdout.write(render(report, profiles, OutputFormat(output.value)))


def _lengths(option: str, text: str | None) -> tuple[int, ...] | None:
    """The numbers of a comma-separated list."""
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise UsageError(f"{option}: {text!r} is not a list of numbers such as 128,512") from None
