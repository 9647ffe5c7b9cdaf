"""Routed experts that are grouped along the input, with the router of any family, as one operator."""

from __future__ import annotations

from torch import Tensor, nn

from mmoe.backends.xnnpack import ops
from mmoe.models.architectures.description import Routing
from mmoe.models.components import GroupedExpertTensors
from mmoe.quant.grouped_layout import GroupedExperts, GroupedPanels, pack_grouped_panels


class InputGroupedExperts(nn.Module):
    """The routed experts of a layer; their panels are constants of the program."""

    router_weight: Tensor
    expert_bias: Tensor

    def __init__(self, tensors: GroupedExpertTensors, routing: Routing) -> None:
        super().__init__()
        self.routing, self.group_size = routing, tensors.gate_up.group_size
        self.register_buffer("router_weight", tensors.router_weight)
        self.register_buffer("expert_bias", tensors.expert_bias)
        self.gate_up, self.down = _Panels(tensors.gate_up), _Panels(tensors.down)

    def forward(self, x: Tensor) -> Tensor:
        """``[1, T, H]`` -> ``[1, T, H]``."""
        return ops.moe_ffn_in(
            x,
            self.router_weight,
            self.expert_bias,
            gate_up=self.gate_up.panels,
            down=self.down.panels,
            group_size=self.group_size,
            routing=self.routing,
        )


class _Panels(nn.Module):
    weight: Tensor
    scale: Tensor
    zero: Tensor | None

    def __init__(self, experts: GroupedExperts) -> None:
        super().__init__()
        panels = pack_grouped_panels(experts)
        self.register_buffer("weight", panels.weight)
        self.register_buffer("scale", panels.scale)
        self.register_buffer("zero", panels.zero)

    @property
    def panels(self) -> GroupedPanels:
        return GroupedPanels(self.weight, self.scale, self.zero)
