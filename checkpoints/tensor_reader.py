"""Reads and checks a checkpoint's tensors; the part of an opened checkpoint that needs PyTorch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from mmoe.checkpoints.assembly import pieces, whole
from mmoe.checkpoints.stored import Origin
from mmoe.checkpoints.tensor_store import TensorStore

# Rows of two tables that are compared at a time.
_ROWS = 4096


@dataclass(frozen=True)
class TensorReader:
    """Our tensors, made of those in files."""

    files: TensorStore

    def whole(self, origin: Origin) -> Tensor:
        """See `assembly.whole`."""
        return whole(origin, self.files.tensor)

    def pieces(self, origin: Origin) -> Iterator[Tensor]:
        """See `assembly.pieces`."""
        return pieces(origin, self.files.tensor)

    def are_equal(self, one: str, other: str) -> bool:
        """Whether two of the files' tables say the same, whatever their float types are."""
        return are_equal(self.files.tensor(one), self.files.tensor(other))

    def first_bad_value(self, origin: Origin, smallest: float, largest: float) -> str | None:
        """Where and what the first element is that is not finite or outside of what it may be."""
        for expert, tensor in enumerate(self.pieces(origin)):
            bad = ~torch.isfinite(tensor) | (tensor < smallest) | (tensor > largest)
            if bool(bad.any()):
                index = torch.nonzero(bad)[0].tolist()
                value = tensor[tuple(index)].item()
                place = [expert, *index] if origin.is_experts else index
                too_large = math.isfinite(value) and abs(value) > largest
                limit = f", and int4 with a float16 scale holds {largest:g} at most" if too_large else ""
                return f"{place}: {'a scale' if smallest == 0 else 'a value'} is {value}{limit}"
        return None


def are_equal(one: Tensor, other: Tensor) -> bool:
    """Whether two tables say the same, whatever their float types are."""
    parts = zip(one.split(_ROWS), other.split(_ROWS), strict=True)
    return all(torch.equal(a.float(), b.float()) for a, b in parts)
