"""What surrounds a short convolution; each backend has the convolution itself."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn


class GatedConvolution(nn.Module):
    """``behind * convolve(before * inner)`` of ``before, behind, inner = projected``."""

    @abstractmethod
    def convolve(self, x: Tensor, input_pos: Tensor) -> Tensor:
        """``[1, T, H]`` -> ``[1, T, H]``; appends T rows to the cache at ``input_pos``."""

    def forward(self, projected: Tensor, input_pos: Tensor) -> Tensor:
        """``[1, T, 3 * H]`` -> ``[1, T, H]``; see `Components.short_conv`."""
        before, behind, inner = projected.chunk(3, dim=-1)
        return behind * self.convolve(before * inner, input_pos)
