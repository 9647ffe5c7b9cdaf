"""Keeps all experts in use: the auxiliary loss of softmax routers, or the selection bias where a family has one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_LOSS_WEIGHT = 0.01
# Bias step per optimiser step at the highest learning rate, as for the bundled model.
_BIAS_RATE = 2e-3


class Balance:
    """Watches which experts are selected."""

    def __init__(self, model: nn.Module) -> None:
        self.loads: dict[nn.Module, Tensor] = {}
        for module in model.modules():
            if hasattr(module, "expert_bias"):
                self.loads[module] = torch.zeros(len(module.expert_bias))
                module.gate.register_forward_hook(self._count(module))

    @property
    def options(self) -> dict[str, bool]:
        """What the model must be called with."""
        return {} if self.loads else {"output_router_logits": True}

    def loss(self, output: Any) -> Tensor | float:
        """What is added to the loss of the text."""
        return 0.0 if self.loads else _LOSS_WEIGHT * output.aux_loss

    @torch.no_grad()
    def step(self, relative_rate: float) -> None:
        """Raises the bias of every expert with less than the mean load since the last call, lowers the others'."""
        for block, load in self.loads.items():
            block.expert_bias += _BIAS_RATE * relative_rate * torch.sign(load.mean() - load)
            load.zero_()

    def _count(self, block: nn.Module) -> Any:
        def hook(_: nn.Module, __: Any, outputs: tuple[Tensor, ...]) -> None:
            self.loads[block] += torch.bincount(outputs[-1].flatten(), minlength=len(self.loads[block]))

        return hook
