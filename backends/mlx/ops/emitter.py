"""Writes instructions of the MLX delegate with slots and plain numbers as operands."""

import dataclasses
from collections.abc import Callable
from typing import Any

import torch

from mmoe.backends.mlx.delegate import ProgramBuilder, Slot, op_helpers, schema

# Which fields take a literal or a slot is in the schema's annotations.
_WRAPPERS = {
    "IntOrVid": "to_int_or_vid",
    "FloatOrVid": "to_float_or_vid",
    "IntOrVidOrTid": "to_int_or_vid_or_tid",
}


class Emitter:
    """Appends instructions to the chain that a program builder is at."""

    def __init__(self, builder: ProgramBuilder) -> None:
        self._builder = builder

    def slot(self) -> Slot:
        """A tensor slot that lives until the operator being lowered is done."""
        return self._builder.make_tmp_slot()[1]

    def __call__(self, name: str, *, out: Slot | None = None, **fields: Any) -> Slot:
        """Emits an instruction and returns the slot of its result.

        Args:
            name: Table of the delegate's schema.
            out: Where the result goes; None for a temporary slot.
            fields: Operands by the schema's names: slots, numbers, strings, dtypes, or lists of numbers.
        """
        out = self.slot() if out is None else out
        table = getattr(schema, name)
        kinds = {field.name: str(field.type) for field in dataclasses.fields(table)}
        operands = {field: self._operand(kinds[field], value) for field, value in fields.items()}
        self._builder.emit(table(**operands, out=self._builder.slot_to_tid(out)))
        return out

    def size(self, x: Slot, axis: int) -> Slot:
        """Emits the size of a dimension as an integer."""
        _, size = self._builder.make_tmp_value_slot()
        self._builder.emit(
            schema.SymSizeNode(a=self._builder.slot_to_tid(x), dim=axis, out=self._builder.slot_to_vid(size))
        )
        return size

    def less_one(self, value: Slot) -> Slot:
        """Emits ``value - 1``."""
        _, result = self._builder.make_tmp_value_slot()
        self._builder.emit(
            schema.SubtractIntNode(
                a=self._builder.to_int_or_vid(value),
                b=self._builder.to_int_or_vid(1),
                out=self._builder.slot_to_vid(result),
            )
        )
        return result

    def exceeds(self, size: Slot, limit: int) -> Slot:
        """Emits ``(size - 1) // limit``, which is 0 exactly if the size, at least 1, is at most the limit."""
        _, result = self._builder.make_tmp_value_slot()
        self._builder.emit(
            schema.FloorDivideIntNode(
                a=self._builder.to_int_or_vid(self.less_one(size)),
                b=self._builder.to_int_or_vid(limit),
                out=self._builder.slot_to_vid(result),
            )
        )
        return result

    def branch(self, condition: Slot, then: Callable[[], None], otherwise: Callable[[], None]) -> None:
        """Emits two chains, of which the first runs if the condition is not 0; both must write the same slots."""
        op_helpers.emit_if_else(self._builder, self._builder.to_int_or_vid(condition), then, otherwise)

    def _operand(self, kind: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self._operand(kind.removeprefix("List[").removesuffix("]"), item) for item in value]
        if isinstance(value, torch.dtype):
            return op_helpers.torch_dtype_to_scalar_type(value)
        if kind in _WRAPPERS:
            return getattr(self._builder, _WRAPPERS[kind])(value)
        return self._builder.slot_to_tid(value) if isinstance(value, Slot) else value
