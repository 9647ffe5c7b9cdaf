"""Makes our tensors of packed matrices; the part of such a checkpoint that needs PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from mmoe.checkpoints.assembly import adjacent_pairs
from mmoe.checkpoints.int4_linears.linear import Array
from mmoe.checkpoints.stored import Origin


def assembled(origin: Origin, read: Callable[[str], Array]) -> Tensor:
    """A part of a matrix of ours, ``[out, ...]`` or, of experts, ``[E, out, ...]``.

    Args:
        origin: Where the files hold the matrix.
        read: Gives the same part of one of the files' matrices by the name of its weight.
    """
    pieces = [_piece(origin, [read(name) for name in row]) for row in origin.names]
    return torch.stack(pieces) if origin.is_experts and not _is_stacked(origin) else pieces[0]


def _piece(origin: Origin, arrays: list[Array]) -> Tensor:
    joined = torch.from_numpy(arrays[0] if len(arrays) == 1 else np.concatenate(arrays))
    index, parts = origin.part
    if parts > 1:
        joined = joined.chunk(parts)[index]
    return joined if origin.halves_of is None else joined[adjacent_pairs(len(joined), origin.halves_of)]


def _is_stacked(origin: Origin) -> bool:
    """Whether one tensor of the files has all experts; a module with a weight has them as ``[E, out, in]``."""
    return len(origin.shape) == 3
