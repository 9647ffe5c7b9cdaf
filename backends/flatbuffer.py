"""Reads tables of a FlatBuffer, as much of the format as a `.pte` needs.

ExecuTorch's own reader brings PyTorch along, which takes seconds to import.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TypeVar

_Item = TypeVar("_Item")

_OFFSET = struct.Struct("<I")


class Table:
    """One table: fields by their number in the schema, the first being 0; a union counts as two, its type first.

    Offsets are checked only against the end of the data: what is damaged raises `ValueError` or `struct.error`.
    """

    def __init__(self, data: memoryview, position: int) -> None:
        """A table at a byte of the data."""
        self._data = data
        self._position = position
        (to_vtable,) = struct.unpack_from("<i", data, position)
        self._vtable = position - to_vtable
        if not 0 <= self._vtable <= len(data):
            raise ValueError(f"a table at {position} has its fields outside the data")
        (self._vtable_bytes,) = struct.unpack_from("<H", data, self._vtable)

    @classmethod
    def root(cls, data: memoryview) -> Table:
        """The table that a buffer is of."""
        return cls(data, _OFFSET.unpack_from(data)[0])

    def scalar(self, field: int, kind: str, default: int = 0) -> int:
        """An integer, or a boolean as one.

        Args:
            field: Its number.
            kind: Its type, as the module `struct` writes it.
            default: What an absent field means.
        """
        at = self._at(field)
        return default if at is None else int(struct.unpack_from(f"<{kind}", self._data, at)[0])

    def double(self, field: int) -> float:
        """A float64; 0 if absent."""
        at = self._at(field)
        return 0.0 if at is None else float(struct.unpack_from("<d", self._data, at)[0])

    def string(self, field: int) -> str:
        """A text; empty if absent."""
        return bytes(self.scalars(field, "B")).decode()

    def scalars(self, field: int, kind: str) -> tuple[int, ...]:
        """A vector of integers; empty if absent."""
        begin, count = self._vector(field)
        return struct.unpack_from(f"<{count}{kind}", self._data, begin)

    def doubles(self, field: int) -> tuple[float, ...]:
        """A vector of float64; empty if absent."""
        begin, count = self._vector(field)
        return struct.unpack_from(f"<{count}d", self._data, begin)

    def bytes(self, field: int) -> memoryview:
        """A view of a vector of bytes; empty if absent."""
        begin, count = self._vector(field)
        if begin + count > len(self._data):
            raise ValueError(f"a vector at {begin} goes beyond the data")
        return self._data[begin : begin + count]

    def table(self, field: int) -> Table | None:
        """Another table, or a union's; None if absent."""
        at = self._at(field)
        return None if at is None else self._table_at(at)

    def tables(self, field: int, read: Callable[[Table], _Item]) -> tuple[_Item, ...]:
        """A vector of tables, each read; empty if absent."""
        begin, count = self._vector(field)
        return tuple(read(self._table_at(begin + 4 * index)) for index in range(count))

    def _table_at(self, at: int) -> Table:
        return Table(self._data, at + _OFFSET.unpack_from(self._data, at)[0])

    def _at(self, field: int) -> int | None:
        entry = 4 + 2 * field
        if entry >= self._vtable_bytes:
            return None
        (offset,) = struct.unpack_from("<H", self._data, self._vtable + entry)
        return self._position + offset if offset else None

    def _vector(self, field: int) -> tuple[int, int]:
        at = self._at(field)
        if at is None:
            return 0, 0
        begin = at + _OFFSET.unpack_from(self._data, at)[0]
        return begin + 4, _OFFSET.unpack_from(self._data, begin)[0]
