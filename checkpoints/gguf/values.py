"""The values of a GGUF file's tensors, put in our order; the part of such a checkpoint that needs PyTorch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from mmoe.checkpoints.assembly import adjacent_pairs
from mmoe.checkpoints.checkpoint import Rounded
from mmoe.checkpoints.gguf.block_types import CARRIED, INT4, INT8_GROUPS, Holds
from mmoe.checkpoints.gguf.blocks import floats, int4_parts, int8_parts
from mmoe.checkpoints.gguf.gguf_file import GgufTensor
from mmoe.quant.int8_planes import dequantize_int8, quantize_int8

# Rows whose floats are in memory at a time.
_ROWS = 4096


def assembled(
    sources: Sequence[GgufTensor], holds: Holds, shape: tuple[int, ...], *, turned_heads_of: int | None
) -> Tensor:
    """A tensor of ours.

    Args:
        sources: The file's, whose outputs follow each other in ours.
        holds: What of them it has.
        shape: Of ours.
        turned_heads_of: Width of the heads whose rows come with RoPE's pairs as halves; None for rows that stay.
    """
    pieces = [_read(source, holds) for source in sources]
    joined = pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=1)
    if turned_heads_of is not None:
        joined = joined[adjacent_pairs(len(joined), turned_heads_of)]
    return joined.reshape(shape)


def rounded(tensors: Mapping[str, GgufTensor]) -> dict[str, Rounded]:
    """What becomes of each tensor whose values change when they become int8."""
    return {
        name: Rounded(tensor.type, _signal_to_noise(tensor))
        for name, tensor in tensors.items()
        if tensor.type not in (INT4, *CARRIED)
    }


def _signal_to_noise(tensor: GgufTensor) -> float:
    signal = noise = 0.0
    for start in range(0, len(tensor.data), _ROWS):
        weight = floats(tensor.type, tensor.data[start : start + _ROWS])
        error = dequantize_int8(*quantize_int8(weight)) - weight
        signal, noise = (
            signal + float(weight.double().square().sum()),
            noise + float(error.double().square().sum()),
        )
    return 10 * math.log10(signal / noise) if noise and signal else math.inf


def _requantized(tensor: GgufTensor) -> tuple[Tensor, Tensor]:
    """int8 values and float16 scales of a tensor, whose floats are in memory for some rows at a time."""
    parts = [
        quantize_int8(floats(tensor.type, tensor.data[start : start + _ROWS]))
        for start in range(0, len(tensor.data), _ROWS)
    ]
    return torch.cat([values for values, _ in parts]), torch.cat([scale for _, scale in parts])


def _read(tensor: GgufTensor, holds: Holds) -> Tensor:
    if holds is Holds.FLOATS:
        return floats(tensor.type, tensor.data)
    if tensor.type == INT4:
        parts = int4_parts(tensor.data.view(np.uint8))
    elif tensor.type in INT8_GROUPS:
        parts = int8_parts(tensor.type, tensor.data.view(np.uint8))
    else:
        parts = _requantized(tensor)
    return parts[0] if holds is Holds.QWEIGHT else parts[1]
