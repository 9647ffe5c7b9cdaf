"""What a `.pte` says of its program, as ExecuTorch 1.5's `program.fbs` has it; what nobody here asks for is left out.

Fields are read by their numbers in that file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from mmoe.backends.flatbuffer import Table


class ScalarType(IntEnum):
    """Dtypes, by PyTorch's numbers."""

    BYTE = 0
    CHAR = 1
    SHORT = 2
    INT = 3
    LONG = 4
    HALF = 5
    FLOAT = 6
    DOUBLE = 7
    BOOL = 11
    QINT8 = 12
    QUINT8 = 13
    QINT32 = 14
    BFLOAT16 = 15
    QUINT4X2 = 16
    QUINT2X4 = 17
    BITS16 = 22
    FLOAT8E5M2 = 23
    FLOAT8E4M3FN = 24
    FLOAT8E5M2FNUZ = 25
    FLOAT8E4M3FNUZ = 26
    UINT16 = 27
    UINT32 = 28
    UINT64 = 29


class TensorShapeDynamism(IntEnum):
    """Whether a tensor's sizes may change from call to call."""

    STATIC = 0
    DYNAMIC_BOUND = 1
    DYNAMIC_UNBOUND = 2


class DataLocation(IntEnum):
    """Where a delegate's payload is."""

    INLINE = 0
    SEGMENT = 1


@dataclass(frozen=True)
class Null:
    """No value."""


@dataclass(frozen=True)
class Int:
    """An integer."""

    int_val: int


@dataclass(frozen=True)
class Bool:
    """A boolean."""

    bool_val: bool


@dataclass(frozen=True)
class Double:
    """A float64."""

    double_val: float


@dataclass(frozen=True)
class String:
    """A text."""

    string_val: str


@dataclass(frozen=True)
class IntList:
    """Indices of values that are integers."""

    items: tuple[int, ...]


@dataclass(frozen=True)
class DoubleList:
    """Floats."""

    items: tuple[float, ...]


@dataclass(frozen=True)
class BoolList:
    """Booleans."""

    items: tuple[bool, ...]


@dataclass(frozen=True)
class TensorList:
    """Indices of values that are tensors."""

    items: tuple[int, ...]


@dataclass(frozen=True)
class OptionalTensorList:
    """Indices of values that are tensors; -1 for none."""

    items: tuple[int, ...]


@dataclass(frozen=True)
class Tensor:
    """A tensor.

    Attributes:
        scalar_type: Its dtype.
        sizes: Its shape, or upper bounds of it.
        data_buffer_idx: Which constant, or initial state, it is; 0 for none.
        is_allocated: Whether memory is planned for it, so that it can change.
        shape_dynamism: What `sizes` are.
    """

    scalar_type: ScalarType
    sizes: tuple[int, ...]
    data_buffer_idx: int = 0
    is_allocated: bool = False
    shape_dynamism: TensorShapeDynamism = TensorShapeDynamism.STATIC

    @property
    def is_constant(self) -> bool:
        """Whether its data is in the file and never changes."""
        return self.data_buffer_idx > 0 and not self.is_allocated


Value: TypeAlias = (
    Null
    | Int
    | Bool
    | Double
    | Tensor
    | String
    | IntList
    | DoubleList
    | BoolList
    | TensorList
    | OptionalTensorList
)


@dataclass(frozen=True)
class KernelCall:
    """Runs an operator of the plan on values of the plan, the outputs last."""

    op_index: int
    args: tuple[int, ...]


@dataclass(frozen=True)
class DelegateCall:
    """Runs a delegate of the plan on values of the plan."""

    delegate_index: int
    args: tuple[int, ...]


@dataclass(frozen=True)
class OtherInstruction:
    """Moves a value, jumps, or frees memory."""


Instruction: TypeAlias = KernelCall | DelegateCall | OtherInstruction


@dataclass(frozen=True)
class Operator:
    """An operator's name, such as ``mmoe::moe_ffn``, and overload, such as ``out``."""

    name: str
    overload: str


@dataclass(frozen=True)
class BackendDelegate:
    """A delegated subgraph: its backend's id, and which inline data or segment its payload is."""

    id: str
    location: DataLocation
    index: int


