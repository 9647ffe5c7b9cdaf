"""Reads an MLX delegate back from a `.pte`: its instructions, its slots and the constants they name."""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mmoe.backends.errors import ArtifactError
from mmoe.backends.mlx import delegate as _delegate  # noqa: F401  # prepares the generated files imported below
from mmoe.backends.program_file import ProgramFile

_BACKEND_ID = "MLXBackend"
_HEADER_BYTES = 24
_MAGIC = b"MLX0"
# numpy's names of ExecuTorch's ScalarType codes.
_DTYPES = {
    0: "uint8",
    1: "int8",
    3: "int32",
    4: "int64",
    5: "float16",
    6: "float32",
    11: "bool",
    28: "uint32",
}


@dataclass(frozen=True)
class TensorSlot:
    """Names a tensor of the delegate."""

    index: int


@dataclass(frozen=True)
class ValueSlot:
    """Names an integer that the delegate computes as it runs."""

    index: int


Field = TensorSlot | ValueSlot | int | float | str | list["Field"] | None


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes:
        name: Its table in the delegate's schema, such as ``GatherQmmNode``.
        fields: By the schema's names; an absent optional field is None.
    """

    name: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class TensorMeta:
    """Static shape and numpy dtype of a constant or a mutable buffer; a dynamic dimension is -1."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, kw_only=True)
class Delegate:
    """What a delegate holds, apart from the constants' data.

    Attributes:
        chains: Instruction lists; branches refer to them by index.
        main_chain: The one that every call runs.
        init_chain: The one that runs once at load, or -1.
        inputs: Slots that the caller fills.
        outputs: Slots that the caller reads.
        mutable_buffers: Slots kept between calls.
        names: Constants and mutable buffers, slot index by name.
        metas: Description by slot index.
    """

    chains: tuple[tuple[Instruction, ...], ...]
    main_chain: int
    init_chain: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    mutable_buffers: tuple[int, ...]
    names: Mapping[str, int]
    metas: Mapping[int, TensorMeta]


class DelegateFile:
    """The one MLX delegate of a program's ``forward``.

    Attributes:
        program: The file.
        delegate: Its content.
    """

    def __init__(self, program: ProgramFile) -> None:
        """Parses the delegate; constants stay in the mapped file.

        Raises:
            ArtifactError: There is not exactly one MLX delegate, or it is damaged.
        """
        delegates = [entry for entry in program.plan("forward").delegates if entry.id == _BACKEND_ID]
        if len(delegates) != 1:
            raise ArtifactError(
                f"{program.path}: has {len(delegates)} MLX delegates instead of one; "
                "convert the checkpoint with --backend mlx"
            )
        self.program = program
        payload = program.delegate_payload(delegates[0])
        if len(payload) < _HEADER_BYTES or payload[4:8] != _MAGIC:
            raise ArtifactError(
                f"{program.path}: the MLX delegate's payload is damaged (no {_MAGIC.decode()} header)"
            )
        try:
            self.delegate = _parse(payload[_HEADER_BYTES:])
        except (struct.error, IndexError, KeyError, ValueError, TypeError, AttributeError) as error:
            # What flatbuffers raises when an offset points nowhere.
            raise ArtifactError(
                f"{program.path}: the MLX delegate's payload is damaged; convert the checkpoint again"
            ) from error
        self._names = {index: name for name, index in self.delegate.names.items()}

    def constant_name(self, index: int) -> str:
        """Name of the constant in a slot, without the prefix that tells methods apart."""
        return self._names[index].partition("/")[2]

    def constant(self, index: int) -> npt.NDArray[Any]:
        """Views a constant in the mapped file.

        Raises:
            ArtifactError: The slot names no constant, or its data is missing or of another size.
        """
        name, meta = self._names.get(index), self.delegate.metas.get(index)
        if name is None or meta is None:
            raise ArtifactError(f"{self.program.path}: slot {index} of the MLX delegate is no constant")
        data = self.program.named_data(name)
        expected = int(np.prod(meta.shape)) * np.dtype(meta.dtype).itemsize
        if len(data) < expected:
            raise ArtifactError(
                f"{self.program.path}: {name} has {len(data)} bytes instead of {expected}; convert again"
            )
        return np.frombuffer(data, dtype=meta.dtype, count=int(np.prod(meta.shape))).reshape(meta.shape)

    def constant_indices(self) -> list[int]:
        """Slots of all constants."""
        return sorted(set(self._names) & set(self.delegate.metas) - self._not_constant())

    def _not_constant(self) -> set[int]:
        graph = self.delegate
        return {*graph.inputs, *graph.outputs, *graph.mutable_buffers}


