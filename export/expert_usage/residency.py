"""Which bytes of a mapped program a text touches, and the pages that keeps resident."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mmoe.backends import program_schema as schema
from mmoe.backends.program_file import ProgramFile
from mmoe.export.expert_usage.trace import Selections

# Linux maps, on a fault, what the page cache holds of the aligned 64 KB around it (`fault_around_bytes`).
FAULT_AROUND = 65536
# Arguments of the operators that read only some rows of their tensors.
_EXPERTS = ("mmoe::moe_ffn", slice(3, 7))
_ROWS = ("mmoe::embedding.", slice(0, 2))


class Program:
    """Constants of a program's `forward`, by how much of them a token reads."""

    def __init__(self, program: ProgramFile) -> None:
        self._program = program
        self._whole: list[tuple[int, int]] = [(0, program.header_bytes)]
        self._rows: list[tuple[int, int]] = []  # offset and bytes of a row
        self._experts: list[list[tuple[int, int]]] = []  # by MoE layer, the same of an expert
        for call in program.kernel_calls("forward"):
            if call.operator.startswith(_EXPERTS[0]):
                self._experts.append(self._strides(call.arguments[_EXPERTS[1]]))
                self._take_whole(call.arguments[: _EXPERTS[1].start])
            elif call.operator.startswith(_ROWS[0]):
                self._rows += self._strides(call.arguments[_ROWS[1]])
            else:
                self._take_whole(call.arguments)

    @property
    def file_bytes(self) -> int:
        """Size of the file."""
        return self._program.file_bytes

    @property
    def moe_layers(self) -> int:
        """Layers with routed experts."""
        return len(self._experts)

    @property
    def expert_bytes(self) -> int:
        """Bytes of one expert of the first MoE layer; 0 without any."""
        return sum(size for _, size in self._experts[0]) if self._experts else 0

    def touched(self, layers: Sequence[Selections], ids: Sequence[int]) -> npt.NDArray[np.int64]:
        """Byte ranges of the file that a text reads, int64 ``[n, 2]``, begin and end.

        Args:
            layers: By MoE layer, the experts of its tokens.
            ids: Its token ids.
        """
        spans = list(self._whole)
        for strides, selected in zip(self._experts, layers, strict=True):
            spans += [_span(stride, expert) for stride in strides for expert in np.unique(selected).tolist()]
        spans += [_span(stride, row) for stride in self._rows for row in sorted(set(ids))]
        return np.array(spans, np.int64)

    def _strides(self, values: Sequence[schema.Value]) -> list[tuple[int, int]]:
        return [
            (self._program.constant_offset(value), self._program.constant_size(value) // value.sizes[0])
            for value in values
            if isinstance(value, schema.Tensor)
        ]

    def _take_whole(self, values: Sequence[schema.Value]) -> None:
        for value in values:
            if isinstance(value, schema.Tensor) and value.is_constant:
                begin = self._program.constant_offset(value)
                self._whole.append((begin, begin + self._program.constant_size(value)))


def resident_bytes(touched: npt.NDArray[np.int64], *, file_bytes: int, window: int = FAULT_AROUND) -> int:
    """Bytes of the windows that some byte ranges of a file lie in.

    Args:
        touched: int64 ``[n, 2]``, begin and end; they may overlap.
        file_bytes: Size of the file, whose last window is cut.
        window: Bytes that a fault maps at once.
    """
    present = np.zeros(-(-file_bytes // window), bool)
    for begin, end in touched:
        present[begin // window : -(-end // window)] = True
    overhang = len(present) * window - file_bytes if present[-1] else 0
    return int(present.sum()) * window - overhang


def _span(stride: tuple[int, int], index: int) -> tuple[int, int]:
    offset, size = stride
    return offset + index * size, offset + (index + 1) * size
