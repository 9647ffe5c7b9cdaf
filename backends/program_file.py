"""Reads a written `.pte` without running it: operators, delegates, constants, metadata and where the bytes went."""

import mmap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from executorch.exir import schema
from executorch.exir._serialize._flatbuffer_program import _flatbuffer_to_program
from executorch.exir._serialize._program import _ExtendedHeader, _get_extended_header
from torch import Tensor

from mmoe.backends.errors import ArtifactError

_FILE_IDENTIFIER = b"ET12"
_DTYPES = {
    schema.ScalarType.BYTE: torch.uint8,
    schema.ScalarType.CHAR: torch.int8,
    schema.ScalarType.HALF: torch.float16,
    schema.ScalarType.FLOAT: torch.float32,
    schema.ScalarType.LONG: torch.int64,
}


@dataclass(frozen=True)
class KernelCall:
    """One operator call of a method.

    Attributes:
        operator: Qualified name such as ``mmoe::moe_ffn.out``.
        arguments: Its arguments as the program stores them, the out tensor last.
    """

    operator: str
    arguments: tuple[schema.KernelTypes, ...]


class ProgramFile:
    """A `.pte`, memory-mapped.

    Attributes:
        path: The file.
        program: ExecuTorch's own description of it, as defined in its `schema.py`.
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
        header = self._header()
        self._segments_at = header.segment_base_offset
        try:
            self.program = _flatbuffer_to_program(self._data[: header.program_size])
        except Exception as error:
            raise ArtifactError(
                f"{path}: the program description is damaged; convert the checkpoint again"
            ) from error

    def _header(self) -> _ExtendedHeader:
        header = _get_extended_header(self._data[: 8 + _ExtendedHeader.NUM_HEAD_BYTES])
        if self._data[4:8] != _FILE_IDENTIFIER or header is None:
            raise ArtifactError(
                f"{self.path}: not an ExecuTorch 1.5 program (no {_FILE_IDENTIFIER.decode()} header)"
            )
        whole = max(header.program_size, header.segment_base_offset + header.segment_data_size)
        if len(self._data) < whole:
            raise ArtifactError(
                f"{self.path}: cut short: {len(self._data)} bytes of {whole}; convert or copy it again"
            )
        return header

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
            for instruction in chain.instructions:
                call = instruction.instr_args
                if isinstance(call, schema.KernelCall):
                    operator = plan.operators[call.op_index]
                    name = f"{operator.name}.{operator.overload}" if operator.overload else operator.name
                    yield KernelCall(name, tuple(plan.values[index].val for index in call.args))

    def operator_counts(self, method: str) -> Counter[str]:
        """Counts the operator calls of a method by qualified name."""
        return Counter(call.operator for call in self.kernel_calls(method))

    def delegate_counts(self, method: str) -> Counter[str]:
        """Counts the delegated subgraphs of a method by backend id."""
        return Counter(delegate.id for delegate in self.plan(method).delegates)

    def constant(self, value: schema.KernelTypes) -> Tensor:
        """Views a constant tensor of the program in the mapped file.

        Args:
            value: A tensor value whose data is in the constant segment.

        Raises:
            ArtifactError: The value is not a constant tensor of a known dtype.
        """
        if (
            not isinstance(value, schema.Tensor)
            or value.data_buffer_idx == 0
            or value.scalar_type not in _DTYPES
        ):
            raise ArtifactError(f"{self.path}: expected a constant tensor, found {type(value).__name__}")
        dtype = _DTYPES[value.scalar_type]
        count = 1
        for size in value.sizes:
            count *= size
        start = self.constant_offset(value)
        return torch.frombuffer(self._data, dtype=dtype, count=count, offset=start).view(*value.sizes)

    def constant_offset(self, value: schema.Tensor) -> int:
        """Where in the file the data of a constant tensor begins."""
        segment = self.program.segments[self.program.constant_segment.segment_index]
        offset = self.program.constant_segment.offsets[value.data_buffer_idx]
        return int(self._segments_at + segment.offset + offset)

    def delegate_payload(self, delegate: schema.BackendDelegate) -> bytes:
        """Copies what a delegate's backend serialised, without its named data."""
        reference = delegate.processed
        if reference.location is schema.DataLocation.INLINE:
            return bytes(self.program.backend_delegate_data[reference.index].data)
        return bytes(self._segment(reference.index))

    def named_data(self, key: str) -> memoryview:
        """Views data that a delegate stored by name.

        Raises:
            ArtifactError: There is no such data.
        """
        for entry in self.program.named_data or ():
            if entry.key == key:
                return self._segment(entry.segment_index)
        raise ArtifactError(f"{self.path}: the program lacks the data `{key}`; convert the checkpoint again")

    def named_data_bytes(self) -> dict[str, int]:
        """Sizes of all data that delegates stored by name; names may share their data."""
        return {
            entry.key: int(self.program.segments[entry.segment_index].size)
            for entry in self.program.named_data or ()
        }

    def _segment(self, index: int) -> memoryview:
        segment = self.program.segments[index]
        start = self._segments_at + segment.offset
        return memoryview(self._data)[start : start + segment.size]

    def metadata(self) -> dict[str, int | bool | list[int]]:
        """Returns what the constant methods return, by method name."""
        return {
            plan.name: _constant_outputs(plan)
            for plan in self.program.execution_plan
            if not any(chain.instructions for chain in plan.chains)
        }

    def constant_bytes(self, value: schema.KernelTypes, *, beyond: set[int]) -> int:
        """Size of a constant tensor in the file; 0 for any other value.

        Args:
            value: An argument of an operator.
            beyond: Buffers that count as 0, since they are counted already; the tensor's own is added.
        """
        is_constant = (
            isinstance(value, schema.Tensor) and value.data_buffer_idx > 0 and value.allocation_info is None
        )
        if not is_constant or value.data_buffer_idx in beyond:
            return 0
        beyond.add(value.data_buffer_idx)
        return self.constant(value).nbytes

    @property
    def header_bytes(self) -> int:
        """Size of the program itself, which comes before all constants and payloads."""
        return int(self._segments_at)

    @property
    def file_bytes(self) -> int:
        """Size of the file."""
        return len(self._data)

    @property
    def segment_bytes(self) -> int:
        """Size of all segments: constants and delegate payloads."""
        return sum(int(segment.size) for segment in self.program.segments)

    @property
    def constant_segment_bytes(self) -> int:
        """Size of the constants of operators, alignment included."""
        return int(self.program.segments[self.program.constant_segment.segment_index].size)


def _constant_outputs(plan: schema.ExecutionPlan) -> int | bool | list[int]:
    values: list[int | bool] = []
    for index in plan.outputs:
        value = plan.values[index].val
        if isinstance(value, schema.Bool):
            values.append(value.bool_val)
        elif isinstance(value, schema.Int):
            values.append(value.int_val)
    # A list of one element and a plain value look alike but for the description of the container.
    if len(values) == 1 and "builtins.list" not in plan.container_meta_type.encoded_out_str:
        return values[0]
    return list(values)
