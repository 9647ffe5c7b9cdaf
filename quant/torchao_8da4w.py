"""torchao's recipe 8da4w for weights, by its own functions: the largest magnitude of 32 inputs is 7.5 steps.

Models that were trained with `Int8DynamicActivationIntxWeightConfig` (PyTorch's and Unsloth's QAT for phones) saw these
integers, so that replaying the recipe loses nothing that training did not see. torchao keeps scales in the weights' own
type; those of bfloat16 weights are float16 numbers from 7.6e-6 on, others are rounded to float16 behind the integers.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchao.quantization import IntxUnpackedToInt8Tensor
from torchao.quantization.quant_primitives import MappingType

from mmoe.quant.int4 import GROUP_SIZE, pack_nibbles
from mmoe.quant.post_training import Quantized


def quantize_torchao_8da4w(values: Tensor) -> Quantized:
    """Quantises weights in groups of 32.

    Args:
        values: bfloat16, float16 or float32 ``[rows, N]``, N a multiple of 32, groups along the inputs.

    Returns:
        The integers, their scales, and how many groups were on that very grid already.

    Raises:
        ValueError: the dtype or the shape is another.
    """
    if not values.is_floating_point() or values.dim() != 2 or values.shape[-1] % GROUP_SIZE:
        raise ValueError(f"expected floats [rows, 32 * n], got {values.dtype} {list(values.shape)}")
    made = IntxUnpackedToInt8Tensor.from_hp(
        values.contiguous(),
        (1, GROUP_SIZE),
        torch.int4,  # type: ignore[attr-defined]  # missing from torch's stubs
        mapping_type=MappingType.SYMMETRIC,
    )
    scale = made.scale.half()
    groups = made.qdata.float().unflatten(-1, (-1, GROUP_SIZE))
    again = (groups * scale.float().unsqueeze(-1)).to(values.dtype).flatten(-2)
    recovered = int((again == values).unflatten(-1, (-1, GROUP_SIZE)).all(dim=-1).sum())
    return Quantized(pack_nibbles(made.qdata), scale, recovered)
