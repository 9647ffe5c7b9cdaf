"""Interprets the instruction list of one delegate and keeps its mutable buffers between calls."""

from collections.abc import Sequence
from typing import Any

from mmoe.backends.mlx.payload import DelegateFile, Instruction, TensorSlot, ValueSlot
from mmoe.backends.mlx.replay.instructions import dtype_of, instruction_set
from mmoe.backends.mlx.replay.library import mlx_core
from mmoe.export.errors import RuntimeFailure

_BRANCH = "IfNode"
_DTYPE_CODES = {"int32": 3, "int64": 4, "float16": 5, "float32": 6, "uint32": 28}


class Machine:
    """A delegate, ready to be called."""

    def __init__(self, file: DelegateFile) -> None:
        """Loads the constants and runs the initialisation chain.

        Raises:
            BackendError: `mlx` is not installed.
            RuntimeFailure: The delegate has an instruction that is not known here.
            ArtifactError: A constant is missing or damaged.
        """
        self._mx = mlx_core()
        self._file, self._graph = file, file.delegate
        self._instructions = instruction_set()
        self._require_known()
        self._tensors: dict[int, Any] = {
            index: self._mx.array(file.constant(index)) for index in file.constant_indices()
        }
        for index in self._graph.mutable_buffers:
            meta = self._graph.metas[index]
            self._tensors[index] = self._mx.zeros(meta.shape, dtype_of(_DTYPE_CODES[meta.dtype]))
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
        self._tensors |= {
            slot: self._mx.array(value) for slot, value in zip(self._graph.inputs, inputs, strict=True)
        }
        self._run_chain(self._graph.main_chain)
        outputs = [self._tensors[slot] for slot in self._graph.outputs]
        self._mx.eval(*outputs, *(self._tensors[slot] for slot in self._graph.mutable_buffers))
        return outputs

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
        operands = {name: self._operand(value) for name, value in instruction.fields.items() if name != "out"}
        result = self._instructions[instruction.name](**operands)
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
