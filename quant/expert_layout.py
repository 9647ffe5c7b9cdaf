"""The packed weight layout of the expert kernels, `i4p32x4`: 32 outputs x 4 inputs in 64 bytes.

The released checkpoints group expert weights along the OUTPUT axis: 32 consecutive outputs of one input share a scale.
One *panel* is one such group of outputs over all inputs, so that a kernel that works on a panel needs a single column
of scales: it multiplies the activations by that column, quantises the product, and is left with plain integer dot
products of the checkpoint's own nibbles.

Inside a panel, every four inputs make one 64-byte line (`kb` counts them). Byte ``4 * j + i`` of a line holds, in
offset binary (``q + 8``):

    low nibble    input 4 * kb + i, output 32 * panel + j          (j = 0..15, i = 0..3)
    high nibble   input 4 * kb + i, output 32 * panel + 16 + j

A line is thus one AVX-512 register, two AVX2 or four NEON registers; masking and shifting give operands whose 4-byte
lanes are four inputs of one output, which is what `vpdpbusd` and `sdot` consume, and two lines interleaved by 4-byte
lanes are what `smmla` consumes. Nothing in it depends on the machine that reads it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from mmoe.quant.int4 import GROUP_SIZE, pack_nibbles, unpack_nibbles

PANEL_OUTPUTS = GROUP_SIZE
LINE_INPUTS = 4
LINE_BYTES = PANEL_OUTPUTS * LINE_INPUTS // 2


@dataclass(frozen=True)
class ExpertPanels:
    """Expert weights in the `i4p32x4` layout.

    Attributes:
        weight: uint8 ``[E, out / 32, in / 4, 64]``.
        scale: float16 ``[E, out / 32, in]``, the checkpoint's bits.
    """

    weight: Tensor
    scale: Tensor


def pack_expert_panels(qweight: Tensor, scale: Tensor) -> ExpertPanels:
    """Permutes expert weights of a checkpoint into panels; every nibble and every scale keeps its value.

    Args:
        qweight: uint8 ``[E, in, out / 2]``, two's complement nibbles, low nibble = even output.
        scale: float16 ``[E, in, out / 32]``.

    Returns:
        The panels of the same experts.

    Raises:
        ValueError: `in` is not a multiple of 4, `out` is not a multiple of 32, or the shapes disagree.
    """
    num_experts, in_features, packed_out = qweight.shape
    out_features = packed_out * 2
    if in_features % LINE_INPUTS or out_features % PANEL_OUTPUTS:
        raise ValueError(f"expert weights of {in_features} x {out_features} do not divide into 4 x 32 tiles")
    panels = out_features // PANEL_OUTPUTS
    if scale.shape != (num_experts, in_features, panels):
        raise ValueError(
            f"scale has shape {tuple(scale.shape)}, expected {(num_experts, in_features, panels)}"
        )
    # [E, kb, i, panel, half, j] -> [E, panel, kb, j, i] for each half
    values = unpack_nibbles(qweight).view(num_experts, in_features // LINE_INPUTS, LINE_INPUTS, panels, 2, 16)
    offset = (values.permute(4, 0, 3, 1, 5, 2) + 8).to(torch.uint8)
    weight = (offset[0] | (offset[1] << 4)).reshape(
        num_experts, panels, in_features // LINE_INPUTS, LINE_BYTES
    )
    return ExpertPanels(weight=weight.contiguous(), scale=scale.transpose(1, 2).contiguous())


def unpack_panel_values(weight: Tensor) -> Tensor:
    """Decodes panels into signed integers.

    Args:
        weight: uint8 ``[..., panels, in / 4, 64]``.

    Returns:
        int8 ``[..., panels, in, 32]`` with values in -8..7.
    """
    lines = weight.view(*weight.shape[:-1], 16, LINE_INPUTS)
    halves = torch.stack((lines & 0x0F, lines >> 4), dim=-3).to(torch.int8) - 8  # [..., P, kb, half, j, i]
    by_input = halves.movedim(-1, -3)  # [..., P, kb, i, half, j]
    return by_input.reshape(*weight.shape[:-2], weight.shape[-2] * LINE_INPUTS, PANEL_OUTPUTS)


def unpack_expert_panels(panels: ExpertPanels) -> tuple[Tensor, Tensor]:
    """Inverts `pack_expert_panels`.

    Returns:
        ``qweight`` uint8 ``[E, in, out / 2]`` and ``scale`` float16 ``[E, in, out / 32]`` in the checkpoint's format.
    """
    values = unpack_panel_values(panels.weight)  # [E, P, in, 32]
    num_experts, num_panels, in_features, _ = values.shape
    rows = values.transpose(1, 2).reshape(num_experts, in_features, num_panels * PANEL_OUTPUTS)
    return pack_nibbles(rows), panels.scale.transpose(1, 2).contiguous()
