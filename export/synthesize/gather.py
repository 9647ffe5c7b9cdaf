"""Packed int4 matrices put together from rows and groups of other ones: integers move, scales are multiplied."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mmoe.export.synthesize.axes import Factor, Index
from mmoe.quant.int4 import GROUP_SIZE


def gathered_values(values: npt.NDArray[np.uint8], rows: Index, groups: Index) -> npt.NDArray[np.uint8]:
    """Repeats rows and groups of packed values.

    Args:
        values: uint8 ``[R, 16 * G]``.
        rows: int64 ``[R']``; `EMPTY` gives zeros, as it does in ``groups``.
        groups: int64 ``[G']``.

    Returns:
        uint8 ``[R', 16 * G']``.
    """
    grouped = values.reshape(len(values), -1, GROUP_SIZE // 2)
    padded = with_empty(with_empty(grouped, axis=1), axis=0)
    return padded[:, groups].reshape(len(padded), -1)[rows]


def gathered_scales(
    scales: npt.NDArray[np.float16], rows: Index, groups: Index, row_factor: Factor, group_factor: Factor
) -> npt.NDArray[np.float16]:
    """As `gathered_values`, of float16 ``[R, G]``, times the factors of rows and groups."""
    padded = with_empty(with_empty(scales.astype(np.float64), axis=1), axis=0)
    result: npt.NDArray[np.float16] = (padded[:, groups][rows] * row_factor[:, None] * group_factor).astype(
        "<f2"
    )
    return result


def with_empty(array: npt.NDArray[Any], *, axis: int) -> npt.NDArray[Any]:
    """Adds a last place of zeros, which is where the index `EMPTY`, -1, leads."""
    widths = [(0, int(dimension == axis)) for dimension in range(array.ndim)]
    return np.pad(array, widths)


def bfloat16_bytes(values: npt.NDArray[np.float64]) -> bytes:
    """Rounds to bfloat16."""
    rounded = torch.from_numpy(values.astype(np.float32)).to(torch.bfloat16)
    return rounded.view(torch.int16).numpy().astype("<i2").tobytes()
