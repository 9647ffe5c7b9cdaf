"""Q4_0, the recipe of llama.cpp: the value of largest magnitude becomes -8 of a signed scale.

Models that were trained for it saw these integers, so that replaying the recipe loses nothing that training did not
see. Integers are rounded with the scale in float32, which becomes float16 afterwards. Product and sum are rounded one
after the other, as the `gguf` package has them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mmoe.quant.int4 import GROUP_SIZE, pack_nibbles
from mmoe.quant.post_training import Quantized


def quantize_q4_0(values: Tensor) -> Quantized:
    """Quantises weights in groups of 32.

    Args:
        values: bfloat16, float16 or float32 ``[..., N]``, N a multiple of 32, groups along the inputs.

    Returns:
        The integers, scales that may be negative, and how many groups were on that very grid already.

    Raises:
        ValueError: the dtype or the shape is another.
    """
    if not values.is_floating_point() or values.shape[-1] % GROUP_SIZE:
        raise ValueError(f"expected floats [..., 32 * n], got {values.dtype} {list(values.shape)}")
    groups = values.float().unflatten(-1, (-1, GROUP_SIZE))
    signed = groups.gather(-1, groups.abs().argmax(dim=-1, keepdim=True))
    scale = signed / -8
    inverse = torch.where(scale == 0, 0.0, 1 / scale)
    q = torch.trunc(groups * inverse + 8.5).clamp(0, 15) - 8
    stored = scale.half()
    again = (q.float() * stored.float()).to(values.dtype)
    recovered = int((again == groups.to(values.dtype)).all(dim=-1).sum())
    return Quantized(pack_nibbles(q.to(torch.int8).flatten(-2)), stored.squeeze(-1), recovered)
