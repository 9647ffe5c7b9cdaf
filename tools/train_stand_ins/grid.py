"""A model of `transformers` whose matrices are used through the quantiser once it is switched on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from mmoe.quant.fake_quant import fake_quantize, initial_log_scale, scale_from_log


class GridModel:
    """The model and, from the second phase on, the logarithms of its matrices' scales.

    Matrices are the weights of linears and the stacked experts, all of them ``[..., out, in]`` and grouped along the
    input. The embedding, a head that shares its table, routers, norms and convolutions stay floats.
    """

    def __init__(self, model: nn.Module, group_size: int) -> None:
        self.model, self.group_size = model, group_size
        self.matrices = dict(_matrices(model))
        self.log_scales: dict[str, nn.Parameter] = {}

    def start_quantization(self) -> None:
        """From now on the forward pass sees int4 values; their scales are learnt along with the values."""
        self.log_scales = {
            name: nn.Parameter(initial_log_scale(matrix, self.group_size))
            for name, matrix in self.matrices.items()
        }

    def __call__(self, tokens: Tensor, **options: Any) -> Any:
        """int64 ``[B, T]`` -> what the model gives for them."""
        weights = {
            name: fake_quantize(self.matrices[name], log_scale) for name, log_scale in self.log_scales.items()
        }
        return functional_call(self.model, weights, (tokens,), options)

    @torch.no_grad()
    def integers_and_scales(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """By name, the integers in -8..7 as floats ``[..., out, in]``, and float16 scales ``[..., out, in / G]``."""
        scales = {name: scale_from_log(log_scale) for name, log_scale in self.log_scales.items()}
        integers = {}
        for name, scale in scales.items():
            spread = scale.float().repeat_interleave(self.group_size, dim=-1)
            integers[name] = (fake_quantize(self.matrices[name], self.log_scales[name]) / spread).round()
        return integers, scales


def _matrices(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    head = model.get_output_embeddings() if tied else None
    linears = {
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module is not head
    }
    return [
        (name, parameter)
        for name, parameter in model.named_parameters()
        if name in linears or (".experts." in name and parameter.dim() == 3)
    ]
