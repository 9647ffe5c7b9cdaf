"""Routing and the routed experts, computed expert by expert on tokens sorted by expert."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tools.train_demo.shape import ModelShape
from tools.train_demo.weights import GroupedWeight, int8_activations

_SLOT_MULTIPLE = 64


class Router(nn.Module):
    """Sigmoid scores in float32; the bias takes part in the selection only and is moved to even out the loads."""

    bias: Tensor
    load: Tensor

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self._top_k = shape.num_experts_per_tok
        self._factor = shape.routed_scaling_factor
        self.weight = nn.Parameter(torch.randn(shape.num_local_experts, shape.hidden_size) * 0.05)
        self.register_buffer("bias", torch.zeros(shape.num_local_experts))
        self.register_buffer("load", torch.zeros(shape.num_local_experts))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """float32 ``[N, H]`` -> the chosen experts int64 ``[N, k]`` and their weights float32 ``[N, k]``."""
        scores = torch.sigmoid(F.linear(x, self.weight))
        chosen = torch.topk(scores.detach() + self.bias.bfloat16(), self._top_k, dim=-1).indices
        self.load += torch.bincount(chosen.flatten(), minlength=len(self.bias))
        selected = scores.gather(-1, chosen)
        return chosen, selected / (selected.sum(-1, keepdim=True) + 1e-20) * self._factor

    def balance(self, rate: float) -> None:
        """Raises the bias of every expert with less than the mean load since the last call, lowers the others'."""
        self.bias += rate * torch.sign(self.load.mean() - self.load)
        self.load.zero_()


class RoutedExperts(nn.Module):
    """SwiGLU experts, stored ``[E, in, out]``: gate and up side by side, then down."""

    def __init__(self, shape: ModelShape, *, deviation: float) -> None:
        super().__init__()
        experts, hidden, width = shape.num_local_experts, shape.hidden_size, shape.intermediate_size
        self.router = Router(shape)
        self.gate_up = GroupedWeight(experts, hidden, 2 * width, deviation=deviation)
        self.down = GroupedWeight(
            experts, width, hidden, deviation=deviation / (2 * shape.num_hidden_layers) ** 0.5
        )

    def forward(self, x: Tensor, x_low: Tensor, *, int8: bool) -> Tensor:
        """float32 ``[N, H]`` for the router and its low-precision copy for the products -> ``[N, H]``."""
        chosen, weights = self.router(x)
        top_k = chosen.shape[1]
        order, inverse, counts = _dispatch(chosen.flatten(), len(self.router.bias))
        copies = x_low.unsqueeze(1).expand(-1, top_k, -1).reshape(-1, x_low.shape[1])
        per_expert = zip(
            _permute(F.pad(copies, (0, 0, 0, 1)), order, inverse).split(counts),
            self.gate_up(x_low.dtype).unbind(),
            self.down(x_low.dtype).unbind(),
            strict=True,
        )
        results = []
        for tokens, gate_up, down in per_expert:
            gate, up = (tokens @ gate_up).chunk(2, dim=-1)
            hidden = F.silu(gate) * up
            results.append((int8_activations(hidden) if int8 else hidden) @ down)
        outputs = _permute(torch.cat(results), inverse, order)[:-1].view(-1, top_k, x_low.shape[1])
        combined: Tensor = (outputs * weights.to(outputs.dtype).unsqueeze(-1)).sum(1)
        return combined


def _dispatch(chosen: Tensor, num_experts: int) -> tuple[Tensor, Tensor, list[int]]:
    """Sorts assignments by expert, each expert's share filled up with a row of zeros.

    Whole multiples keep the number of distinct product shapes low: a bfloat16 product of a new shape costs
    oneDNN 0.7 ms of code generation and some memory for good, twice the product itself.

    Args:
        chosen: int64 ``[A]``, the expert of each assignment.

    Returns:
        ``order`` int64 ``[P]``, the assignment in each slot (A for a filled-up one); ``inverse`` int64 ``[A + 1]``,
        the slot of each assignment (the last entry is of no use); the slots of each expert.
    """
    counts = torch.bincount(chosen, minlength=num_experts)
    padded = (counts + _SLOT_MULTIPLE - 1) // _SLOT_MULTIPLE * _SLOT_MULTIPLE
    shift = (padded.cumsum(0) - padded) - (counts.cumsum(0) - counts)
    by_expert = chosen.argsort(stable=True)
    slots = torch.arange(len(chosen)) + shift[chosen[by_expert]]
    order = torch.full((int(padded.sum()),), len(chosen)).scatter_(0, slots, by_expert)
    inverse = torch.zeros(len(chosen) + 1, dtype=torch.int64).scatter_(0, by_expert, slots)
    return order, inverse, padded.tolist()


def _permute(x: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
    result: Tensor = _Permute.apply(x, order, inverse)  # type: ignore[no-untyped-call]
    return result


class _Permute(torch.autograd.Function):
    """Reorders rows; its gradient is a gather too, where autograd would scatter, which is several times slower."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
        ctx.save_for_backward(inverse)
        return x.index_select(0, order)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (inverse,) = ctx.saved_tensors
        return gradients[0].index_select(0, inverse), None, None
