"""Which of GGUF's types are carried over, and as what; reading their blocks is `blocks.py`."""

from __future__ import annotations

from enum import Enum

import numpy as np

INT4 = "Q4_0"
FLOATS = ("F32", "F16", "BF16")
INT8_GROUPS = {"Q8_0": 32, "Q5_0": 32, "Q6_K": 16}
"""Types that int8 values with a scale for so many inputs hold exactly. The scale is the block's float16; of Q6_K it is
that times an int8, 18 bits, which float32 holds. In types with an offset, such as Q4_K, a weight is no such product."""

CARRIED = (*FLOATS, *INT8_GROUPS)
"""What a matrix that is no expert may be, besides int4."""


class Holds(Enum):
    """What a tensor of ours has of the blocks that it is made of."""

    QWEIGHT = "values in int4 or int8"
    SCALE = "their scales"
    FLOATS = "floats"


def is_dequantized(type_name: str) -> bool:
    """Whether `floats` reads a type; not integers, float64, nor what llama.cpp keeps in memory only."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, dequantize

    kind = GGMLQuantizationType[type_name]
    try:
        dequantize(np.zeros((1, GGML_QUANT_SIZES[kind][1]), np.uint8), kind)
    except NotImplementedError:
        return False
    return True
