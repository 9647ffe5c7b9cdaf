"""Dense matrices that a checkpoint keeps as floats: float16, as everything that meets them is."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FloatEmbedding(nn.Module):
    """Rows of a table."""

    table: Tensor

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.register_buffer("table", table.to(torch.float16))

    def forward(self, indices: Tensor) -> Tensor:
        """int64 ``[1, T]`` -> float16 ``[1, T, H]``."""
        return self.table[indices]


class FloatLinear(nn.Module):
    """Linear layer without bias."""

    weight: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight.to(torch.float16))

    def forward(self, x: Tensor) -> Tensor:
        """float16 ``[..., in]`` -> float16 ``[..., out]``."""
        return nn.functional.linear(x, self.weight)
