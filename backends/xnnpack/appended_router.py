"""Routers that `mmoe::moe_ffn` does not compute, handed to it as inputs.

The operator scores by a sigmoid of ``x @ router_weight.T``. A softmax is computed before it, by stock operators, and
each token gets the logit ``log(p / (1 - p))`` of every expert's probability appended to its activations; the operator's
router only copies these, so that its sigmoid gives p again. They are made so small (2^-40) that they weigh nothing in
the quantisation of the activations, and the experts meet them with scales of zero.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmoe.backends.xnnpack import ops
from mmoe.models.architectures.description import Routing
from mmoe.models.components import ExpertTensors
from mmoe.quant.expert_layout import ExpertPanels, pack_expert_panels
from mmoe.quant.int4 import GROUP_SIZE

# A power of two, which makes the way there and back exact.
_SHRINK = 2.0**-40

# The float32 number below 1, whose logit is the largest that is finite.
_ALMOST_ONE = 1 - 2.0**-24
# Where exp() of the operator's sigmoid is still in range; such an expert weighs e^-80.
_SMALLEST_LOGIT = -80.0


class SoftmaxRoutedExperts(nn.Module):
    """Routed experts whose weights are made of a softmax over all experts, or over the selected ones."""

    router_columns: Tensor
    copying_router: Tensor
    expert_bias: Tensor
    gate_up_weight: Tensor
    gate_up_scale: Tensor
    down_weight: Tensor
    down_scale: Tensor

    def __init__(self, tensors: ExpertTensors, routing: Routing) -> None:
        super().__init__()
        self.routing = routing
        gate_up, down = with_room(tensors)
        # Transposed once, since a program would do it in every call.
        self.register_buffer("router_columns", tensors.router_weight.T.contiguous())
        self.register_buffer("copying_router", copying_router(*tensors.router_weight.shape))
        self.register_buffer("expert_bias", tensors.expert_bias)
        self.register_buffer("gate_up_weight", gate_up.weight)
        self.register_buffer("gate_up_scale", gate_up.scale)
        self.register_buffer("down_weight", down.weight)
        self.register_buffer("down_scale", down.scale)

    @property
    def router_weight(self) -> Tensor:
        """float32 ``[E, H]``, from which a verification counts router flips."""
        return self.router_columns.T

    def forward(self, x: Tensor) -> Tensor:
        """``[1, T, H]`` -> ``[1, T, H]``."""
        logits = torch.matmul(x, self.router_columns)
        likely = torch.log_softmax(logits, dim=-1)
        unlikely = torch.log(1 - torch.clamp(torch.exp(likely), max=_ALMOST_ONE))
        scores = torch.clamp(likely - unlikely, min=_SMALLEST_LOGIT) * _SHRINK
        room = self.copying_router.shape[1] - x.shape[2] - scores.shape[2]
        parts = [x, scores, scores.new_zeros(1, 1, room).expand(1, x.shape[1], room)] if room else [x, scores]
        mixed = ops.moe_ffn(
            torch.cat(parts, dim=-1),
            self.copying_router,
            self.expert_bias,
            gate_up=ExpertPanels(self.gate_up_weight, self.gate_up_scale),
            down=ExpertPanels(self.down_weight, self.down_scale),
            routing=Routing(
                top_k=self.routing.top_k,
                norm_topk_prob=self.routing.divides_by_sum,
                routed_scaling_factor=self.routing.routed_scaling_factor,
            ),
        )
        return mixed[:, :, : x.shape[2]]


def copying_router(num_experts: int, width: int) -> Tensor:
    """float32 ``[E, H + room]``: the logits of the experts stand behind the H activations."""
    router = torch.zeros(num_experts, width + _room(num_experts))
    router[:, width : width + num_experts].fill_diagonal_(1 / _SHRINK)
    return router


def with_room(tensors: ExpertTensors) -> tuple[ExpertPanels, ExpertPanels]:
    """The experts with inputs and outputs of scale zero behind their own."""
    room = _room(len(tensors.router_weight))
    gate_up = pack_expert_panels(
        nn.functional.pad(tensors.gate_up_qweight, (0, 0, 0, room)),
        nn.functional.pad(tensors.gate_up_scale, (0, 0, 0, room)),
    )
    down = pack_expert_panels(
        nn.functional.pad(tensors.down_qweight, (0, room // 2)),
        nn.functional.pad(tensors.down_scale, (0, room // GROUP_SIZE)),
    )
    return gate_up, down


def width_without_room(router_weight: Tensor) -> int:
    """H of the experts that a router belongs to: of one that copies, the activations before the logits."""
    experts, width = router_weight.shape
    inner = width - _room(experts)
    return inner if inner > 0 and torch.equal(router_weight, copying_router(experts, inner)) else width


def _room(num_experts: int) -> int:
    """Whole groups for the logits."""
    return -(-num_experts // GROUP_SIZE) * GROUP_SIZE
