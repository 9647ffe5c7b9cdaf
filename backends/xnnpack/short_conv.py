"""A short convolution whose ring of rows is a mutable buffer of the program."""

import torch
from torch import Tensor, nn

from mmoe.backends.xnnpack import ops
from mmoe.models.components import ConvShape


class RingConvolution(nn.Module):
    """A gated causal convolution of each channel.

    The ring is addressed by position, as a windowed KV cache is, so that going back in the context and starting anew
    need nothing more than another position.
    """

    weight: Tensor
    bias: Tensor | None
    cache: Tensor

    def __init__(self, weight: Tensor, bias: Tensor | None, shape: ConvShape) -> None:
        super().__init__()
        self.max_context_len = shape.max_context_len
        self.register_buffer("weight", weight.T.contiguous())  # [taps, H]
        self.register_buffer("bias", bias)
        # Not cleared: no row is read before it was written.
        self.register_buffer("cache", torch.empty(shape.cache_rows, shape.channels))

    def forward(self, projected: Tensor, input_pos: Tensor) -> Tensor:
        """See `Components.short_conv`."""
        return ops.short_conv(
            projected, self.weight, self.bias, input_pos, self.cache, max_context_len=self.max_context_len
        )
