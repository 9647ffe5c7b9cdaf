"""For comparison only: the decoder with its experts re-quantised along the input axis, as other exporters do.

Every published CPU int4 kernel wants one scale per 32 consecutive inputs, while the checkpoint has one per 32 outputs,
so carrying the experts over to such a kernel means quantising them a second time. Activations stay float32 here: what
this variant loses is lost by the weights alone.
"""

import dataclasses

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from mmoe.models.architectures.description import Routing
from mmoe.models.components import ExpertTensors
from mmoe.models.reference import REFERENCE, RoutedExperts
from mmoe.quant.int4 import GROUP_SIZE, QMAX, dequantize, quantize

# Candidate scales as fractions of the largest magnitude over 7; the best one by squared error is taken per group.
_SHRINK = tuple(1.15 - 0.025 * index for index in range(20))


def requantize_along_input(weight: Tensor) -> Tensor:
    """Quantises ``[in, out]`` to int4 in groups of 32 inputs and returns the dequantised result.

    The scale of each group is the one of 20 candidates with the least squared error, which flatters the method.

    Args:
        weight: float32 ``[in, out]``, `in` a multiple of 32.
    """
    rows = weight.T.contiguous()  # [out, in]
    largest = rows.unflatten(-1, (-1, GROUP_SIZE)).abs().amax(dim=-1)
    best = torch.zeros_like(rows)
    best_error = torch.full_like(largest, torch.inf)
    for shrink in _SHRINK:
        scale = (largest * (shrink / QMAX)).half()
        candidate = dequantize(quantize(rows, scale), scale)
        error = (candidate - rows).square().unflatten(-1, (-1, GROUP_SIZE)).sum(dim=-1)
        better = error < best_error
        best_error = torch.where(better, error, best_error)
        best = torch.where(better.repeat_interleave(GROUP_SIZE, dim=-1), candidate, best)
    return best.T


class _RegroupedExperts(RoutedExperts):
    def __init__(self, tensors: ExpertTensors, routing: Routing) -> None:
        super().__init__(tensors, routing)
        gate_up = dequantize(tensors.gate_up_qweight, tensors.gate_up_scale)
        down = dequantize(tensors.down_qweight, tensors.down_scale)
        self._gate_up = [requantize_along_input(expert) for expert in gate_up]
        self._down = [requantize_along_input(expert) for expert in down]

    def _expert(self, expert: int, x: Tensor) -> Tensor:
        gate, up = (x @ self._gate_up[expert]).chunk(2, dim=-1)
        return (silu(gate) * up) @ self._down[expert]


def _regrouped_experts(tensors: ExpertTensors, routing: Routing) -> nn.Module:
    return _RegroupedExperts(tensors, routing)


REGROUPED = dataclasses.replace(REFERENCE, experts=_regrouped_experts)
