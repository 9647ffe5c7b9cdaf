"""A GGUF file, opened by the `gguf` package: its metadata, and its tensors as mapped bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mmoe.checkpoints.errors import CheckpointError
from mmoe.models.files import require_regular

SUFFIX = ".gguf"

_SPLIT_COUNT = "split.count"


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
        require_regular(path)
        try:
            from gguf import GGUFReader
        except ImportError as error:
            raise CheckpointError(
                f"{path}: reading GGUF needs the package gguf; install mmoe-export[gguf]"
            ) from error
        try:
            reader = GGUFReader(path)
            self._fields = reader.fields
            self.tensors: Mapping[str, GgufTensor] = {
                tensor.name: GgufTensor(
                    tensor.tensor_type.name, tuple(map(int, reversed(tensor.shape))), tensor.data
                )
                for tensor in reader.tensors
            }
        except (ValueError, KeyError, IndexError, OverflowError, MemoryError, OSError) as error:
            raise CheckpointError(
                f"{path}: is not a readable GGUF file ({error}); download it again"
            ) from error
        if reader.byte_order != "I":
            raise CheckpointError(
                f"{path}: was written for machines of the other byte order; convert it anew"
            )
        parts = self.value(_SPLIT_COUNT)
        if isinstance(parts, int) and parts > 1:
            raise CheckpointError(
                f"{path}: is one of {parts} files that hold the model together ({_SPLIT_COUNT}); join them with "
                "llama-gguf-split --merge"
            )

    def value(self, key: str) -> object:
        """A value of the metadata: a text, number, truth value or list of these; None if there is none."""
        field = self._fields.get(key)
        if field is None:
            return None
        try:
            return field.contents()
        except (UnicodeDecodeError, IndexError) as error:
            raise CheckpointError(
                f"{self.path}: metadata {key} is damaged ({error}); download it again"
            ) from error
