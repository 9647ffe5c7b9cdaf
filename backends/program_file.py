"""Reads a written `.pte` without running it: operators, delegates, constants, metadata and where the bytes went."""

from __future__ import annotations

import math
import mmap
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmoe.backends import program_schema as schema
from mmoe.backends.errors import ArtifactError

if TYPE_CHECKING:
    import numpy.typing as npt

_FILE_IDENTIFIER = b"ET12"
# The header of ExecuTorch's files with segments: identifier, magic, its length, bytes of the program, where the
# segments begin, bytes of them.
_HEADER = struct.Struct("<4x4s4sIQQQ")
_HEADER_MAGIC = b"eh00"
# numpy's names, and bytes of an item.
_DTYPES = {
    schema.ScalarType.BYTE: ("uint8", 1),
    schema.ScalarType.CHAR: ("int8", 1),
    schema.ScalarType.HALF: ("float16", 2),
    schema.ScalarType.FLOAT: ("float32", 4),
    schema.ScalarType.LONG: ("int64", 8),
}


@dataclass(frozen=True)
class KernelCall:
    """One operator call of a method.

    Attributes:
        operator: Qualified name such as ``mmoe::moe_ffn.out``.
        arguments: Its arguments as the program stores them, the out tensor last.
    """

    operator: str
    arguments: tuple[schema.Value, ...]


