"""Rotary position embedding on adjacent pairs, with the "llama3" rescaling of slow frequencies."""

import math

import torch
from torch import Tensor, nn

from mmoe.models.architectures.description import Rope
from mmoe.models.architectures.rope_scaling import RopeScaling


def _rescale(frequency: float, scaling: RopeScaling) -> float:
    """Divides slow frequencies by ``factor`` (Llama 3.1; low == high means a step without a smoothing band)."""
    turns = scaling.original_max_position_embeddings * frequency / (2 * math.pi)
    low, high = scaling.low_freq_factor, scaling.high_freq_factor
    if low == high:
        return frequency if turns > low else frequency / scaling.factor
    kept = min(max((turns - low) / (high - low), 0.0), 1.0)
    return frequency * (kept + (1 - kept) / scaling.factor)


def rope_frequencies(rope: Rope, head_dim: int) -> Tensor:
    """Angular frequency of each pair, in radians per position.

    Source: Su et al., arXiv 2104.09864: ``theta ** (-2 i / head_dim)``, then the rescaling.

    Returns:
        float32 ``[head_dim / 2]``.
    """
    frequencies = [rope.theta ** (-2 * pair / head_dim) for pair in range(head_dim // 2)]
    if rope.scaling is not None:
        frequencies = [_rescale(frequency, rope.scaling) for frequency in frequencies]
    return torch.tensor(frequencies, dtype=torch.float32)


class RotaryEmbedding(nn.Module):
    """Cosines and sines for T consecutive positions, computed once per forward for all layers that turn alike."""

    frequencies: Tensor

    def __init__(self, rope: Rope, head_dim: int) -> None:
        super().__init__()
        self.register_buffer("frequencies", rope_frequencies(rope, head_dim))

    def forward(self, input_pos: Tensor, num_tokens: int) -> tuple[Tensor, Tensor]:
        """Returns cos and sin, float32 ``[T, head_dim / 2]``, for positions ``input_pos ..``."""
        positions = (input_pos + torch.arange(num_tokens)).to(torch.float32)
        angles = positions.unsqueeze(-1) * self.frequencies
        return torch.cos(angles), torch.sin(angles)
