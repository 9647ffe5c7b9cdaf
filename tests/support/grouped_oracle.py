"""Routed experts grouped along the input, straight from their definition: panels filled by loops, a float64 layer with
a bound on the kernels' error, and their integer arithmetic in numpy. Shares no code with the kernels or the exporter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tests.support.native_kernels import Floats, GroupedExperts, swiglu

Doubles: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GroupedMatrix:
    """One projection of all experts.

    Attributes:
        nibbles: 0..15, ``[E, out, in]``.
        scale: float16 or float32 ``[E, out, in / group]``.
        zero: 0..15 ``[E, out, in / group]``, what is subtracted of a nibble; None for 8.
        group: Inputs that share a scale.
    """

    nibbles: npt.NDArray[np.uint8]
    scale: npt.NDArray[np.floating]
    zero: npt.NDArray[np.uint8] | None
    group: int

    @staticmethod
    def random(
        rng: np.random.Generator,
        experts: int,
        outputs: int,
        inputs: int,
        *,
        group: int,
        zeros: bool,
        dtype: type[np.floating],
    ) -> GroupedMatrix:
        groups = (experts, outputs, inputs // group)
        scale = rng.uniform(0.002, 0.02, groups).astype(dtype)
        scale[rng.random(groups) < 0.05] = 0
        return GroupedMatrix(
            rng.integers(0, 16, (experts, outputs, inputs), dtype=np.uint8),
            scale,
            rng.integers(0, 16, groups, dtype=np.uint8) if zeros else None,
            group,
        )

    def integers(self, expert: int) -> npt.NDArray[np.int64]:
        """Nibbles without their zeros, ``[out, in]``."""
        nibbles = self.nibbles[expert].astype(np.int64)
        if self.zero is None:
            return nibbles - 8
        return np.asarray(nibbles - np.repeat(self.zero[expert].astype(np.int64), self.group, axis=1))

    def dense(self, expert: int) -> Doubles:
        """float64 ``[out, in]``."""
        scale = np.repeat(self.scale[expert].astype(np.float64), self.group, axis=1)
        return np.asarray(self.integers(expert) * scale)

    def panels(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.floating], npt.NDArray[np.uint8] | None]:
        """Weight ``[E, out / 32, in / 4, 64]``, scale and zero ``[E, out / 32, in / group, 32]``."""
        experts, outputs, inputs = self.nibbles.shape
        weight = np.zeros((experts, outputs // 32, inputs // 4, 64), np.uint8)
        for output in range(outputs):
            panel, place = divmod(output, 32)
            for i in range(4):
                byte = weight[:, panel, :, 4 * (place % 16) + i]
                byte |= self.nibbles[:, output, i::4] << (4 if place >= 16 else 0)

        def columns(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
            stacked = [values[:, first : first + 32].swapaxes(1, 2) for first in range(0, outputs, 32)]
            return np.ascontiguousarray(np.stack(stacked, axis=1))

        return weight, columns(self.scale), None if self.zero is None else columns(self.zero)

    def emulate(self, x: Floats, expert: int) -> Floats:
        """x ``[in]`` -> ``[out]``: int8 activations per group, integer sums, groups added in order."""
        out = np.zeros(self.nibbles.shape[1], np.float32)
        integers = self.integers(expert)
        for group in range(len(x) // self.group):
            columns = slice(group * self.group, (group + 1) * self.group)
            largest = np.abs(x[columns]).max()
            with np.errstate(divide="ignore", over="ignore"):
                factor = np.float32(127) / largest
            if not np.isfinite(factor):
                continue  # adds zeros
            quantized = np.rint(x[columns] * factor).astype(np.int64)
            sums = integers[:, columns] @ quantized
            scale = self.scale[expert, :, group].astype(np.float32) * (largest / np.float32(127))
            out += sums.astype(np.float32) * scale
        return out

    def error_bound(self, x: Doubles, x_error: Doubles, expert: int) -> Doubles:
        """Of a product ``[out]``: an activation is off by half of its group's step at most, beside its own error."""
        largest = (np.abs(x) + x_error).reshape(-1, self.group).max(axis=1)
        step = np.repeat(largest / 254, self.group)
        return np.asarray(np.abs(self.dense(expert)) @ (x_error + step + 1e-5 * np.abs(x)) + 1e-12)


