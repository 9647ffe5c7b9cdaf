"""A safetensors file's tensors as NumPy arrays over its map, for what is looked at before PyTorch is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmoe.models.json_text import parse_json

_TYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "U8": "u1", "I8": "i1", "I32": "<i4", "I64": "<i8"}


class MappedArrays:
    """The tensors of a file whose header has been validated."""

    def __init__(self, path: Path) -> None:
        """Maps it."""
        self._data = np.asarray(np.memmap(path, np.uint8, mode="r"))
        length = int(self._data[:8].view("<u8")[0])
        self._start = 8 + length
        self._header: Any = parse_json(self._data[8 : self._start].tobytes())

    def array(self, name: str) -> npt.NDArray[np.generic]:
        """A tensor; bfloat16, which NumPy does not have, as float32, which holds the same values."""
        entry = self._header[name]
        begin, end = entry["data_offsets"]
        raw = self._data[self._start + begin : self._start + end]
        values: npt.NDArray[np.generic] = raw.view(_TYPES[entry["dtype"]]).reshape(entry["shape"])
        return widened(values) if entry["dtype"] == "BF16" else values


def widened(words: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """float32 values of bfloat16 ones, given as their 16 bits."""
    return (words.astype(np.uint32) << 16).view(np.float32)
