"""A short convolution over a ring of rows, which is a mutable buffer of the delegate."""

from __future__ import annotations

import torch
from torch import Tensor

from mmoe.models.components import ConvShape
from mmoe.models.gated_convolution import GatedConvolution


class RingConvolution(GatedConvolution):
    """Causal convolution of each channel; see `mmoe.models.functional.convolve_causally`.

    The ring is addressed by position, as a KV cache is: a reset is nothing but position 0. A call reads the few rows
    before its own tokens and writes its tokens behind them; the ring holds both (`mmoe.models.cache_rows`).
    """

    weight: Tensor
    bias: Tensor | None
    cache: Tensor

    def __init__(self, weight: Tensor, bias: Tensor | None, shape: ConvShape, dtype: torch.dtype) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("weight", weight.T.to(dtype).contiguous())  # [taps, H]
        self.register_buffer("bias", None if bias is None else bias.to(dtype))
        self.register_buffer("cache", torch.zeros(1, 1, shape.cache_rows, shape.channels, dtype=dtype))

    def convolve(self, x: Tensor, input_pos: Tensor) -> Tensor:
        """See `GatedConvolution.convolve`."""
        start, before, rows = input_pos.item(), self.shape.taps - 1, self.shape.cache_rows
        torch._check(start >= 0)
        torch._check(start + x.shape[1] <= self.shape.max_context_len)
        places = input_pos - before + torch.arange(before)
        earlier = self.cache.index_select(2, (places + rows) % rows)[0]  # [1, taps - 1, H]
        # Before the first token there are zeros, whatever the ring holds.
        earlier = torch.where((places >= 0).view(1, before, 1), earlier, torch.zeros_like(earlier))
        torch.ops.mlx.kv_cache_update(self.cache, x.unsqueeze(1), start, rows)
        seen = torch.cat((earlier, x), dim=1)
        mixed = x * self.weight[before]
        for tap in range(before):
            mixed = mixed + seen[:, tap : tap + x.shape[1]] * self.weight[tap]
        return mixed if self.bias is None else mixed + self.bias
