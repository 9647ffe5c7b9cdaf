"""The cost of a prefill and of a decode call of an MLX program."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mmoe.backends.mlx.cost.roofline import Device
from mmoe.backends.mlx.cost.rules import VIEWS, Cost, cost_of
from mmoe.backends.mlx.payload import DelegateFile, Instruction, TensorSlot
from mmoe.backends.mlx.replay.machine import Machine
from mmoe.backends.mlx.replay.replayed import read_metadata
from mmoe.backends.program_file import ProgramFile
from mmoe.runtime_bindings.python.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class InstructionCost:
    """All instructions of one name in a call.

    Attributes:
        name: As in the delegate's schema.
        count: How many ran.
        cost: Their sum.
        seconds: Their time at the device's roofline, one after the other.
    """

    name: str
    count: int
    cost: Cost
    seconds: float


@dataclass(frozen=True, kw_only=True)
class CallCost:
    """One call of the program.

    Attributes:
        tokens: New tokens.
        position: Tokens in the cache before.
        instructions: By name, the slowest first.
        total: Sum of all.
        seconds: Sum of all.
    """

    tokens: int
    position: int
    instructions: tuple[InstructionCost, ...]
    total: Cost
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        """At the device's roofline, which no program exceeds."""
        return self.tokens / self.seconds


@dataclass
class _Tally:
    count: int = 0
    cost: Cost = field(default_factory=Cost)
    seconds: float = 0.0


class CostModel:
    """Counts what the calls of one program cost; nothing is computed, and no weight is read."""

    def __init__(self, path: Path) -> None:
        """Reads the instruction list.

        Raises:
            MmoeError: `mlx` is not installed, or the program is damaged or holds no MLX delegate.
        """
        program = ProgramFile(path)
        file = DelegateFile(program)
        self._limits = read_metadata(program)
        # What the initialisation chain computes from constants is one, too: it is done once, at load.
        self._constants = set(file.constant_indices())
        self._tally: dict[str, _Tally] = {}
        self._device: Device | None = None
        self._machine = Machine(file, with_constants=False, observer=self._observe)

    @property
    def max_seq_len(self) -> int:
        """Tokens of a call at most."""
        return self._limits.max_seq_len

    @property
    def max_context_len(self) -> int:
        """Tokens the cache holds."""
        return self._limits.max_context_len

    def call(self, *, tokens: int, position: int, device: Device) -> CallCost:
        """The cost of one call.

        Args:
            tokens: New tokens.
            position: Tokens in the cache before.
            device: Bandwidth and arithmetic rate.

        Raises:
            OptionError: The program takes no such call.
        """
        most, context = self.max_seq_len, self.max_context_len
        if not 1 <= tokens <= most:
            raise OptionError(f"a call of this program takes 1..{most} tokens, not {tokens}")
        if position < 0 or position + tokens > context:
            raise OptionError(
                f"position {position} with {tokens} more tokens is outside a context of {context} tokens"
            )
        self._tally, self._device = {}, device
        self._machine.trace([np.zeros((1, tokens), np.int64), np.array([position])])
        instructions = [
            InstructionCost(name=name, count=tally.count, cost=tally.cost, seconds=tally.seconds)
            for name, tally in self._tally.items()
        ]
        return CallCost(
            tokens=tokens,
            position=position,
            instructions=tuple(sorted(instructions, key=lambda one: one.seconds, reverse=True)),
            total=sum((one.cost for one in instructions), Cost()),
            seconds=sum(one.seconds for one in instructions),
        )

    def _observe(self, instruction: Instruction, operands: Mapping[str, Any], result: Any) -> None:
        slots = {
            name: value.index for name, value in instruction.fields.items() if isinstance(value, TensorSlot)
        }
        constants = frozenset(name for name, slot in slots.items() if slot in self._constants)
        written = [slots["out"]] if "out" in slots else []
        written += [slot.index for slot in instruction.fields.get("outs", ())]
        self._mark_result(instruction.name, written, is_view_of_constant="x" in constants)
        if self._device is None:
            return
        cost = cost_of(instruction, operands, result, constants)
        tally = self._tally.setdefault(instruction.name, _Tally())
        tally.count += 1
        tally.cost += cost
        tally.seconds += self._device.seconds(cost)

    def _mark_result(self, name: str, written: list[int], *, is_view_of_constant: bool) -> None:
        """Keeps `_constants` right: slots are used again by other instructions."""
        at_load = self._device is None
        if at_load or (name in VIEWS and is_view_of_constant):
            self._constants.update(written)
        else:
            self._constants.difference_update(written)
