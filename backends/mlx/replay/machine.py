"""Interprets the instruction list of one delegate and keeps its mutable buffers between calls."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mmoe.backends.mlx.payload import DelegateFile, Instruction, TensorSlot, ValueSlot
from mmoe.backends.mlx.replay.instructions import dtype_of, instruction_set
from mmoe.backends.mlx.replay.library import mlx_core
from mmoe.runtime_bindings.python.errors import RuntimeFailure

_BRANCH = "IfNode"
_DTYPE_CODES = {"uint8": 0, "int32": 3, "int64": 4, "float16": 5, "float32": 6, "uint32": 28}

Observer = Callable[[Instruction, Mapping[str, Any], Any], None]
"""Told of every instruction that ran: with its operands by the schema's names, and its result."""


class Machine:
    """A delegate, ready to be called."""

    def __init__(
        self, file: DelegateFile, *, with_constants: bool = True, observer: Observer | None = None
    ) -> None:
        """Loads the constants and runs the initialisation chain.

        Args:
            file: The delegate.
            with_constants: Whether constants have their values; without, they are zeros that take no memory until
                something is evaluated, which is enough for `trace`.
            observer: Told of every instruction.

        Raises:
            BackendError: `mlx` is not installed.
            RuntimeFailure: The delegate has an instruction that is not known here.
            ArtifactError: A constant is missing or damaged.
        """
        self._mx = mlx_core()
        self._file, self._graph = file, file.delegate
        self._instructions = instruction_set()
        self._require_known()
        self._observer = observer
        constants = file.constant_indices()
        self._tensors: dict[int, Any] = {
            index: self._mx.array(file.constant(index)) if with_constants else self._zeros(index)
            for index in constants
        } | {index: self._zeros(index) for index in self._graph.mutable_buffers}
        self._values: dict[int, int] = {}
        if self._graph.init_chain >= 0:
            self._run_chain(self._graph.init_chain)

    def call(self, inputs: Sequence[Any]) -> list[Any]:
        """Runs the main chain once.

        Args:
            inputs: NumPy arrays in the order of the method's inputs.

        Returns:
            The outputs as evaluated `mlx.core.array`s.

        Raises:
            RuntimeFailure: An instruction failed.
        """
        self.trace(inputs)
        outputs = [self._tensors[slot] for slot in self._graph.outputs]
        self._mx.eval(*outputs, *(self._tensors[slot] for slot in self._graph.mutable_buffers))
        return outputs

    def trace(self, inputs: Sequence[Any]) -> None:
        """Like `call`, but only queues the main chain: shapes are known, values are not computed."""
        self._tensors |= {
            slot: self._mx.array(value) for slot, value in zip(self._graph.inputs, inputs, strict=True)
        }
        self._run_chain(self._graph.main_chain)

    def _zeros(self, index: int) -> Any:
        meta = self._graph.metas[index]
        return self._mx.zeros(meta.shape, dtype_of(_DTYPE_CODES[meta.dtype]))

    def _require_known(self) -> None:
        used = {instruction.name for chain in self._graph.chains for instruction in chain}
        unknown = sorted(used - set(self._instructions) - {_BRANCH})
        if unknown:
            raise RuntimeFailure(
                f"{self._file.program.path}: the replay does not know {', '.join(unknown)}; "
                "it replays decoders that this version of mmoe-export converted"
            )

    def _run_chain(self, index: int) -> None:
        for number, instruction in enumerate(self._graph.chains[index]):
            try:
                self._run(instruction)
            except (ValueError, TypeError, KeyError, IndexError) as error:
                raise RuntimeFailure(
                    f"{self._file.program.path}: {instruction.name} ({number} of chain {index}) failed: {error}"
                ) from error

    def _run(self, instruction: Instruction) -> None:
        if instruction.name == _BRANCH:
            taken = "then_chain_idx" if self._operand(instruction.fields["cond"]) else "else_chain_idx"
            self._run_chain(instruction.fields[taken])
            return
        operands = {
            name: self._operand(value)
            for name, value in instruction.fields.items()
            if name not in ("out", "outs")
        }
        result = self._instructions[instruction.name](**operands)
        if self._observer is not None:
            self._observer(instruction, operands, result)
        if "outs" in instruction.fields:
            self._tensors |= {
                slot.index: part for slot, part in zip(instruction.fields["outs"], result, strict=True)
            }
            return
        match instruction.fields["out"]:
            case TensorSlot(index):
                self._tensors[index] = result
            case ValueSlot(index):
                self._values[index] = result

    def _operand(self, field: Any) -> Any:
        match field:
            case TensorSlot(index):
                return self._tensors[index]
            case ValueSlot(index):
                return self._values[index]
            case list():
                return [self._operand(item) for item in field]
        return field
