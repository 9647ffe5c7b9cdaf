"""A short convolution of stock operators over a ring of rows, which is a mutable buffer of the program."""

import torch
from torch import Tensor, nn

from mmoe.models.components import ConvShape


class RingConvolution(nn.Module):
    """Causal convolution of each channel; see `mmoe.models.functional.convolve_causally`.

    The ring is addressed by position, as a windowed KV cache is, so that going back in the context and starting anew
    need nothing more than another position.
    """

    weight: Tensor
    bias: Tensor | None
    cache: Tensor

    def __init__(self, weight: Tensor, bias: Tensor | None, shape: ConvShape) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("weight", weight.T.contiguous())  # [taps, H]
        self.register_buffer("bias", bias)
        # Not cleared: no row is read before it was written.
        self.register_buffer("cache", torch.empty(shape.cache_rows, shape.channels))

    def forward(self, x: Tensor, input_pos: Tensor) -> Tensor:
        """See `Components.short_conv`."""
        new, rows = x[0], self.shape.cache_rows
        positions = input_pos + torch.arange(x.shape[1])
        self.cache.index_put_((positions % rows,), new)
        mixed = new * self.weight[-1]
        for tap in range(self.shape.taps - 1):
            seen = positions - (self.shape.taps - 1 - tap)
            before = self.cache[(seen + rows) % rows]
            # Before the first token there are zeros, whatever the ring holds.
            mixed = mixed + torch.where((seen >= 0).unsqueeze(-1), before, 0.0) * self.weight[tap]
        return (mixed if self.bias is None else mixed + self.bias).unsqueeze(0)
