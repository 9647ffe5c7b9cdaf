"""The routed experts written straight from their definition: a float64 loop with an error bound, and the kernels'
integer arithmetic in numpy. Nothing here comes from the exporter or the kernels: the panel layout is read by loops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tests.support.native_kernels import Floats, PanelResult, RoutedExperts

Doubles: TypeAlias = npt.NDArray[np.float64]
Selection: TypeAlias = tuple[npt.NDArray[np.int32], Floats]


def pack_panels(values: npt.NDArray[np.int8]) -> npt.NDArray[np.uint8]:
    """int4 values ``[E, in, out]`` (-8..7) -> ``[E, out / 32, in / 4, 64]``."""
    experts, inputs, outputs = values.shape
    packed = np.zeros((experts, outputs // 32, inputs // 4, 64), np.uint8)
    for panel in range(outputs // 32):
        for block in range(inputs // 4):
            for j in range(16):
                for i in range(4):
                    low = values[:, 4 * block + i, 32 * panel + j] + 8
                    high = values[:, 4 * block + i, 32 * panel + 16 + j] + 8
                    packed[:, panel, block, 4 * j + i] = low | (high << 4)
    return packed


@dataclass(frozen=True)
class Matrix:
    """One projection: int4 values ``[E, in, out]``, float16 scales ``[E, out / 32, in]``."""

    values: npt.NDArray[np.int8]
    scale: npt.NDArray[np.float16]

    def dense(self, expert: int) -> Doubles:
        """float64 ``[in, out]``."""
        scale = np.repeat(self.scale[expert].astype(np.float64).T, 32, axis=1)
        return np.asarray(self.values[expert].astype(np.float64) * scale)

    @staticmethod
    def random(rng: np.random.Generator, experts: int, inputs: int, outputs: int) -> Matrix:
        values = rng.integers(-8, 8, (experts, inputs, outputs), dtype=np.int8)
        scale = rng.uniform(0.002, 0.02, (experts, outputs // 32, inputs)).astype(np.float16)
        scale[rng.random(scale.shape) < 0.05] = 0
        return Matrix(values, scale)


@dataclass(frozen=True)
class OracleLayer:
    """A layer for the kernels and the plain matrices it was packed from."""

    layer: RoutedExperts
    gate_up: Matrix
    down: Matrix


def random_layer(
    rng: np.random.Generator,
    *,
    experts: int,
    top_k: int,
    hidden: int,
    width: int,
    norm_topk_prob: bool = True,
) -> OracleLayer:
    """Router weights and biases are multiples of 1/64 and 1/16, so that router ties are common and exact."""
    gate_up, down = Matrix.random(rng, experts, hidden, 2 * width), Matrix.random(rng, experts, width, hidden)
    layer = RoutedExperts(
        router_weight=(rng.integers(-4, 5, (experts, hidden)) / 64).astype(np.float32),
        expert_bias=(rng.integers(-2, 3, experts) / 16).astype(np.float32),
        gate_up_weight=pack_panels(gate_up.values),
        gate_up_scale=gate_up.scale,
        down_weight=pack_panels(down.values),
        down_scale=down.scale,
        top_k=top_k,
        norm_topk_prob=norm_topk_prob,
        routed_scaling_factor=2.5,
    )
    return OracleLayer(layer, gate_up, down)


def _sigmoid(x: Doubles) -> Doubles:
    return np.asarray(1 / (1 + np.exp(-x)))


def route(layer: RoutedExperts, x: Floats) -> tuple[Doubles, Doubles]:
    """Scores and biased scores ``[T, E]`` in float64."""
    scores = _sigmoid(x.astype(np.float64) @ layer.router_weight.astype(np.float64).T)
    return scores, scores + layer.expert_bias.astype(np.float64)


def quantized_matmul_bound(x: Doubles, x_error: Doubles, matrix: Matrix, expert: int) -> Doubles:
    """Bound on the error of ``x @ matrix`` ``[out]``, given a bound on the error of x ``[in]``.

    The kernel rounds x to multiples of u = max|x| / 32767 and the scales of panel p to multiples of v = max|scale[p]|
    / 32767, then their products to multiples of w = u v 2^15, each off by u / 2, v / 2 or w / 2 at most, together by
    `before` = |scale| u / 2 + |x| v / 2 + u v / 4 + w / 2 <= 1.501 w. Only if the largest is 2,048 w or more are they
    kept, so that w <= max|product| / 2046; otherwise products of floats take their place, whose `before` is float32's.
    Then they are rounded to multiples of a <= max|product| / 126 (127 levels, less what rounding the factor down
    costs), and the integer products are exact. So |error[o]| <= sum_i |w[i, o]| * x_error[i] + sum_i |q[i, o]| *
    (before + a / 2). float32 roundings are covered by a factor of 1 + 1e-4.
    """
    scale = np.abs(matrix.scale[expert].astype(np.float64))  # [P, in]
    size = np.abs(x) + x_error
    u, v = size.max() / 32767, scale.max(axis=1, keepdims=True) / 32767
    w = u * v * 2**15
    largest = (scale * size).max(axis=1, keepdims=True)
    before = np.minimum(scale * u / 2 + size * v / 2 + u * v / 4 + w / 2, 1.501 * largest / 2046)
    a = (largest + before.max(axis=1, keepdims=True)) / 126
    integers = np.abs(matrix.values[expert].astype(np.float64))  # [in, out]
    rounding = np.einsum("pi,ipo->po", before + a / 2, integers.reshape(len(size), -1, 32)).ravel()
    return np.asarray((x_error @ np.abs(matrix.dense(expert)) + rounding) * (1 + 1e-4))


def exact_with_bound(oracle: OracleLayer, x: Floats, selection: Selection) -> tuple[Doubles, Doubles]:
    """The layer in float64 for given experts and weights, and a bound on the kernel's error; both ``[T, H]``."""
    out, bound = np.zeros(x.shape), np.zeros(x.shape)
    for t, row in enumerate(x.astype(np.float64)):
        for expert, weight in zip(selection[0][t], selection[1][t].astype(np.float64), strict=True):
            z = row @ oracle.gate_up.dense(expert)
            z_error = quantized_matmul_bound(row, np.zeros_like(row), oracle.gate_up, expert)
            (gate, up), (gate_error, up_error) = np.split(z, 2), np.split(z_error, 2)
            silu = gate * _sigmoid(gate)
            # The slope of silu lies within -0.1 .. 1.1.
            silu_error = 1.1 * gate_error
            h = silu * up
            h_error = (np.abs(silu) + silu_error) * up_error + silu_error * np.abs(up) + 1e-6 * np.abs(h)
            out[t] += weight * (h @ oracle.down.dense(expert))
            bound[t] += weight * quantized_matmul_bound(h, h_error, oracle.down, expert)
    return out, bound + 1e-6 * np.abs(out) + 1e-9


