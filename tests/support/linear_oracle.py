"""Dense int4 linears straight from their definition: panels filled by loops, a float64 product with the bound that the
rounding of the activations allows, and the kernels' integer arithmetic in numpy. Shares no code with either side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tests.support.native_kernels import Floats

GROUP = 32


@dataclass(frozen=True)
class DenseMatrix:
    """int4 values ``[out, in]`` (-8..7) and float16 scales ``[out, in / 32]``."""

    values: npt.NDArray[np.int8]
    scale: npt.NDArray[np.float16]

    @staticmethod
    def random(rng: np.random.Generator, outputs: int, inputs: int) -> DenseMatrix:
        values = rng.integers(-8, 8, (outputs, inputs), dtype=np.int8)
        scale = rng.uniform(0.002, 0.02, (outputs, inputs // GROUP)).astype(np.float16)
        scale[rng.random(scale.shape) < 0.05] = 0
        return DenseMatrix(values, scale)

    def dense(self) -> npt.NDArray[np.float64]:
        """float64 ``[out, in]``."""
        return self.values * np.repeat(self.scale.astype(np.float64), GROUP, axis=1)

    def panels(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float16]]:
        """Weight ``[ceil(out / 32), in / 4, 64]`` and scale ``[ceil(out / 32), in / 32, 32]``; padding is zero."""
        outputs, inputs = self.values.shape
        count = -(-outputs // 32)
        weight = np.full((count, inputs // 4, 64), 0x88, np.uint8)
        scale = np.zeros((count, inputs // GROUP, 32), np.float16)
        for output in range(outputs):
            panel, place = divmod(output, 32)
            scale[panel, :, place] = self.scale[output]
            shift = 4 if place >= 16 else 0
            for i in range(4):
                column = weight[panel, :, 4 * (place % 16) + i]
                nibbles = (self.values[output, i::4] + 8).astype(np.uint8)
                column[:] = (column & (0x0F << (4 - shift))) | (nibbles << shift)
        return weight, scale


def emulate_linear(x: Floats, matrix: DenseMatrix) -> Floats:
    """The kernels' arithmetic: int8 activations per token and group, integer sums, groups added in order."""
    out = np.zeros((x.shape[0], matrix.values.shape[0]), np.float32)
    for group in range(x.shape[1] // GROUP):
        columns = slice(group * GROUP, (group + 1) * GROUP)
        part = x[:, columns]
        largest = np.abs(part).max(axis=1, initial=0, keepdims=True)
        with np.errstate(divide="ignore", over="ignore"):
            factor = np.float32(127) / largest
        vanishing = ~np.isfinite(factor)
        factor[vanishing] = 0
        activation_scale = np.where(vanishing, np.float32(0), largest / np.float32(127))
        quantized = np.rint(part * factor).astype(np.int64)
        sums = quantized @ matrix.values[:, columns].astype(np.int64).T
        out += sums.astype(np.float32) * (matrix.scale[:, group].astype(np.float32) * activation_scale)
    return out


def error_bound(x: Floats, matrix: DenseMatrix) -> npt.NDArray[np.float64]:
    """Each activation is off by half of its group's scale at most, so an output by the sum of those times |weight|."""
    groups = np.abs(x.astype(np.float64)).reshape(x.shape[0], x.shape[1] // GROUP, GROUP)
    half_scale = np.repeat(groups.max(axis=2) / 254, GROUP, axis=1)
    weights = np.abs(matrix.dense()).T
    rounding = 1e-5 * np.abs(x).astype(np.float64) @ weights
    return np.asarray(half_scale @ weights + rounding + 1e-12)
