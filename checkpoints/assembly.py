"""Makes our tensors of those that a family's files hold, one expert at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from mmoe.checkpoints.stored import Origin

Read = Callable[[str], Tensor]
"""Gives a tensor of the files by its name."""


def pieces(origin: Origin, read: Read) -> Iterator[Tensor]:
    """A tensor in pieces, of which one at a time is in memory: the experts, or a whole tensor of anything else."""
    for row in origin.names:
        tensors = [read(name) for name in row]
        if origin.is_experts and len(origin.shape) == 3:
            experts = range(origin.shape[0])
            yield from (_ours(origin, [tensor[expert] for tensor in tensors]) for expert in experts)
        else:
            yield _ours(origin, tensors)


def whole(origin: Origin, read: Read) -> Tensor:
    """A tensor as a whole; a view of the mapped file where it is stored as it is here."""
    if len(origin.names) == len(origin.names[0]) == 1 and not _is_changed(origin):
        return read(origin.names[0][0])
    parts = list(pieces(origin, read))
    return torch.stack(parts) if origin.is_experts else parts[0]


def adjacent_pairs(rows: int, head_dim: int) -> Tensor:
    """Which row of heads with pairs as halves becomes row 0, 1, ... of heads with adjacent pairs: int64 ``[rows]``."""
    return torch.arange(rows).view(-1, 2, head_dim // 2).transpose(1, 2).flatten()


def _is_changed(origin: Origin) -> bool:
    return origin.out_first or origin.as_row or origin.part != (0, 1) or origin.halves_of is not None


def _ours(origin: Origin, tensors: list[Tensor]) -> Tensor:
    joined = tensors[0] if len(tensors) == 1 else torch.cat(tensors)
    index, parts = origin.part
    if parts > 1:
        joined = joined.chunk(parts)[index]
    if origin.halves_of is not None:
        joined = joined[adjacent_pairs(len(joined), origin.halves_of)]
    if origin.as_row:
        return joined[0]
    return joined.T if origin.out_first else joined
