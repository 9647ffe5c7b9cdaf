"""Tells what kind of work an instruction of a program is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from mmoe.backends import program_schema as schema
from mmoe.backends.program_file import ProgramFile
from mmoe.checkpoints.inventory import TensorClass
from mmoe.export.bench.operator_report import OperatorClass

# By the beginning of an operator's name; the first that fits.
_BY_NAME = (
    ("mmoe::moe_ffn", OperatorClass.EXPERTS),
    ("mmoe::attention", OperatorClass.ATTENTION),
    ("mmoe::embedding", OperatorClass.EMBEDDING),
    ("mmoe::rms_norm", OperatorClass.NORMS),
    ("mmoe::add_rms_norm", OperatorClass.NORMS),
    ("mmoe::swiglu_ffn", OperatorClass.SHARED),
    ("mmoe::short_conv", OperatorClass.CONVOLUTIONS),
    ("mmoe::linear", OperatorClass.LINEARS),
    # Matrices that a checkpoint keeps as floats.
    ("aten::embedding", OperatorClass.EMBEDDING),
    ("aten::mm", OperatorClass.LINEARS),
)
# What XNNPACK calls its linears.
_FULLY_CONNECTED = "Fully Connected"


# Whose time the reading of a class of tensors is; the norms' weights are a few kilobytes.
_BYTES_OF = {
    TensorClass.EXPERTS: OperatorClass.EXPERTS,
    TensorClass.ROUTER: OperatorClass.EXPERTS,
    TensorClass.SHARED: OperatorClass.SHARED,
    TensorClass.DENSE: OperatorClass.SHARED,
    TensorClass.ATTENTION: OperatorClass.LINEARS,
    TensorClass.CONVOLUTION: OperatorClass.LINEARS,
    TensorClass.EMBEDDING: OperatorClass.EMBEDDING,
    TensorClass.HEAD: OperatorClass.HEAD,
    TensorClass.NORMS: OperatorClass.NORMS,
}


def bytes_by_operator(
    weights: Mapping[TensorClass, int], *, cache_bytes: int, present: Collection[OperatorClass]
) -> dict[OperatorClass, int]:
    """Bytes of a token by class of operators.

    Args:
        weights: Bytes of its weights.
        cache_bytes: Bytes of the cache before it and of its own row.
        present: Classes that the program has; without an operator for dense blocks their matrices are linears.
    """
    found = {OperatorClass.ATTENTION: cache_bytes}
    for tensors, count in weights.items():
        kind = _BYTES_OF[tensors]
        if tensors is TensorClass.EMBEDDING and TensorClass.HEAD not in weights:
            kind = OperatorClass.HEAD  # tied: the head reads all of it
        if kind is OperatorClass.SHARED and kind not in present:
            kind = OperatorClass.LINEARS
        found[kind] = found.get(kind, 0) + count
    return found


class InstructionClasses:
    """Classes of the instructions of a program's `forward`."""

    def __init__(self, program: ProgramFile) -> None:
        self._plan = program.plan("forward")
        self._vocab_size = program.metadata()["get_vocab_size"]

    def of_call(self, chain: int, instruction: int) -> OperatorClass:
        """Class of an operator call, or what the delegate of a delegate call is mainly there for."""
        call = self._plan.chains[chain][instruction]
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
        values = (self._plan.values[index] for index in arguments)
        return any(
            isinstance(value, schema.Tensor) and value.sizes and value.sizes[-1] == self._vocab_size
            for value in values
        )