def to_int16(values: Floats) -> tuple[npt.NDArray[np.int64], np.float32]:
    """Integers within +-32767 and their scale, for one row of activations or one panel's scales."""
    largest = np.abs(values).max()
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        factor = np.float32(32767) / largest
    if not np.isfinite(factor):
        return np.zeros(values.shape, np.int64), np.float32(0)
    return np.rint(values * factor).astype(np.int64), largest / np.float32(32767)


def emulate_panel(x: Floats, values: npt.NDArray[np.int8], scale: npt.NDArray[np.float16]) -> PanelResult:
    """The kernels' arithmetic, operation by operation: x ``[T, in]``, values ``[in, 32]``, scale ``[in]``."""
    scales, scale_of_scales = to_int16(scale.astype(np.float32))
    quantized, panel_scales = np.zeros(x.shape, np.int8), np.zeros(len(x), np.float32)
    for t, row in enumerate(x):
        integers, row_scale = to_int16(row)
        products = (integers * scales + 2**14) // 2**15
        largest = int(np.abs(products).max())
        factor = min(32767, 127 * 2**15 // largest) if largest > 0 else 32767
        quantized[t] = (products * factor + 2**14) // 2**15
        panel_scales[t] = row_scale * (scale_of_scales * (np.float32(2**30) / np.float32(factor)))
        if largest < 2048:
            exact = row * scale.astype(np.float32)
            magnitude = np.abs(exact).max()
            with np.errstate(divide="ignore", over="ignore"):
                float_factor = np.float32(127) / magnitude
            if np.isfinite(magnitude) and np.isfinite(float_factor):
                quantized[t] = np.rint(exact * float_factor)
                panel_scales[t] = magnitude / np.float32(127)
    sums = quantized.astype(np.int64) @ values.astype(np.int64)
    return PanelResult(quantized, panel_scales, sums.astype(np.float32) * panel_scales[:, None])


def emulate_matmul(x: Floats, matrix: Matrix, expert: int) -> Floats:
    """x ``[in]`` -> ``[out]`` by `emulate_panel`."""
    panels = [
        emulate_panel(
            x[None], matrix.values[expert][:, 32 * p : 32 * p + 32], matrix.scale[expert, p]
        ).outputs[0]
        for p in range(matrix.scale.shape[1])
    ]
    return np.concatenate(panels)