def _parse(data: bytes) -> Delegate:
    from executorch.backends.mlx.serialization._generated.mlx_delegate.MLXGraph import MLXGraph

    graph = MLXGraph.GetRootAs(data, 0)
    if graph.InstructionChainsLength() == 0:
        raise ValueError("no instructions")
    named = [graph.NamedSlots(i) for i in range(graph.NamedSlotsLength())]
    return Delegate(
        chains=tuple(_chain(graph.InstructionChains(i)) for i in range(graph.InstructionChainsLength())),
        main_chain=graph.MainChainIdx(),
        init_chain=graph.InitChainIdx(),
        inputs=tuple(graph.InputMap(i).Idx() for i in range(graph.InputMapLength())),
        outputs=tuple(graph.OutputMap(i).Idx() for i in range(graph.OutputMapLength())),
        mutable_buffers=tuple(graph.MutableBufferMap(i).Idx() for i in range(graph.MutableBufferMapLength())),
        names={slot.Name().decode(): slot.Slot().Idx() for slot in named},
        metas={
            i: _meta(meta)
            for i in range(graph.TensorMetaLength())
            if (meta := graph.TensorMeta(i)) is not None
        },
    )


def _meta(meta: Any) -> TensorMeta:
    shape = tuple(meta.Shape(i).Value() for i in range(meta.ShapeLength()))
    return TensorMeta(shape, _DTYPES[meta.ScalarType()])


def _chain(chain: Any) -> tuple[Instruction, ...]:
    return tuple(_instruction(chain.Instructions(i)) for i in range(chain.InstructionsLength()))


def _instruction(instruction: Any) -> Instruction:
    from executorch.backends.mlx._generated_inspector import OP_NODE_FIELDS
    from executorch.backends.mlx.serialization import _generated
    from executorch.backends.mlx.serialization._generated_serializers import MLX_OP_TYPE_NAMES

    name = MLX_OP_TYPE_NAMES.get(instruction.OpType())
    if name is None:
        return Instruction(f"instruction {instruction.OpType()}", {})
    module = __import__(f"{_generated.__name__}.mlx_delegate.{name}", fromlist=[name])
    node, union = getattr(module, name)(), instruction.Op()
    node.Init(union.Bytes, union.Pos)
    return Instruction(
        name, {field: _READERS[kind](node, accessor) for field, accessor, kind in OP_NODE_FIELDS[name]}
    )


def _optional(read: Callable[[Any], Field]) -> Callable[[Any, str], Field]:
    def field(node: Any, accessor: str) -> Field:
        value = getattr(node, accessor)()
        return None if value is None else read(value)

    return field


def _listed(read: Callable[[Any], Field]) -> Callable[[Any, str], Field]:
    def field(node: Any, accessor: str) -> Field:
        return [read(getattr(node, accessor)(i)) for i in range(getattr(node, f"{accessor}Length")())]

    return field


def _tensor(value: Any) -> TensorSlot:
    return TensorSlot(value.Idx())


def _value(value: Any) -> ValueSlot:
    return ValueSlot(value.Idx())


def _value_or_literal(value: Any) -> Field:
    return _value(value.Vid()) if value.IsVid() else value.Literal()


def _value_or_tensor(value: Any) -> Field:
    return _value(value.Vid()) if value.IsVid() else _tensor(value.Tid())


def _any(value: Any) -> Field:
    return (value.Literal, lambda: _value(value.Vid()), lambda: _tensor(value.Tid()))[value.Kind()]()


_READERS: dict[str, Callable[[Any, str], Field]] = {
    "tid": _optional(_tensor),
    "vid": _optional(_value),
    "int_or_vid": _optional(_value_or_literal),
    "float_or_vid": _optional(_value_or_literal),
    "vid_or_tid": _optional(_value_or_tensor),
    "int_or_vid_or_tid": _optional(_any),
    "scalar": _optional(lambda value: value),
    "string": _optional(lambda value: value.decode()),
    "int_list": _listed(int),
    "int_or_vid_list": _listed(_value_or_literal),
    "tid_list": _listed(_tensor),
    "string_list": _listed(lambda value: value.decode()),
}