class ProgramFile:
    """A `.pte`, memory-mapped.

    Attributes:
        path: The file.
        program: What it says of itself.
    """

    def __init__(self, path: Path) -> None:
        """Parses the header and the program; constants are only mapped.

        Raises:
            ArtifactError: The file is absent, no ExecuTorch program, or shorter than its header says.
        """
        self.path = path
        try:
            with path.open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        except (OSError, ValueError) as error:
            raise ArtifactError(f"{path}: cannot read the program: {error}") from error
        program_bytes, self._segments_at = self._read_header()
        try:
            self.program = schema.read_program(memoryview(self._data)[:program_bytes])
        except (ValueError, KeyError, struct.error) as error:
            raise ArtifactError(
                f"{path}: the program description is damaged; convert the checkpoint again"
            ) from error

    def _read_header(self) -> tuple[int, int]:
        """Bytes of the program's description, and where the segments begin."""
        data = self._data
        if len(data) < _HEADER.size or data[4:12] != _FILE_IDENTIFIER + _HEADER_MAGIC:
            raise ArtifactError(
                f"{self.path}: not an ExecuTorch 1.5 program (no {_FILE_IDENTIFIER.decode()} header)"
            )
        _, _, _, program_bytes, segments_at, segment_bytes = _HEADER.unpack_from(data)
        whole = max(program_bytes, segments_at + segment_bytes)
        if len(data) < whole:
            raise ArtifactError(
                f"{self.path}: cut short: {len(data)} bytes of {whole}; convert or copy it again"
            )
        return program_bytes, segments_at

    def plan(self, method: str) -> schema.ExecutionPlan:
        """Returns the execution plan of a method.

        Raises:
            ArtifactError: There is no such method.
        """
        for plan in self.program.execution_plan:
            if plan.name == method:
                return plan
        raise ArtifactError(f"{self.path}: the program has no method `{method}`")

    def kernel_calls(self, method: str) -> Iterator[KernelCall]:
        """Yields the operator calls of a method in program order, delegate calls left out."""
        plan = self.plan(method)
        for chain in plan.chains:
            for call in chain:
                if isinstance(call, schema.KernelCall):
                    operator = plan.operators[call.op_index]
                    name = f"{operator.name}.{operator.overload}" if operator.overload else operator.name
                    yield KernelCall(name, tuple(plan.values[index] for index in call.args))

    def operator_counts(self, method: str) -> Counter[str]:
        """Counts the operator calls of a method by qualified name."""
        return Counter(call.operator for call in self.kernel_calls(method))

    def delegate_counts(self, method: str) -> Counter[str]:
        """Counts the delegated subgraphs of a method by backend id."""
        return Counter(delegate.id for delegate in self.plan(method).delegates)

    def constant(self, value: schema.Value) -> npt.NDArray[Any]:
        """Views a constant tensor of the program in the mapped file.

        Args:
            value: A tensor value whose data is in the constant segment.

        Raises:
            ArtifactError: The value is not a constant tensor of a known dtype.
        """
        import numpy as np

        tensor = self._constant(value)
        dtype, _ = _DTYPES[tensor.scalar_type]
        start, count = self.constant_offset(tensor), math.prod(tensor.sizes)
        return np.frombuffer(self._data, dtype=dtype, count=count, offset=start).reshape(tensor.sizes)

    def constant_size(self, value: schema.Value) -> int:
        """Bytes of a constant tensor.

        Raises:
            ArtifactError: As `constant` does.
        """
        tensor = self._constant(value)
        return math.prod(tensor.sizes) * _DTYPES[tensor.scalar_type][1]

    def _constant(self, value: schema.Value) -> schema.Tensor:
        if (
            not isinstance(value, schema.Tensor)
            or value.data_buffer_idx == 0
            or value.scalar_type not in _DTYPES
        ):
            raise ArtifactError(f"{self.path}: expected a constant tensor, found {type(value).__name__}")
        return value

    def constant_offset(self, value: schema.Tensor) -> int:
        """Where in the file the data of a constant tensor begins."""
        segment = self.program.segments[self.program.constant_segment]
        return self._segments_at + segment.offset + self.program.constant_offsets[value.data_buffer_idx]

    def delegate_payload(self, delegate: schema.BackendDelegate) -> bytes:
        """Copies what a delegate's backend serialised, without its named data."""
        if delegate.location is schema.DataLocation.INLINE:
            return bytes(self.program.backend_delegate_data[delegate.index])
        return bytes(self._segment(delegate.index))

    def named_data(self, key: str) -> memoryview:
        """Views data that a delegate stored by name.

        Raises:
            ArtifactError: There is no such data.
        """
        for entry in self.program.named_data:
            if entry.key == key:
                return self._segment(entry.segment_index)
        raise ArtifactError(f"{self.path}: the program lacks the data `{key}`; convert the checkpoint again")

    def named_data_bytes(self) -> dict[str, int]:
        """Sizes of all data that delegates stored by name; what several names share counts for the first."""
        sizes, counted = {}, set[int]()
        for entry in self.program.named_data:
            index = entry.segment_index
            sizes[entry.key] = 0 if index in counted else self.program.segments[index].size
            counted.add(index)
        return sizes

    def _segment(self, index: int) -> memoryview:
        segment = self.program.segments[index]
        start = self._segments_at + segment.offset
        return memoryview(self._data)[start : start + segment.size]

    def metadata(self) -> dict[str, int | bool | list[int]]:
        """Returns what the constant methods return, by method name."""
        return {
            plan.name: _constant_outputs(plan) for plan in self.program.execution_plan if not any(plan.chains)
        }

    def constant_bytes(self, value: schema.Value, *, beyond: set[int]) -> int:
        """Size of a constant tensor in the file; 0 for any other value.

        Args:
            value: An argument of an operator.
            beyond: Buffers that count as 0, since they are counted already; the tensor's own is added.
        """
        if not isinstance(value, schema.Tensor) or not value.is_constant or value.data_buffer_idx in beyond:
            return 0
        beyond.add(value.data_buffer_idx)
        return self.constant_size(value)

    @property
    def header_bytes(self) -> int:
        """Size of the program itself, which comes before all constants and payloads."""
        return self._segments_at

    @property
    def file_bytes(self) -> int:
        """Size of the file."""
        return len(self._data)

    @property
    def segment_bytes(self) -> int:
        """Size of all segments: constants and delegate payloads."""
        return sum(segment.size for segment in self.program.segments)

    @property
    def constant_segment_bytes(self) -> int:
        """Size of the constants of operators, alignment included."""
        return self.program.segments[self.program.constant_segment].size


def _constant_outputs(plan: schema.ExecutionPlan) -> int | bool | list[int]:
    values: list[int | bool] = []
    for index in plan.outputs:
        value = plan.values[index]
        if isinstance(value, schema.Bool):
            values.append(value.bool_val)
        elif isinstance(value, schema.Int):
            values.append(value.int_val)
    # A list of one element and a plain value look alike but for the description of the container.
    if len(values) == 1 and "builtins.list" not in plan.encoded_out_str:
        return values[0]
    return list(values)
