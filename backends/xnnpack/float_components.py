"""Dense matrices that a checkpoint keeps as floats: computed in float32, so that every value stays what it is."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FloatEmbedding(nn.Module):
    """Rows of a table in float32 or, where that holds every value, in float16."""

    table: Tensor

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        half = table.half()
        exact = table.dtype == torch.float16 or torch.equal(half.float(), table.float())
        self.register_buffer("table", half if exact else table.float())

    def forward(self, indices: Tensor) -> Tensor:
        """int64 ``[1, T]`` -> float32 ``[1, T, H]``."""
        return nn.functional.embedding(indices, self.table).float()


class FloatLinear(nn.Module):
    """Linear layer without bias."""

    columns: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        # Transposed once, since a program would do it in every call.
        self.register_buffer("columns", weight.float().T.contiguous())

    def forward(self, x: Tensor) -> Tensor:
        """``[..., in]`` -> ``[..., out]``."""
        return torch.matmul(x, self.columns)
