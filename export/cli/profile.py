"""`mmoe-export profile`: which experts a text meets, and what that keeps in memory."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmoe.export.cli.ui.options import Json, Quiet, Verbose
from mmoe.export.cli.ui.terminal import Terminal
from mmoe.export.cli.ui.units import format_bytes
from mmoe.runtime_bindings.python.core import MAX_THREADS

if TYPE_CHECKING:
    from mmoe.export.expert_usage.report import UsageProfile

EXAMPLES = """
[bold]Examples[/bold]

mmoe-export profile mobilemoe-s

mmoe-export profile mobilemoe-s --prompts chats.jsonl --tokens 4096 --out profile.html

mmoe-export profile mobilemoe-s --json > profile.json
"""


def profile(
    artifact: Annotated[Path, typer.Argument(help="The folder that convert wrote.")],
    prompts: Annotated[
        Path | None,
        typer.Option(
            help='Real prompts: UTF-8 text, or .jsonl with a string or a "prompt" in each line.',
            show_default="the bundled held-out text",
        ),
    ] = None,
    templated: Annotated[
        Path | None,
        typer.Option(help="Text to repeat for comparison.", show_default="a question with changing slots"),
    ] = None,
    tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Tokens of each kind of text, at most.", show_default="the context"),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, max=MAX_THREADS, help="Threads of the runtime.")] = 2,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The HTML file to write.")] = Path(
        "profile.html"
    ),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Profile which experts real text uses, beside templated text.

    Heat maps, unique experts against tokens, entropy, reuse, what an expert cache would hit, and resident memory,
    predicted and measured. Each text runs twice: prefilled, for memory, and token by token, for the routing.

    Writes one HTML file; with --json, figures on stdout too.
    """
    terminal = Terminal(as_json=as_json, quiet=quiet, verbose=verbose)
    from mmoe.export.expert_usage.measure import ProfileOptions
    from mmoe.export.expert_usage.measure import profile as measure

    options = ProfileOptions(prompts=prompts, templated=templated, tokens=tokens, threads=threads)
    from mmoe.export.artifact.artifact import Artifact
    from mmoe.export.expert_usage.html import render_html
    from mmoe.export.files.place import require_file_place
    from mmoe.export.files.records import to_json
    from mmoe.export.files.writing import encoded, write_file

    target = require_file_place(out)
    opened = Artifact.open(artifact)
    with terminal.progress() as progress:
        report = measure(opened, options=options, progress=progress)
    write_file(target, encoded(render_html(report)))
    terminal.show(*_lines(report))
    data = to_json(report)
    assert isinstance(data, dict)
    terminal.result(data)
    terminal.say(f"Wrote {out}")


def _lines(report: "UsageProfile") -> list[str]:
    experts = report.num_experts * len(report.texts[0].layers)
    lines = []
    for text in report.texts:
        memory = text.residency
        lines.append(
            f"{text.kind}: {text.tokens} tokens used {text.used_experts} of {experts} experts; "
            f"RssFile {format_bytes(memory.measured)}, predicted {format_bytes(memory.predicted)} "
            f"({memory.error:+.2%}); RssAnon {format_bytes(memory.anonymous)}, peak of both {format_bytes(memory.peak)}"
        )
    return lines
