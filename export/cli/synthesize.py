"""`mmoe-export synthesize`: a synthetic checkpoint of a released size."""

from pathlib import Path
from typing import Annotated

import typer

from mmoe.export.cli.ui.options import Json, Quiet, Verbose
from mmoe.export.cli.ui.pytorch import announce_pytorch
from mmoe.export.cli.ui.tables import field_table, size_table
from mmoe.export.cli.ui.terminal import Terminal
from mmoe.export.cli.ui.units import format_bytes

EXAMPLES = """
[bold]Examples[/bold]

mmoe-export synthesize --size S --out synthetic-s

mmoe-export synthesize --size L --layers 4 --out quick --seed 1

mmoe-export synthesize --size MobileLLM-Pro --out dense

mmoe-export synthesize --size Qwen3-30B-A3B --layers 8 --out qwen3

mmoe-export synthesize --size ./my-model/config.json --out mine
"""


def synthesize(
    size: Annotated[
        str,
        typer.Option(
            metavar="S|M|L|MobileLLM-Pro|OLMoE-1B-7B|Granite-1B-A400M|Granite-3B-A800M|LFM2-8B-A1B|Qwen3-30B-A3B|CONFIG",
            help="A released model, or the path of a config.json.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The checkpoint's folder.")],
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    layers: Annotated[
        int | None, typer.Option(min=1, help="Number of layers to write.", show_default="all")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the synthetic checkpoint that is there.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write a synthetic checkpoint in the released format, of full size.

    It stands in for gated weights in tests and benchmarks.

    A MobileMoE that is larger than the bundled trained model is grown from it, so that it behaves like a trained one;
    others have random weights with its statistics. Public families (OLMoE, Granite, LFM2, Qwen3) are in bfloat16, in
    shards, as they are released; convert them with --quantize. The same seed gives the same bytes.
    """
    terminal = Terminal(as_json=as_json, quiet=quiet, verbose=verbose)
    with terminal.progress() as progress:
        announce_pytorch(progress)
        from mmoe.export.synthesize.synthesize import synthesize as write

        checkpoint = write(size, out, seed=seed, layers=layers, overwrite=overwrite, progress=progress)
    sizes = {str(kind): count for kind, count in checkpoint.bytes_by_class().items()}
    terminal.show(
        field_table(
            {
                "checkpoint": str(checkpoint.folder),
                "size": f"{format_bytes(checkpoint.total_bytes)} in {len(checkpoint.specs)} tensors",
                "weights": f"synthetic, random seed {seed}",
            }
        ),
        size_table(sizes, title="bytes"),
    )
    terminal.result(
        {
            "folder": str(checkpoint.folder),
            "seed": seed,
            "bytes": checkpoint.total_bytes,
            "bytes_by_class": sizes,
        }
    )
