"""Tells what kind of work an instruction of a program is."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from executorch.exir import schema

from mmoe.export.pte import ProgramFile


class OperatorClass(StrEnum):
    """Kinds of work in a decoder."""

    EXPERTS = "experts and router"
    SHARED = "shared expert and dense blocks"
    LINEARS = "linears"
    HEAD = "head"
    ATTENTION = "attention"
    EMBEDDING = "embedding"
    NORMS = "norms"
    POINTWISE = "pointwise, in delegates"
    DELEGATES = "around delegates' operators"
    OTHER = "other operators"
    RUNTIME = "between operators"


# By the beginning of an operator's name; the first that fits.
_BY_NAME = (
    ("mmoe::moe_ffn", OperatorClass.EXPERTS),
    ("mmoe::attention", OperatorClass.ATTENTION),
    ("mmoe::embedding", OperatorClass.EMBEDDING),
    ("mmoe::rms_norm", OperatorClass.NORMS),
    ("mmoe::swiglu_ffn", OperatorClass.SHARED),
    ("mmoe::linear", OperatorClass.LINEARS),
)
# What XNNPACK calls its linears.
_FULLY_CONNECTED = "Fully Connected"


class InstructionClasses:
    """Classes of the instructions of a program's `forward`."""

    def __init__(self, program: ProgramFile) -> None:
        self._plan = program.plan("forward")
        self._vocab_size = program.metadata()["get_vocab_size"]

    def of_call(self, chain: int, instruction: int) -> OperatorClass:
        """Class of an operator call, or what the delegate of a delegate call is mainly there for."""
        call = self._plan.chains[chain].instructions[instruction].instr_args
        if isinstance(call, schema.DelegateCall):
            return OperatorClass.HEAD if self._gives_logits(call.args) else OperatorClass.LINEARS
        if not isinstance(call, schema.KernelCall):
            return OperatorClass.OTHER
        name = self._plan.operators[call.op_index].name
        found = next((kind for prefix, kind in _BY_NAME if name.startswith(prefix)), OperatorClass.OTHER)
        if found is OperatorClass.LINEARS and self._gives_logits(call.args):
            return OperatorClass.HEAD
        return found

    def of_delegated(self, chain: int, instruction: int, name: str) -> OperatorClass:
        """Class of an operator called ``name`` inside the delegate of a delegate call."""
        return (
            self.of_call(chain, instruction) if name.startswith(_FULLY_CONNECTED) else OperatorClass.POINTWISE
        )

    def _gives_logits(self, arguments: Sequence[int]) -> bool:
        values = (self._plan.values[index].val for index in arguments)
        return any(
            isinstance(value, schema.Tensor) and value.sizes and value.sizes[-1] == self._vocab_size
            for value in values
        )
