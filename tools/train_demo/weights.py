"""Weights as the trainer holds them: float32 masters that are used through the quantiser once it is switched on."""

import torch
from torch import Tensor, nn

from mmoe.quant.fake_quant import fake_quantize, initial_log_scale, scale_from_log
from mmoe.quant.int4 import quantize


class GroupedWeight(nn.Module):
    """A matrix, or one per expert, quantised in groups of 32 along its last axis."""

    def __init__(self, *shape: int, deviation: float) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.randn(*shape) * deviation)
        self.log_scale: nn.Parameter | None = None

    def start_quantization(self) -> None:
        """From now on the forward pass sees int4 values; their scales are learnt along with the values."""
        self.log_scale = nn.Parameter(initial_log_scale(self.values))

    def forward(self, dtype: torch.dtype) -> Tensor:
        """The weight as the matrix products use it, in `dtype`."""
        if self.log_scale is None:
            return self.values.to(dtype)
        return fake_quantize(self.values, self.log_scale).to(dtype)

    def packed(self) -> tuple[Tensor, Tensor]:
        """`qweight` uint8 ``[..., N / 2]`` and scale float16 ``[..., N / 32]`` for the checkpoint."""
        scale = scale_from_log(initial_log_scale(self.values) if self.log_scale is None else self.log_scale)
        return quantize(self.values.detach(), scale), scale


class RMSNorm(nn.Module):
    """Root-mean-square norm in float32 with a plain weight that is rounded to bfloat16, as it will be stored."""

    def __init__(self, size: int, *, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self._eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """float32 ``[..., size]`` -> float32 ``[..., size]``."""
        return rms_normalize(x, self._eps) * self.weight.bfloat16()


def rms_normalize(x: Tensor, eps: float) -> Tensor:
    """float32 ``[..., N]`` scaled to a mean square of one."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)


def int8_activations(x: Tensor) -> Tensor:
    """Rounds each row to symmetric int8 and lets gradients through: what a device does before a product."""
    with torch.no_grad():
        scale = x.abs().amax(-1, keepdim=True).clamp(min=1e-6) / 127
        error = (x / scale).round() * scale - x
    return x + error
