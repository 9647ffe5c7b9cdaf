"""What the twins of the operators for routed experts share: who multiplies which token, and what is added up."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mmoe.models.architectures.description import Routing
from mmoe.models.functional import route


def routed_experts(
    x: Tensor,
    router_weight: Tensor,
    expert_bias: Tensor,
    routing: Routing,
    feed_forward: Callable[[Tensor, int], Tensor],
) -> Tensor:
    """Routes tokens and adds up what their experts give.

    Args:
        x: float32 ``[1, T, H]``.
        router_weight: float32 ``[E, H]``.
        expert_bias: float32 ``[E]``.
        routing: How experts are chosen and weighted.
        feed_forward: Of one expert, from the rows of its tokens ``[n, H]`` and its number to ``[n, H]``.

    Returns:
        float32 ``[1, T, H]``.
    """
    tokens = x.reshape(-1, x.shape[-1])
    experts, weights, _ = route(tokens, router_weight, expert_bias, routing)
    by_slot = torch.zeros(tokens.shape[0], routing.top_k, tokens.shape[1])
    for expert in experts.unique().tolist():
        rows, slots = (experts == expert).nonzero(as_tuple=True)
        by_slot[rows, slots] = feed_forward(tokens[rows], expert)
    return (by_slot * weights.unsqueeze(-1)).sum(dim=1).view_as(x)
