"""Which quantisation recipe float weights look like: the share of groups that are on its grid already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice

from torch import Tensor

from mmoe.checkpoints.checkpoint import Checkpoint
from mmoe.checkpoints.inventory import Matrix, matrices
from mmoe.quant.int4 import GROUP_SIZE
from mmoe.quant.post_training import Quantized, quantize_weights
from mmoe.quant.q4_0 import quantize_q4_0
from mmoe.quant.torchao_8da4w import quantize_torchao_8da4w

# Looked at: so many matrices, evenly spread, and so many rows of each.
_MATRICES = 12
_ROWS = 32


def fitting_groups(checkpoint: Checkpoint) -> dict[str, float]:
    """The share of sampled groups that each recipe gives back value by value, by its name for `--quantize`.

    Weights that were trained for a grid and released as they were in training are on none of them: nothing in such
    weights tells which recipe they were trained for, so that all shares are near zero.

    Args:
        checkpoint: An opened checkpoint of floats.
    """
    named = matrices(checkpoint.config)
    sampled = named[:: max(1, len(named) // _MATRICES)]
    return {name: _share(checkpoint, sampled, recipe) for name, recipe in _RECIPES.items()}


def _share(
    checkpoint: Checkpoint, sampled: list[Matrix], recipe: Callable[[Tensor, bool], Quantized]
) -> float:
    groups = recovered = 0
    for matrix in sampled:
        for piece in _first_pieces(checkpoint, matrix):
            found = recipe(piece, len(matrix.shape) == 3)
            groups += found.scale.numel()
            recovered += found.recovered
    return recovered / groups if groups else 0.0


def _first_pieces(checkpoint: Checkpoint, matrix: Matrix) -> Iterator[Tensor]:
    return islice(checkpoint.pieces(matrix.weight), 1)


def _least_squares(piece: Tensor, is_expert: bool) -> Quantized:
    """Experts come with their inputs first and are grouped along the outputs, as the rows stand."""
    return quantize_weights(piece[:_ROWS].contiguous())


def _by_input(recipe: Callable[[Tensor], Quantized]) -> Callable[[Tensor, bool], Quantized]:
    def quantized(piece: Tensor, is_expert: bool) -> Quantized:
        rows = (piece.T if is_expert else piece)[:_ROWS]
        whole = rows.shape[-1] // GROUP_SIZE * GROUP_SIZE
        return recipe(rows[:, :whole].contiguous())

    return quantized


_RECIPES: Mapping[str, Callable[[Tensor, bool], Quantized]] = {
    "int4-g32": _least_squares,
    "int4-g32-in": _by_input(quantize_weights),
    "q4_0": _by_input(quantize_q4_0),
    "torchao-8da4w": _by_input(quantize_torchao_8da4w),
}