@dataclass(frozen=True)
class ExecutionPlan:
    """A method.

    Attributes:
        name: Of the method.
        encoded_out_str: The container that its outputs are in, as PyTorch describes it.
        values: All values; inputs, outputs and arguments are indices of them.
        inputs: What the caller gives.
        outputs: What the caller gets.
        chains: Instructions in order.
        operators: What kernel calls refer to.
        delegates: What delegate calls refer to.
    """

    name: str
    encoded_out_str: str
    values: tuple[Value, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    chains: tuple[tuple[Instruction, ...], ...]
    operators: tuple[Operator, ...]
    delegates: tuple[BackendDelegate, ...]


@dataclass(frozen=True)
class Segment:
    """A piece of the file behind the program: its offset from the first one, and its bytes."""

    offset: int
    size: int


@dataclass(frozen=True)
class NamedData:
    """A segment that a delegate asks for by name."""

    key: str
    segment_index: int


@dataclass(frozen=True)
class Program:
    """A program.

    Attributes:
        execution_plan: Its methods.
        backend_delegate_data: Payloads of delegates that are inside the program.
        segments: Everything behind it.
        constant_segment: Which segment holds the constants.
        constant_offsets: Where in it each constant begins, by `Tensor.data_buffer_idx`.
        named_data: What delegates stored by name.
    """

    execution_plan: tuple[ExecutionPlan, ...]
    backend_delegate_data: tuple[memoryview, ...]
    segments: tuple[Segment, ...]
    constant_segment: int
    constant_offsets: tuple[int, ...]
    named_data: tuple[NamedData, ...]


def read_program(data: memoryview) -> Program:
    """Reads a program.

    Raises:
        ValueError: It is damaged; `struct.error` and `KeyError` say so, too.
    """
    root = Table.root(data)
    constants = _required(root.table(5))
    segments = root.tables(4, _read_segment)
    program = Program(
        execution_plan=root.tables(1, _read_plan),
        backend_delegate_data=root.tables(3, lambda entry: entry.bytes(0)),
        segments=segments,
        constant_segment=_index(constants.scalar(0, "I"), segments),
        constant_offsets=constants.scalars(1, "Q"),
        named_data=root.tables(
            7, lambda entry: NamedData(entry.string(0), _index(entry.scalar(1, "I"), segments))
        ),
    )
    for plan in program.execution_plan:
        _check_indices(plan, program)
    return program


def _check_indices(plan: ExecutionPlan, program: Program) -> None:
    for chain in plan.chains:
        for call in chain:
            if isinstance(call, KernelCall):
                _index(call.op_index, plan.operators)
            if isinstance(call, DelegateCall):
                _index(call.delegate_index, plan.delegates)
            if isinstance(call, KernelCall | DelegateCall):
                _indices(call.args, plan.values)
    _indices(plan.inputs, plan.values)
    _indices(plan.outputs, plan.values)
    for value in plan.values:
        if isinstance(value, Tensor) and value.is_constant:
            _index(value.data_buffer_idx, program.constant_offsets)
    for delegate in plan.delegates:
        inline = delegate.location is DataLocation.INLINE
        _index(delegate.index, program.backend_delegate_data if inline else program.segments)


def _indices(indices: Sequence[int], items: Sequence[object]) -> None:
    for index in indices:
        _index(index, items)


def _index(index: int, items: Sequence[object]) -> int:
    if not 0 <= index < len(items):
        raise ValueError(f"index {index} of {len(items)} items")
    return index


def _read_plan(table: Table) -> ExecutionPlan:
    return ExecutionPlan(
        name=table.string(0),
        encoded_out_str=_required(table.table(1)).string(1),
        values=table.tables(2, _read_value),
        inputs=table.scalars(3, "i"),
        outputs=table.scalars(4, "i"),
        chains=table.tables(5, lambda chain: chain.tables(2, _read_instruction)),
        operators=table.tables(6, lambda entry: Operator(entry.string(0), entry.string(1))),
        delegates=table.tables(7, _read_delegate),
    )


def _read_value(table: Table) -> Value:
    return _VALUES[table.scalar(0, "B")](_required(table.table(1)))


def _read_tensor(table: Table) -> Tensor:
    return Tensor(
        scalar_type=ScalarType(table.scalar(0, "b")),
        sizes=table.scalars(2, "i"),
        data_buffer_idx=table.scalar(5, "I"),
        is_allocated=table.table(6) is not None,
        shape_dynamism=TensorShapeDynamism(table.scalar(8, "b")),
    )


# By the number of a union's member; 0 is none.
_VALUES: Mapping[int, Callable[[Table], Value]] = {
    1: lambda table: Null(),
    2: lambda table: Int(table.scalar(0, "q")),
    3: lambda table: Bool(bool(table.scalar(0, "?"))),
    4: lambda table: Double(table.double(0)),
    5: _read_tensor,
    6: lambda table: String(table.string(0)),
    7: lambda table: IntList(table.scalars(0, "q")),
    8: lambda table: DoubleList(table.doubles(0)),
    9: lambda table: BoolList(tuple(map(bool, table.scalars(0, "?")))),
    10: lambda table: TensorList(table.scalars(0, "i")),
    11: lambda table: OptionalTensorList(table.scalars(0, "i")),
}
_KERNEL_CALL, _DELEGATE_CALL = 1, 2


def _read_instruction(table: Table) -> Instruction:
    kind, call = table.scalar(0, "B"), table.table(1)
    if kind == _KERNEL_CALL and call is not None:
        return KernelCall(call.scalar(0, "i"), call.scalars(1, "i"))
    if kind == _DELEGATE_CALL and call is not None:
        return DelegateCall(call.scalar(0, "i"), call.scalars(1, "i"))
    return OtherInstruction()


def _read_delegate(table: Table) -> BackendDelegate:
    processed = _required(table.table(1))
    return BackendDelegate(table.string(0), DataLocation(processed.scalar(0, "b")), processed.scalar(1, "I"))


def _read_segment(table: Table) -> Segment:
    return Segment(table.scalar(0, "Q"), table.scalar(1, "Q"))


def _required(table: Table | None) -> Table:
    if table is None:
        raise ValueError("a table is missing")
    return table
