"""A short convolution over a ring of rows that becomes Core ML state."""

from __future__ import annotations

import torch
from torch import Tensor

from mmoe.models.components import ConvShape
from mmoe.models.gated_convolution import GatedConvolution


class RingConvolution(GatedConvolution):
    """Causal convolution of each channel; see `mmoe.models.functional.convolve_causally`.

    The ring is addressed by position, as the KV cache is. A padded chunk writes rows that the next call overwrites
    before it reads them; the ring is long enough that it overwrites none that the next call reads. The buffer is
    float32 for the reason that the KV cache's are.
    """

    weight: Tensor
    bias: Tensor | None
    cache: Tensor

    def __init__(self, weight: Tensor, bias: Tensor | None, shape: ConvShape) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("weight", weight.T.to(torch.float16).contiguous())  # [taps, H]
        self.register_buffer("bias", None if bias is None else bias.to(torch.float16))
        self.register_buffer("cache", torch.zeros(1, shape.cache_rows, shape.channels))

    def convolve(self, x: Tensor, input_pos: Tensor) -> Tensor:
        """See `GatedConvolution.convolve`; float16 in and out."""
        tokens, before, rows = x.shape[1], self.shape.taps - 1, self.shape.cache_rows
        places = input_pos - before + torch.arange(before)
        earlier = self.cache[:, (places + rows) % rows].to(torch.float16)
        # Before the first token there are zeros, whatever the ring holds.
        earlier = torch.where((places >= 0).view(1, before, 1), earlier, 0.0)
        written = ((input_pos + torch.arange(tokens)) % rows).view(1, tokens, 1).expand_as(x)
        self.cache.scatter_(1, written, x.float())
        seen = torch.cat((earlier, x), dim=1)
        mixed = x * self.weight[before]
        for tap in range(before):
            mixed = mixed + seen[:, tap : tap + tokens] * self.weight[tap]
        return mixed if self.bias is None else mixed + self.bias
