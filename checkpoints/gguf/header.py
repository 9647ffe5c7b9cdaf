"""The header of a GGUF file: metadata and where its tensors are, read from a map of the file, unpacked where asked for.

The `gguf` package has a reader too. It makes an array of every token and merge, which for the vocabulary of a released
model is some seconds, counts on to whatever a damaged length claims, and takes tensors to be wherever the file says.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.names import is_name, shown

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")

# Types of metadata by their number: as NumPy has them, and the three that are no plain number.
_NUMBERS: Mapping[int, np.dtype[np.generic]] = {
    number: np.dtype(name) for number, name in enumerate(("<u1", "<i1", "<u2", "<i2", "<u4", "<i4", "<f4"))
} | {10: np.dtype("<u8"), 11: np.dtype("<i8"), 12: np.dtype("<f8")}
_BOOL, _STRING, _ARRAY = 7, 8, 9

_ALIGNMENT_KEY = "general.alignment"
_DEFAULT_ALIGNMENT = 32
# Dimensions of a tensor in llama.cpp.
_MOST_DIMENSIONS = 4
# Of a list; the largest vocabularies have some hundred thousand.
_MOST_ENTRIES = 10_000_000


@dataclass(frozen=True)
class TensorEntry:
    """Where a tensor is.

    Attributes:
        type: The number of its type.
        shape: Outputs before inputs, the other way round than the file says it.
        offset: Of its first byte, from the first byte of all tensors.
    """

    type: int
    shape: tuple[int, ...]
    offset: int


@dataclass(frozen=True)
class _Field:
    """Where a value of the metadata is: its type, or that of a list's entries, how many, and its first byte."""

    type: int
    count: int | None  # None for what is no list
    start: int


class GgufHeader:
    """A file's header; values are unpacked when they are asked for.

    Attributes:
        tensors: Where each tensor is, by name.
        alignment: Every tensor begins at a multiple of it.
        data: The file's bytes.
        data_start: First byte of the tensors.
        size: Bytes of the file.
    """

    def __init__(self, path: Path) -> None:
        """Reads it.

        Raises:
            CheckpointError: it is no GGUF header, or contradicts itself or ends too soon.
            OSError: the file cannot be read.
        """
        self._path = path
        with path.open("rb") as file:
            start = file.read(8)
            if start[:4] != _MAGIC or len(start) < 8:
                raise self.damaged("it does not begin as GGUF files do")
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.size = len(self.data)
        version = _U32.unpack_from(start, 4)[0]
        if version and not version & 0xFFFF:
            raise CheckpointError(
                f"{path}: was written for machines of the other byte order; convert it anew"
            )
        if version not in _VERSIONS:
            raise self.damaged(f"it says that it is of version {version}, where 2 and 3 are read")
        self._place = "the header"
        num_tensors, num_fields = self._number(_U64, 8), self._number(_U64, 16)
        offset = 24
        self._fields: dict[str, _Field] = {}
        for _ in range(num_fields):
            offset = self._read_field(offset)
        self.tensors: dict[str, TensorEntry] = {}
        for _ in range(num_tensors):
            offset = self._read_tensor(offset)
        self.alignment = self._alignment()
        self.data_start = -(-offset // self.alignment) * self.alignment

    def value(self, key: str) -> object:
        """A value of the metadata: a text, number, truth value or list of these; None if there is none.

        Raises:
            CheckpointError: it is no such thing.
        """
        field = self._fields.get(key)
        if field is None:
            return None
        self._place = f"metadata {key}"
        count = 1 if field.count is None else field.count
        if field.type == _STRING:
            values = self._texts(field.start, count)
        elif field.type == _BOOL:
            values = self._truths(field.start, count)
        else:
            kind = _NUMBERS[field.type]
            values = np.frombuffer(self.data, kind, count, field.start).tolist()
        return values if field.count is not None else values[0]

    def _alignment(self) -> int:
        found = self.value(_ALIGNMENT_KEY)
        if found is None:
            return _DEFAULT_ALIGNMENT
        if not isinstance(found, int) or found < 1 or found & (found - 1):
            raise self.damaged(f"metadata {_ALIGNMENT_KEY} is {found!r}, where a power of two is read")
        return found

    def _texts(self, offset: int, count: int) -> list[object]:
        found: list[object] = []
        for _ in range(count):
            length = self._number(_U64, offset)
            raw = self.data[offset + 8 : offset + 8 + length]
            try:
                found.append(raw.decode())
            except UnicodeDecodeError as error:
                raise self.damaged(f"{self._place} is no UTF-8 ({error.reason})") from error
            offset += 8 + length
        return found

    def _truths(self, start: int, count: int) -> list[object]:
        raw = self.data[start : start + count]
        if max(raw, default=0) > 1:
            raise self.damaged(f"{self._place} is {max(raw)}, where a truth value is 0 or 1")
        return [bool(each) for each in raw]

    def _read_field(self, offset: int) -> int:
        """Notes where a value is; returns where the next one begins."""
        key, offset = self._name(offset, "key")
        if key in self._fields:
            raise self.damaged(f"metadata {key} is there twice")
        self._place = f"metadata {key}"
        kind, offset = self._number(_U32, offset), offset + 4
        count = None
        if kind == _ARRAY:
            kind, count, offset = self._number(_U32, offset), self._number(_U64, offset + 4), offset + 12
            if count > _MOST_ENTRIES:
                raise self.damaged(f"{self._place} is said to have {count:,} entries")
        self._fields[key] = _Field(kind, count, offset)
        return self._after(kind, 1 if count is None else count, offset)

    def _after(self, kind: int, count: int, offset: int) -> int:
        """Where so many values of a type end."""
        if kind == _STRING:
            for _ in range(count):
                offset += 8 + self._number(_U64, offset)
        elif kind == _BOOL or kind in _NUMBERS:
            offset += count * (1 if kind == _BOOL else _NUMBERS[kind].itemsize)
        else:
            raise self.damaged(f"{self._place} is of type {kind}, which is none that is read")
        self._require(offset)
        return offset

    def _read_tensor(self, offset: int) -> int:
        """Notes where a tensor is; returns where the next entry begins."""
        name, offset = self._name(offset, "name")
        if name in self.tensors:
            raise self.damaged(f"tensor {name} is there twice")
        self._place = f"tensor {name}"
        rank, offset = self._number(_U32, offset), offset + 4
        if rank > _MOST_DIMENSIONS:
            raise self.damaged(f"{self._place} is said to have {rank:,} dimensions")
        shape = tuple(self._number(_U64, offset + 8 * index) for index in reversed(range(rank)))
        offset += 8 * rank
        self.tensors[name] = TensorEntry(self._number(_U32, offset), shape, self._number(_U64, offset + 4))
        return offset + 12

    def _name(self, offset: int, what: str) -> tuple[str, int]:
        what = f"the {what} behind {self._place}"
        self._place = what
        end = offset + 8 + self._number(_U64, offset)
        self._require(end)
        name = self.data[offset + 8 : min(end, offset + 5000)].decode(errors="replace")
        if not is_name(name) or "\ufffd" in name:
            raise self.damaged(f"{what} is {shown(name)}, which is no name")
        return name, end

    def _number(self, form: struct.Struct, offset: int) -> int:
        self._require(offset + form.size)
        found: int = form.unpack_from(self.data, offset)[0]
        return found

    def _require(self, end: int) -> None:
        if end > self.size:
            raise self.damaged(f"it ends within {self._place}")

    def damaged(self, what: str) -> CheckpointError:
        return CheckpointError(f"{self._path}: is not a readable GGUF file ({what}); download it again")
