"""The packed layout of experts that are grouped along the input: `i4p32x4` panels with scales per group of inputs.

The 64-byte lines of a panel are those of `mmoe.quant.expert_layout`, and scales stand as in
`mmoe.quant.linear_layout`: a panel has 32 of them, in the order of its outputs, for every 32, 64 or 128 inputs. Zero
points, where there are any, stand as the scales do.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mmoe.quant.expert_layout import LINE_BYTES, LINE_INPUTS, PANEL_OUTPUTS, unpack_panel_values
from mmoe.quant.int4 import pack_nibbles, unpack_nibbles

GROUP_SIZES = (32, 64, 128)
"""Inputs that may share a scale."""


@dataclass(frozen=True)
class GroupedExperts:
    """Matrices of experts as a checkpoint has them: ``weight = (q + 8 - zero) * scale``.

    Attributes:
        qweight: uint8 ``[E, out, in / 2]``, two's complement nibbles q, low nibble = even input.
        scale: float16 or float32 ``[E, out, in / G]``.
        zero: uint8 ``[E, out, in / G]``, 0..15; None for 8 everywhere.
    """

    qweight: Tensor
    scale: Tensor
    zero: Tensor | None = None

    @property
    def group_size(self) -> int:
        """G."""
        return 2 * self.qweight.shape[2] // self.scale.shape[2]

    def dense(self, expert: int) -> Tensor:
        """The weights of one expert, float32 ``[out, in]``; exact, since 5 bits times 11 fit float32's mantissa.

        A float32 scale of more than 19 bits is the exception: its products are rounded.
        """
        values = unpack_nibbles(self.qweight[expert]).float()
        if self.zero is not None:
            values += 8 - self.zero[expert].float().repeat_interleave(self.group_size, dim=-1)
        return values * self.scale[expert].float().repeat_interleave(self.group_size, dim=-1)


@dataclass(frozen=True)
class GroupedPanels:
    """The same in panels.

    Attributes:
        weight: uint8 ``[E, out / 32, in / 4, 64]``.
        scale: float16 or float32 ``[E, out / 32, in / G, 32]``, the checkpoint's bits.
        zero: uint8 like the scale, or None.
    """

    weight: Tensor
    scale: Tensor
    zero: Tensor | None = None


def pack_grouped_panels(experts: GroupedExperts) -> GroupedPanels:
    """Permutes experts into panels; every nibble, scale and zero keeps its value.

    Raises:
        ValueError: the outputs are no multiple of 32, a group has another size than 32, 64 or 128 inputs, or the shapes
            disagree.
    """
    count, outputs, packed = experts.qweight.shape
    inputs, groups = 2 * packed, experts.scale.shape[2]
    fits = experts.scale.shape[:2] == (count, outputs) and groups * experts.group_size == inputs
    if outputs % PANEL_OUTPUTS or not fits or experts.group_size not in GROUP_SIZES:
        raise ValueError(
            f"experts of {outputs} x {inputs} with scales {tuple(experts.scale.shape)}: expected a multiple of "
            f"{PANEL_OUTPUTS} outputs, and one scale for every 32, 64 or 128 inputs"
        )
    panels = outputs // PANEL_OUTPUTS
    # [E, panel, half, j, line, i] -> [E, panel, line, j, i] for each half
    values = unpack_nibbles(experts.qweight).view(count, panels, 2, 16, inputs // LINE_INPUTS, LINE_INPUTS)
    lines = (values + 8).to(torch.uint8).permute(2, 0, 1, 4, 3, 5)
    weight = (lines[0] | (lines[1] << 4)).reshape(count, panels, inputs // LINE_INPUTS, LINE_BYTES)
    return GroupedPanels(
        weight=weight.contiguous(),
        scale=_columns(experts.scale),
        zero=None if experts.zero is None else _columns(experts.zero),
    )


def unpack_grouped_panels(panels: GroupedPanels) -> GroupedExperts:
    """Inverts `pack_grouped_panels`."""
    values = unpack_panel_values(panels.weight).transpose(2, 3).flatten(1, 2)  # [E, out, in]
    return GroupedExperts(
        qweight=pack_nibbles(values.contiguous()),
        scale=_rows(panels.scale),
        zero=None if panels.zero is None else _rows(panels.zero),
    )


def _columns(values: Tensor) -> Tensor:
    columns: Tensor = values.unflatten(1, (-1, PANEL_OUTPUTS)).transpose(2, 3).contiguous()
    return columns


def _rows(values: Tensor) -> Tensor:
    return values.transpose(2, 3).flatten(1, 2).contiguous()
