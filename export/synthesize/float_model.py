"""Random weights in bfloat16 under the names of a family's released files, as fast as a disk takes them."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from mmoe.checkpoints.inventory import locate_tensors
from mmoe.checkpoints.tensor_spec import TensorSpec
from mmoe.models.architectures.config import DecoderConfig

# Values drawn at a time, which bounds the memory.
_CHUNK = 1 << 22
_DRAWS = 1 << 16
_FLOAT32 = "expert_bias"
# Deviation of the values by a part of the tensor's name; the first that fits. Matrices that are not named have the one
# that keeps the size of what they are multiplied with.
_TABLES = ("embed_tokens", "lm_head")
_TABLE_DEVIATION = 0.02
_BIAS_DEVIATION = 0.02
_TAPS_DEVIATION = 0.5
_NORM_DEVIATION = 0.1
# What is added to the residual stream is quieter than it, as in trained models.
_OUTPUTS = ("o_proj", "out_proj", "down_proj", "w2", "output_linear")
_OUTPUT_GAIN = 0.25


class FloatModel:
    """Tensors of the files, one at a time.

    Attributes:
        ORIGIN: What a model card says of the weights.
        specs: Type and shape of every tensor by the family's name.
    """

    ORIGIN: ClassVar[str] = (
        "**The weights are random numbers; the model knows nothing.** They are normal, in bfloat16."
    )

    def __init__(self, config: DecoderConfig, *, seed: int) -> None:
        """Lists the tensors of a config without quantisation; the seed decides all draws."""
        assert config.quantization is None
        self._seed = seed
        self._normal = np.random.Generator(np.random.SFC64(seed)).standard_normal(_DRAWS, dtype=np.float32)
        self.specs = {
            name: TensorSpec("F32" if name.endswith(_FLOAT32) else "BF16", shape)
            for origin in locate_tensors(config, {}).values()
            for name, shape in origin.sources.items()
        }

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of a tensor, in pieces."""
        spec = self.specs[name]
        # A stream per tensor: neither their order nor a change elsewhere changes its values.
        rng = np.random.Generator(np.random.SFC64([self._seed, zlib.crc32(name.encode())]))
        table = self._table(name, spec)
        total = math.prod(spec.shape)
        for start in range(0, total, _CHUNK):
            draws = rng.integers(0, _DRAWS, size=min(_CHUNK, total - start), dtype=np.uint16)
            yield table[draws].tobytes()

    def _table(self, name: str, spec: TensorSpec) -> npt.NDArray[np.generic]:
        """Values to draw from, as the file has them."""
        is_norm = "norm" in name
        values = self._normal * np.float32(_deviation(name, spec)) + np.float32(is_norm)
        if spec.dtype == "F32":
            return values.astype("<f4")
        bits: npt.NDArray[np.generic] = (
            torch.from_numpy(values).bfloat16().view(torch.int16).numpy().astype("<i2")
        )
        return bits


def _deviation(name: str, spec: TensorSpec) -> float:
    if any(table in name for table in _TABLES):
        return _TABLE_DEVIATION
    if "norm" in name:
        return _NORM_DEVIATION
    if "conv.conv" in name:
        return _TAPS_DEVIATION
    if len(spec.shape) == 1:
        return _BIAS_DEVIATION
    gain = _OUTPUT_GAIN if any(part in name for part in _OUTPUTS) else 1.0
    return gain * float(spec.shape[-1] ** -0.5)