@dataclass(frozen=True)
class GroupedLayer:
    """A layer for the kernels and the matrices it was packed from."""

    layer: GroupedExperts
    gate_up: GroupedMatrix
    down: GroupedMatrix

    def emulate(self, x: Floats, selected: npt.NDArray[np.int32], weights: Floats) -> Floats:
        """The kernels' arithmetic for given experts and weights ``[T, top_k]``: ``[T, H]``."""
        out = np.zeros_like(x)
        for t, row in enumerate(x):
            for k, (expert, weight) in enumerate(zip(selected[t], weights[t], strict=True)):
                down = weight * self.down.emulate(swiglu(self.gate_up.emulate(row, expert)), expert)
                out[t] = down if k == 0 else out[t] + down
        return out

    def exact_with_bound(
        self, x: Floats, selected: npt.NDArray[np.int32], weights: Floats
    ) -> tuple[Doubles, Doubles]:
        """The same in float64, and a bound on the kernels' error."""
        out, bound = np.zeros(x.shape), np.zeros(x.shape)
        for t, row in enumerate(x.astype(np.float64)):
            for expert, weight in zip(selected[t], weights[t].astype(np.float64), strict=True):
                z = self.gate_up.dense(expert) @ row
                (gate, up) = np.split(z, 2)
                gate_error, up_error = np.split(self.gate_up.error_bound(row, np.zeros_like(row), expert), 2)
                silu = gate / (1 + np.exp(-gate))
                silu_error = 1.1 * gate_error  # the slope of silu lies within -0.1 .. 1.1
                h = silu * up
                h_error = (np.abs(silu) + silu_error) * up_error + silu_error * np.abs(up) + 1e-6 * np.abs(h)
                out[t] += weight * (self.down.dense(expert) @ h)
                bound[t] += weight * self.down.error_bound(h, h_error, expert)
        return out, bound + 1e-6 * np.abs(out) + 1e-9


def random_layer(
    rng: np.random.Generator,
    *,
    experts: int,
    top_k: int,
    hidden: int,
    width: int,
    group: int,
    zeros: bool = False,
    dtype: type[np.floating] = np.float16,
    softmax: bool = True,
    norm_topk_prob: bool = True,
) -> GroupedLayer:
    def matrix(outputs: int, inputs: int) -> GroupedMatrix:
        return GroupedMatrix.random(rng, experts, outputs, inputs, group=group, zeros=zeros, dtype=dtype)

    gate_up, down = matrix(2 * width, hidden), matrix(hidden, width)
    gate_up_weight, gate_up_scale, gate_up_zero = gate_up.panels()
    down_weight, down_scale, down_zero = down.panels()
    layer = GroupedExperts(
        router_weight=rng.normal(size=(experts, hidden), scale=hidden**-0.5).astype(np.float32),
        expert_bias=(rng.integers(-2, 3, experts) / 16).astype(np.float32),
        gate_up_weight=gate_up_weight,
        gate_up_scale=gate_up_scale,
        gate_up_zero=gate_up_zero,
        down_weight=down_weight,
        down_scale=down_scale,
        down_zero=down_zero,
        group_size=group,
        top_k=top_k,
        softmax=softmax,
        norm_topk_prob=norm_topk_prob,
        sum_eps=1e-6,
        routed_scaling_factor=1.5,
    )
    return GroupedLayer(layer, gate_up, down)


def route(layer: GroupedExperts, x: Floats) -> tuple[npt.NDArray[np.int32], Floats]:
    """Experts ``[T, top_k]``, best first, and their weights, computed in float64."""
    logits = x.astype(np.float64) @ layer.router_weight.astype(np.float64).T
    if layer.softmax:
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores = powers / powers.sum(axis=1, keepdims=True)
    else:
        scores = 1 / (1 + np.exp(-logits))
    order = np.argsort(-(scores + layer.expert_bias), axis=1, kind="stable")[:, : layer.top_k]
    weights = np.take_along_axis(scores, order, axis=1)
    if layer.norm_topk_prob:
        weights = weights / (weights.sum(axis=1, keepdims=True) + layer.sum_eps)
    return order.astype(np.int32), (weights * layer.routed_scaling_factor).astype(np.float32)
