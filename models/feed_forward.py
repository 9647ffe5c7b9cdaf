"""The block behind the mixer: a dense gated one, or routed experts."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from mmoe.models.architectures.description import ExpertBlock, GatedBlock
from mmoe.models.components import ExpertTensors, GroupedExpertTensors
from mmoe.models.weights import Weights


class SwiGLU(nn.Module):
    """Dense gated feed-forward: ``down(silu(gate(x)) * up(x))``."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.gate_proj = weights.linear("gate_proj")
        self.up_proj = weights.linear("up_proj")
        self.down_proj = weights.linear("down_proj")

    def forward(self, x: Tensor) -> Tensor:
        """``[1, T, H]`` -> ``[1, T, H]``."""
        out: Tensor = self.down_proj(silu(self.gate_proj(x)) * self.up_proj(x))
        return out


def gated_feed_forward(weights: Weights) -> nn.Module:
    """A dense gated block: the variant's own, or one of three linears."""
    names = ("gate_proj", "up_proj", "down_proj")
    if weights.components.gated is None or not weights.all_packed(*names):
        return SwiGLU(weights)
    return weights.components.gated(*map(weights.packed, names))


def routed_experts(weights: Weights, block: ExpertBlock) -> nn.Module:
    """The variant's module for experts as the checkpoint groups them."""
    router = weights.tensor("router.weight").float()
    bias = weights.tensor("expert_bias") if block.routing.selection_bias else torch.zeros(block.num_experts)
    quantization, components = weights.config.quantization, weights.components
    if quantization is not None and quantization.experts_by_input:
        assert components.grouped_experts is not None  # its backend names what it does not support
        gate_up_groups, down_groups = map(weights.grouped_experts, ("gate_up", "down"))
        tensors = GroupedExpertTensors(
            router_weight=router, expert_bias=bias.float(), gate_up=gate_up_groups, down=down_groups
        )
        return components.grouped_experts(tensors, block.routing)
    gate_up, down = weights.experts("gate_up"), weights.experts("down")
    return components.experts(
        ExpertTensors(
            router_weight=router,
            expert_bias=bias.float(),
            gate_up_qweight=gate_up[0],
            gate_up_scale=gate_up[1],
            down_qweight=down[0],
            down_scale=down[1],
        ),
        block.routing,
    )


class MixtureOfExperts(nn.Module):
    """Routed experts and, where the block has one, a shared expert, both fed the same normalised input."""

    def __init__(self, weights: Weights, block: ExpertBlock) -> None:
        super().__init__()
        self.routed = routed_experts(weights, block)
        self.shared_expert = None if block.shared is None else gated_feed_forward(weights.at("shared_expert"))

    def forward(self, x: Tensor) -> Tensor:
        """``[1, T, H]`` -> ``[1, T, H]``."""
        routed = cast(Tensor, self.routed(x))
        return routed if self.shared_expert is None else routed + self.shared_expert(x)


def feed_forward(weights: Weights, block: GatedBlock | ExpertBlock) -> nn.Module:
    """The module of a description; ``weights`` are the layer's."""
    weights = weights.at("feed_forward")
    return MixtureOfExperts(weights, block) if isinstance(block, ExpertBlock) else gated_feed_forward(weights)
