"""A GGUF file, opened: its metadata, and its tensors as mapped bytes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.gguf.header import GgufHeader
from mmoe.models.files import require_regular

SUFFIX = ".gguf"

_SPLIT_COUNT = "split.count"
# Types whose rows are read as numbers; those of any other type are bytes.
_NUMBERS: Mapping[str, type[np.generic]] = {"F32": np.float32, "F16": np.float16}


@dataclass(frozen=True)
class GgufTensor:
    """One tensor.

    Attributes:
        type: Name of its type, such as Q4_0.
        shape: Outputs before inputs, the other way round than the file says it.
        data: The bytes of its rows, uint8 ``[..., out, bytes of a row]``, or floats ``[..., out, in]``.
    """

    type: str
    shape: tuple[int, ...]
    data: npt.NDArray[np.generic]

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


class GgufFile:
    """Metadata and tensors by name; nothing but the header has been read."""

    def __init__(self, path: Path) -> None:
        """Opens the file.

        Raises:
            CheckpointError: the file is damaged, or one of several that hold a model together.
        """
        self.path = path
        try:
            require_regular(path)
            self._header = GgufHeader(path)
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error
        self.tensors: Mapping[str, GgufTensor] = dict(self._placed())
        parts = self.value(_SPLIT_COUNT)
        if isinstance(parts, int) and parts > 1:
            raise CheckpointError(
                f"{path}: is one of {parts} files that hold the model together ({_SPLIT_COUNT}); join them with "
                "llama-gguf-split --merge"
            )

    def value(self, key: str) -> object:
        """A value of the metadata: a text, number, truth value or list of these; None if there is none."""
        return self._header.value(key)

    def _placed(self) -> Iterator[tuple[str, GgufTensor]]:
        """The tensors, which must follow each other in the file as its header lists them.

        Every reader of the format holds it to that, and no damaged offset or shape fits it.
        """
        header, expected = self._header, 0
        for name, entry in header.tensors.items():
            kind, block, block_bytes = self._type(name, entry.type)
            *outer, inputs = entry.shape or (1,)
            if 0 in entry.shape:
                raise header.damaged(f"tensor {name} is said to hold nothing: {list(entry.shape)}")
            if inputs % block:
                raise header.damaged(
                    f"tensor {name} has rows of {inputs} values, where {kind} has blocks of {block}"
                )
            if entry.offset != expected:
                raise header.damaged(
                    f"tensor {name} is said to begin at byte {entry.offset} of the tensors, where the one before it "
                    f"leads to {expected}"
                )
            rows = (*outer, inputs // block * block_bytes)
            size = math.prod(rows)
            end = header.data_start + expected + size
            if end > header.size:
                raise CheckpointError(
                    f"{self.path}: is truncated: {header.size} bytes, and tensor {name} ends at {end}; download it "
                    "again"
                )
            yield name, GgufTensor(kind, entry.shape, self._rows(kind, rows, end - size))
            expected += -(-size // header.alignment) * header.alignment

    def _type(self, name: str, number: int) -> tuple[str, int, int]:
        """The name of a tensor's type, the values in one of its blocks, and a block's bytes."""
        try:
            from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
        except ImportError as error:
            raise CheckpointError(
                f"{self.path}: reading GGUF needs the package gguf; install mmoe-export[gguf]"
            ) from error
        try:
            kind = GGMLQuantizationType(number)
            return kind.name, *GGML_QUANT_SIZES[kind]
        except (ValueError, KeyError) as error:
            raise self._header.damaged(
                f"tensor {name} is of type {number}, which is none that is known"
            ) from error

    def _rows(self, type_name: str, rows: tuple[int, ...], start: int) -> npt.NDArray[np.generic]:
        data = np.frombuffer(self._header.data, np.uint8, math.prod(rows), start).reshape(rows)
        number = _NUMBERS.get(type_name)
        return data if number is None else data.view(number)
