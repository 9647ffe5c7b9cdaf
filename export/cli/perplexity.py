"""`mmoe-export perplexity`: how well an artifact foresees a text, alone or against another one."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from mmoe.export.cli.ui.options import Json, Quiet, Threads, Verbose
from mmoe.export.cli.ui.terminal import Terminal

EXAMPLES = """
[bold]Examples[/bold]

mmoe-export perplexity mobilemoe-s my-text.txt

mmoe-export perplexity mobilemoe-s my-text.txt --vs mobilemoe-s-float16
"""


def perplexity(
    artifact: Annotated[Path, typer.Argument(help="The folder that convert wrote.")],
    texts: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[TEXT]...", help="UTF-8 files; without one, the text that verify takes."),
    ] = None,
    vs: Annotated[
        Path | None, typer.Option("--vs", metavar="ARTIFACT", help="Second artifact, on the same tokens.")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=2, help="Most tokens of each text.", show_default="all")
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Measure the perplexity of texts on the runtime that apps use, with its standard error.

    A text is decoded in windows of 512 tokens, as verify does it.
    """
    terminal = Terminal(as_json=as_json, quiet=quiet, verbose=verbose)
    from mmoe.export.artifact.load import load
    from mmoe.export.perplexity.perplexity import Perplexity, measure
    from mmoe.export.verify.text import bundled_text, read_text

    chosen = [read_text(path) for path in texts] if texts else [bundled_text()]
    found: dict[Path, list[Perplexity]] = {}
    for folder in (artifact, *([] if vs is None else [vs])):
        with load(folder, threads=threads) as model, terminal.progress() as progress:
            found[folder] = []
            for text in chosen:
                progress.phase(f"{folder}: {text.source}")
                found[folder].append(
                    measure(model, text.content, max_tokens=max_tokens, progress=progress.step)
                )
    records: list[dict[str, Any]] = []
    for place, text in enumerate(chosen):
        own = found[artifact][place]
        record = {"text": text.source, **_figures(own)}
        line = f"{text.source}: {own.value:.3f} ± {own.standard_error:.3f} over {own.tokens:,} tokens"
        if vs is not None:
            ratio, error = own.ratio_to(found[vs][place])
            record |= {
                "vs": _figures(found[vs][place]),
                "ratio": ratio,
                "ratio_standard_error": _known(error),
            }
            line += f"; {100 * (ratio - 1):+.3f} % ± {100 * error:.3f} % against {vs}"
        records.append(record)
        terminal.write(f"{line}\n")
    terminal.result({"artifact": str(artifact), "texts": records})


def _figures(found: Any) -> dict[str, Any]:
    return {"perplexity": found.value, "standard_error": _known(found.standard_error), "tokens": found.tokens}


def _known(error: float) -> float | None:
    """JSON has no infinity, which the error of a single token is."""
    return error if math.isfinite(error) else None
