"""`mmoe-export cost`: bytes and arithmetic of an MLX artifact's instructions, and the least time they take."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from mmoe.export.cli.ui.options import Json, Quiet, Verbose
from mmoe.export.cli.ui.tables import Fitting
from mmoe.export.cli.ui.terminal import Terminal
from mmoe.export.cli.ui.units import format_bytes
from mmoe.export.cli.ui.usage import finite

if TYPE_CHECKING:
    from mmoe.backends.mlx.cost.model import CallCost

EXAMPLES = """
[bold]Examples[/bold]

mmoe-export cost mobilemoe-s-gpu

mmoe-export cost mobilemoe-s-gpu --prompt-tokens 128 --depth 4096 --gb-per-s 100 --tflops 4

mmoe-export cost mobilemoe-s-gpu --vs mobilemoe-s-gpu-float32 --json
"""

_PROMPT_TOKENS, _DEPTH = 512, 1024
# Instructions that take less than this share of a call are summed up.
_SMALL = 0.005
_HEADINGS = ("count", "weights", "other bytes", "M mult.-adds", "ms")


def cost(
    artifact: Annotated[Path, typer.Argument(help="The folder that convert --backend mlx wrote.")],
    vs: Annotated[
        Path | None, typer.Option(metavar="ARTIFACT", help="Second artifact to compare with.")
    ] = None,
    prompt_tokens: Annotated[
        int | None,
        typer.Option(
            min=1, help="Tokens of the prefill call.", show_default="512, or what the program takes"
        ),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Tokens in the KV cache before the decode call.",
            show_default="1024, or a full context but one",
        ),
    ] = None,
    gb_per_s: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            callback=finite,
            help="Memory bandwidth of the device, GB/s.",
            show_default="60, an iPhone 16 Pro's",
        ),
    ] = None,
    tflops: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            callback=finite,
            help="Arithmetic rate of the device, TFLOP/s.",
            show_default="2.3, an iPhone 16 Pro's",
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Count the bytes and the arithmetic of an MLX program, instruction by instruction.

    Nothing is run: the figures come from the delegate's instruction list.

    The times are a roofline, a lower bound, not a measurement.
    """
    terminal = Terminal(as_json=as_json, quiet=quiet, verbose=verbose)
    from mmoe.export.artifact.artifact import Artifact

    artifacts = [Artifact.open(folder) for folder in (artifact, *([vs] if vs else []))]
    with terminal.progress() as progress:
        progress.phase("Reading the instructions")
        from mmoe.backends.mlx.cost.model import CostModel
        from mmoe.backends.mlx.cost.roofline import (
            IPHONE_16_PRO_GB_PER_S,
            IPHONE_16_PRO_TFLOPS,
            Device,
        )
        from mmoe.export.files.records import to_json

        device = Device(
            gb_per_s=IPHONE_16_PRO_GB_PER_S if gb_per_s is None else gb_per_s,
            tflops=IPHONE_16_PRO_TFLOPS if tflops is None else tflops,
        )
        costs: dict[str, dict[str, CallCost]] = {}
        for opened in artifacts:
            model = CostModel(opened.model_path)
            tokens = min(_PROMPT_TOKENS, model.max_seq_len) if prompt_tokens is None else prompt_tokens
            position = min(_DEPTH, model.max_context_len - 1) if depth is None else depth
            costs[str(opened.folder)] = {
                "prefill": model.call(tokens=tokens, position=0, device=device),
                "decode": model.call(tokens=1, position=position, device=device),
            }
    for kind in ("prefill", "decode"):
        terminal.show(cost_table(kind, {folder: calls[kind] for folder, calls in costs.items()}))
    terminal.show(f"Roofline of {device.gb_per_s:g} GB/s and {device.tflops:g} TFLOP/s; not measured.")
    terminal.result({"device": to_json(device), "artifacts": to_json(costs)})


def cost_table(kind: str, calls: "dict[str, CallCost]") -> Fitting:
    """The instructions of one kind of call, for each artifact; those of little cost are summed up.

    Args:
        kind: ``prefill`` or ``decode``.
        calls: Costs by the artifact's folder.
    """
    first = next(iter(calls.values()))
    what = f"{first.tokens} tokens" if kind == "prefill" else f"a token after {first.position}"
    shown = [one.name for one in first.instructions if one.seconds >= _SMALL * first.seconds]
    rows = {name: [_cells(call, {name}) for call in calls.values()] for name in shown}
    rows["all others"] = [_cells(call, _others(call, shown)) for call in calls.values()]
    rows["sum"] = [_cells(call, _others(call, [])) for call in calls.values()]
    rates = [f"{call.tokens_per_second:.0f}" for call in calls.values()]
    names, title = [Path(folder).name for folder in calls], f"{kind}: {what}"
    return Fitting(_wide_table(title, names, rows, rates), [_narrow_table(title, names, rows, rates)])


def _wide_table(
    title: str, names: list[str], rows: dict[str, list[tuple[str, ...]]], rates: list[str]
) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("instruction", no_wrap=True)
    for name in names:
        for index, heading in enumerate(_HEADINGS):
            table.add_column(f"{'' if index else name}\n{heading}", justify="right", no_wrap=True)
    for row, calls in rows.items():
        if row == "sum":
            table.add_section()
        table.add_row(row, *(cell for cells in calls for cell in cells))
    empty = [""] * (len(_HEADINGS) - 1)
    table.add_row("tokens/s at most", *(cell for rate in rates for cell in (*empty, rate)))
    return table


def _narrow_table(
    title: str, names: list[str], rows: dict[str, list[tuple[str, ...]]], rates: list[str]
) -> Table:
    """Every figure in a line of its own, a column for each artifact."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("instruction", overflow="fold")
    for name in names:
        table.add_column(name, justify="right", overflow="fold")
    for row, calls in rows.items():
        table.add_row(row, style="bold")
        for heading, *cells in zip(_HEADINGS, *calls, strict=True):
            table.add_row(f"  {heading}", *cells)
    table.add_row("tokens/s at most", *rates, style="bold")
    return table


def _others(call: "CallCost", shown: list[str]) -> set[str]:
    return {one.name for one in call.instructions} - set(shown)


def _cells(call: "CallCost", names: set[str]) -> tuple[str, ...]:
    chosen = [one for one in call.instructions if one.name in names]
    return (
        str(sum(one.count for one in chosen)),
        format_bytes(sum(one.cost.weight_bytes for one in chosen)),
        format_bytes(sum(one.cost.activation_bytes for one in chosen)),
        f"{sum(one.cost.macs for one in chosen) / 1e6:.1f}",
        f"{sum(one.seconds for one in chosen) * 1e3:.3f}",
    )
