"""Dense int8 matrices as planes of nibbles, so that the kernels of int4 panels compute them: layout `i4p32x4-planes`.

An int8 q is ``16 * upper + lower`` with upper in -8..7 and lower in 0..15, so that a weight ``scale * q`` is the sum of
``16 * scale * upper`` and ``scale * lower``, both exact. Of each group of 32 inputs the planes follow each other as if
each were a group of its own, in the panels of `mmoe.quant.linear_layout`; even planes have a zero of 8, odd ones of 0.

- A scale per 32 inputs: two planes. The scales are float16 unless 16 times a scale is beyond it.
- A scale per 16 inputs, in float32: four planes; the second two hold the later 16 inputs, and all have zeros elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mmoe.quant.expert_layout import PANEL_OUTPUTS
from mmoe.quant.int4 import GROUP_SIZE, pack_nibbles, unpack_nibbles
from mmoe.quant.linear_layout import LinearPanels, pack_linear_panels, unpack_linear_panels

HALF_GROUP = GROUP_SIZE // 2

# Outputs packed at a time, so that a table of 150,000 rows needs little memory beside itself.
_ROWS = 128 * PANEL_OUTPUTS
_OFFSET = 8


@dataclass(frozen=True)
class Int8Planes:
    """A dense matrix in panels of planes.

    Attributes:
        weight: uint8 ``[panels, planes * in / 4, 64]``.
        scale: float16 or float32 ``[panels, planes * in / 32, 32]``.
        planes: 2 or 4.
    """

    weight: Tensor
    scale: Tensor
    planes: int

    @property
    def inputs(self) -> int:
        """in."""
        return self.scale.shape[1] // self.planes * GROUP_SIZE


def pack_int8_planes(values: Tensor, scale: Tensor) -> Int8Planes:
    """Cuts a matrix into planes; nothing is rounded.

    Args:
        values: int8 ``[out, in]``.
        scale: float16 or float32 ``[out, in / 32]`` or ``[out, in / 16]``.

    Raises:
        ValueError: `in` is not a multiple of 32, or the shapes disagree.
    """
    outputs, inputs = values.shape
    if inputs % GROUP_SIZE or scale.shape not in (
        (outputs, inputs // GROUP_SIZE),
        (outputs, inputs // HALF_GROUP),
    ):
        raise ValueError(
            f"values of {outputs} x {inputs} with scales {tuple(scale.shape)}: expected whole groups"
        )
    planes = 2 * scale.shape[1] * GROUP_SIZE // inputs
    if bool(torch.isinf(scale * 16).any()) and scale.dtype == torch.float16:
        scale = scale.float()
    packed = [
        pack_linear_panels(*_planes(*rows, planes))
        for rows in zip(values.split(_ROWS), scale.split(_ROWS), strict=True)
    ]
    return Int8Planes(
        torch.cat([panels.weight for panels in packed]),
        torch.cat([panels.scale for panels in packed]),
        planes,
    )


def unpack_int8_planes(matrix: Int8Planes, out_features: int) -> tuple[Tensor, Tensor]:
    """Inverts `pack_int8_planes`.

    Returns:
        ``values`` int8 ``[out, in]`` and ``scale`` ``[out, in / 32]`` or ``[out, in / 16]``.
    """
    qweight, scale = unpack_linear_panels(LinearPanels(matrix.weight, matrix.scale), out_features)
    nibbles = unpack_nibbles(qweight).view(out_features, -1, matrix.planes // 2, 2, GROUP_SIZE)
    # In halves all but one pair of planes are zero.
    values = (nibbles[..., 0, :] * 16 + nibbles[..., 1, :] + _OFFSET).sum(dim=2, dtype=torch.int8)
    return values.flatten(1), scale[:, 1::2].contiguous()


def dequantize_int8(values: Tensor, scale: Tensor) -> Tensor:
    """float32 ``[..., in]`` of int8 values and a scale for every so many of them; exact for scales of 17 bits."""
    return values.float() * scale.float().repeat_interleave(values.shape[-1] // scale.shape[-1], dim=-1)


def quantize_int8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Rounds floats ``[out, in]`` to int8 within +-127, with a float16 scale for every 32 inputs.

    The scale is the largest magnitude divided by 127; the values are rounded with what float16 makes of it.

    Returns:
        ``values`` int8 ``[out, in]`` and ``scale`` float16 ``[out, in / 32]``.
    """
    groups = weight.float().unflatten(-1, (-1, GROUP_SIZE))
    scale = (groups.abs().amax(dim=-1) / 127.0).half()
    divisor = scale.float().masked_fill(scale == 0, 1.0).unsqueeze(-1)
    values = torch.round(groups / divisor).clamp(-127, 127).masked_fill((scale == 0).unsqueeze(-1), 0)
    return values.to(torch.int8).flatten(-2), scale


def _planes(values: Tensor, scale: Tensor, planes: int) -> tuple[Tensor, Tensor]:
    """As an int4 matrix of ``planes * in`` inputs: qweight uint8 ``[out, planes * in / 2]`` and its scales."""
    groups = values.unflatten(1, (-1, 1, GROUP_SIZE)).expand(-1, -1, planes // 2, -1)
    if planes == 4:
        first = torch.arange(GROUP_SIZE) < HALF_GROUP
        groups = groups * torch.stack((first, ~first)).to(torch.int8)
    upper = groups >> 4
    # Lower nibbles are stored as they are, which is 8 more than two's complement would have.
    lower = (groups & 15) - _OFFSET
    digits = torch.stack((upper, lower), dim=3).flatten(1)
    factors = torch.stack((scale * 16, scale), dim=-1).flatten(1)
    return pack_nibbles(digits.contiguous()), factors
