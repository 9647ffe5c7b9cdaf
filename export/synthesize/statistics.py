"""What a trained checkpoint's tensors look like, and random tensors that look like that."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch

from mmoe.checkpoints.checkpoint import Checkpoint
from mmoe.checkpoints.tensor_spec import TensorSpec
from mmoe.quant.int4 import GROUP_SIZE

# Values drawn at a time: bounds the memory, and fits in a core's cache.
_CHUNK = 1 << 20
_DRAWS = 1 << 16
# Random attention averages its values, so that what all positions share would grow from layer to layer until every
# token takes the same experts (a coefficient of variation of the experts' loads of 1.6; trained: 0.2). A quieter
# output keeps tokens apart.
_ATTENTION_OUTPUT_GAIN = 0.25
# Random gated blocks as wide as a dense model's drown the embedding in the residual stream and amplify whatever noise
# there is, from 37 dB below it after the first of 30 layers to 21 dB after the last; trained ones are far from that.
# Quieter ones leave 32 dB.
_DENSE_OUTPUT_GAIN = 0.05


@dataclass(frozen=True)
class ByteStatistics:
    """Packed int4: how often each byte, a pair of neighbouring values, occurs.

    Attributes:
        table: uint8 ``[65536]``; a uniform index into it gives a byte with the trained frequencies.
    """

    table: npt.NDArray[np.uint8]

    def chunks(self, shape: tuple[int, ...], rng: np.random.Generator) -> Iterator[bytes]:
        """A tensor of that shape, in pieces."""
        total = math.prod(shape)
        for start in range(0, total, _CHUNK):
            draws = rng.integers(0, _DRAWS, size=min(_CHUNK, total - start), dtype=np.uint16)
            yield self.table[draws].tobytes()


@dataclass(frozen=True)
class ScaleStatistics:
    """Scales: log-normal, with a part that a row shares and a part of each group's own.

    Attributes:
        mean: of the logarithm.
        row_std: of the rows' share of the logarithm.
        group_std: of the groups' own share.
    """

    mean: float
    row_std: float
    group_std: float

    def chunks(self, shape: tuple[int, ...], rng: np.random.Generator) -> Iterator[bytes]:
        """A float16 tensor ``[..., groups]`` of that shape, in pieces of whole rows."""
        groups, rows = shape[-1], math.prod(shape[:-1])
        rows_at_once = max(1, _CHUNK // groups)
        for start in range(0, rows, rows_at_once):
            count = min(rows_at_once, rows - start)
            log = self.group_std * rng.standard_normal((count, groups), dtype=np.float32)
            log += self.row_std * rng.standard_normal((count, 1), dtype=np.float32) + self.mean
            yield np.exp(log).astype("<f2").tobytes()


@dataclass(frozen=True)
class PlainStatistics:
    """Unquantised tensors: normal, cut off where the trained values end.

    Attributes:
        dtype: "F32" or "BF16".
    """

    mean: float
    std: float
    low: float
    high: float
    dtype: str

    def chunks(self, shape: tuple[int, ...], rng: np.random.Generator) -> Iterator[bytes]:
        """A tensor of that shape in one piece; these are small."""
        values = rng.normal(self.mean, self.std, size=shape).clip(self.low, self.high).astype("<f4")
        if self.dtype == "F32":
            yield values.tobytes()
        else:
            yield (
                torch.from_numpy(values).to(torch.bfloat16).view(torch.int16).numpy().astype("<i2").tobytes()
            )


Statistics = ByteStatistics | ScaleStatistics | PlainStatistics


class TrainedStatistics:
    """Statistics of a trained checkpoint's tensors, carried over to another model's tensors.

    A tensor takes after the trained tensor of its name, in the layer at the same relative depth. Matrices
    are rescaled by the square root of the ratio of their inputs, so that what they put out keeps its size.
    """

    def __init__(self, trained: Checkpoint, *, num_layers: int) -> None:
        self._trained = trained
        self._num_layers = num_layers
        self._measure = lru_cache(maxsize=None)(self._measured)

    def of(self, name: str, spec: TensorSpec) -> Statistics:
        """Statistics for the tensor ``name`` of a new checkpoint."""
        is_dense = name.endswith("feed_forward.down_proj.weight_scale")
        return self._measure(self._namesake(name), _num_inputs(name, spec), is_dense)

    def _namesake(self, name: str) -> str:
        layers = self._trained.config.num_hidden_layers

        def same_depth(match: re.Match[str]) -> str:
            depth = int(match[1]) / max(1, self._num_layers - 1)
            return f".layers.{round(depth * (layers - 1))}."

        name = re.sub(r"\.layers\.(\d+)\.", same_depth, name)
        # The bundled model has no dense layers; a shared expert is the same SwiGLU.
        return re.sub(r"feed_forward\.(gate|up|down)_proj", r"feed_forward.shared_expert.\1_proj", name)

    def _measured(self, name: str, num_inputs: int, is_dense: bool) -> Statistics:
        spec = self._trained.specs[name]
        values = self._trained.tensor(name)
        if spec.dtype == "U8":
            counts = np.bincount(values.numpy().ravel(), minlength=256)
            ends = np.rint(counts.cumsum() / counts.sum() * _DRAWS).astype(np.int64)
            return ByteStatistics(np.repeat(np.arange(256, dtype=np.uint8), np.diff(ends, prepend=0)))
        gain = math.sqrt(_num_inputs(name, spec) / num_inputs) if num_inputs else 1.0
        if name.endswith("o_proj.weight_scale"):
            gain *= _ATTENTION_OUTPUT_GAIN
        if is_dense:
            gain *= _DENSE_OUTPUT_GAIN
        numbers = values.double().numpy()
        if spec.dtype == "F16":
            return _measured_scales(numbers, gain)
        return PlainStatistics(
            mean=gain * float(numbers.mean()),
            std=gain * float(numbers.std()),
            low=gain * float(numbers.min()),
            high=gain * float(numbers.max()),
            dtype=spec.dtype,
        )


def _measured_scales(scales: npt.NDArray[np.float64], gain: float) -> ScaleStatistics:
    log = np.log(scales[scales.min(axis=-1) > 0].reshape(-1, scales.shape[-1]))  # [rows, groups]
    groups = log.shape[1]
    row_means = log.mean(axis=1, keepdims=True)
    group_variance = float(((log - row_means) ** 2).mean()) * groups / (groups - 1)
    # The mean of a row's groups varies by itself; only what is beyond that is the row's.
    row_variance = max(0.0, float(row_means.var()) - group_variance / groups)
    return ScaleStatistics(
        float(log.mean()) + math.log(gain), math.sqrt(row_variance), math.sqrt(group_variance)
    )


def _num_inputs(name: str, spec: TensorSpec) -> int:
    """Inputs that a matrix sums over; 0 for what is not a matrix."""
    if spec.dtype == "F32":
        return spec.shape[-1]
    if spec.dtype != "F16":
        return 0
    return spec.shape[1] if ".experts." in name else spec.shape[-1] * GROUP_SIZE
