"""Dense matrices that a checkpoint keeps as floats, in the dtype of the activations."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FloatEmbedding(nn.Module):
    """Rows of a table."""

    table: Tensor

    def __init__(self, table: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("table", table.to(dtype))

    def forward(self, indices: Tensor) -> Tensor:
        """int64 ``[1, T]`` -> ``[1, T, H]``."""
        return nn.functional.embedding(indices, self.table)


class FloatLinear(nn.Module):
    """Linear layer without bias."""

    weight: Tensor

    def __init__(self, weight: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("weight", weight.to(dtype))

    def forward(self, x: Tensor) -> Tensor:
        """``[..., in]`` -> ``[..., out]``."""
        return nn.functional.linear(x, self.weight)
