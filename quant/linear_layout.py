"""The packed layout of dense int4 matrices for the `mmoe` kernels: `i4p32x4` panels, grouped along the input.

A matrix ``[out, in]`` becomes ``ceil(out / 32)`` panels of 32 outputs; the last one is filled up with outputs of zero
weight and zero scale. The 64-byte lines of a panel are those of `mmoe.quant.expert_layout`. The 32 outputs of a panel
have a float16 scale each for every 32 inputs, and those 32 scales stand together, in the order of the outputs.

Matrices that share an input may be stacked: each keeps its own panels, so values and scales stay where they were.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from mmoe.quant.expert_layout import LINE_BYTES, LINE_INPUTS, PANEL_OUTPUTS, unpack_panel_values
from mmoe.quant.int4 import GROUP_SIZE, pack_nibbles, unpack_nibbles


@dataclass(frozen=True)
class LinearPanels:
    """A dense matrix in panels.

    Attributes:
        weight: uint8 ``[panels, in / 4, 64]``.
        scale: float16 ``[panels, in / 32, 32]``, the checkpoint's bits.
    """

    weight: Tensor
    scale: Tensor


def panel_count(out_features: int) -> int:
    """Panels of a matrix with this many outputs."""
    return -(-out_features // PANEL_OUTPUTS)


def pack_linear_panels(qweight: Tensor, scale: Tensor) -> LinearPanels:
    """Permutes a matrix of a checkpoint into panels; every nibble and every scale keeps its value.

    Args:
        qweight: uint8 ``[out, in / 2]``, two's complement nibbles, low nibble = even input.
        scale: float16 ``[out, in / 32]``.

    Raises:
        ValueError: `in` is not a multiple of 32, or the shapes disagree.
    """
    out_features, in_features = qweight.shape[0], qweight.shape[1] * 2
    groups = in_features // GROUP_SIZE
    if in_features % GROUP_SIZE or scale.shape != (out_features, groups):
        raise ValueError(
            f"weights of {out_features} x {in_features} with scales {tuple(scale.shape)}: expected a multiple of "
            f"{GROUP_SIZE} inputs with one scale per {GROUP_SIZE}"
        )
    panels = panel_count(out_features)
    missing = panels * PANEL_OUTPUTS - out_features
    values = pad(unpack_nibbles(qweight), (0, 0, 0, missing))
    # [panel, half, j, line, i] -> [panel, line, j, i] for each half
    offset = (values.view(panels, 2, 16, in_features // LINE_INPUTS, LINE_INPUTS) + 8).to(torch.uint8)
    lines = offset.permute(1, 0, 3, 2, 4)
    weight = (lines[0] | (lines[1] << 4)).reshape(panels, in_features // LINE_INPUTS, LINE_BYTES)
    columns = pad(scale, (0, 0, 0, missing)).view(panels, PANEL_OUTPUTS, groups).transpose(1, 2)
    return LinearPanels(weight=weight.contiguous(), scale=columns.contiguous())


def stack_linear_panels(*matrices: LinearPanels) -> LinearPanels:
    """Puts matrices of the same input width below each other."""
    return LinearPanels(
        weight=torch.cat([matrix.weight for matrix in matrices]),
        scale=torch.cat([matrix.scale for matrix in matrices]),
    )


def unpack_linear_panels(panels: LinearPanels, out_features: int) -> tuple[Tensor, Tensor]:
    """Inverts `pack_linear_panels`.

    Args:
        panels: One matrix.
        out_features: How many outputs it has; the rest of the last panel is left out.

    Returns:
        ``qweight`` uint8 ``[out, in / 2]`` and ``scale`` float16 ``[out, in / 32]`` in the checkpoint's format.
    """
    rows = unpack_panel_values(panels.weight).transpose(1, 2).flatten(0, 1)  # [panels * 32, in]
    scale = panels.scale.transpose(1, 2).flatten(0, 1)
    return pack_nibbles(rows[:out_features].contiguous()), scale[:out_features].contiguous()
