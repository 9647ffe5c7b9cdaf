"""The interface between the pipeline and a delegate: what a new backend has to provide."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from executorch.exir import EdgeProgramManager
from torch import Tensor, nn
from torch.export import ExportedProgram

from mmoe.backends.program_file import ProgramFile
from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.components import Components
from mmoe.runtime_bindings.python.runner import ModelRunner

ConstantMethods = Mapping[str, int | bool | Sequence[int]]

Programs = Mapping[str, ExportedProgram]
"""Exported decoders by the name of the method that they become."""


@dataclass(frozen=True)
class ExpertWeights:
    """One layer's routed experts read back from a program, in the checkpoint's format.

    Attributes:
        gate_up_qweight: uint8 ``[E, H, F]``.
        gate_up_scale: float16 ``[E, H, 2F / 32]``.
        down_qweight: uint8 ``[E, F, H / 2]``.
        down_scale: float16 ``[E, F, H / 32]``.
        gate_up_zero: The zero points of experts that are grouped along the input and not symmetric; such experts are
            ``[E, 2F, H]`` and ``[E, H, F]``, packed and grouped along the last dimension.
        down_zero: The same.
    """

    gate_up_qweight: Tensor
    gate_up_scale: Tensor
    down_qweight: Tensor
    down_scale: Tensor
    gate_up_zero: Tensor | None = None
    down_zero: Tensor | None = None


class Backend(Protocol):
    """One delegate: how its variant of the decoder is built, lowered, and read back.

    Attributes:
        name: As declared.
        options: An instance of what its declaration names.
        components: The modules that its variant of the decoder is made of.
    """

    name: str
    options: Any
    components: Components

    @property
    def table_copies(self) -> int:
        """How often a program stores the tied embedding: twice where the lookup reads another form than the head."""
        ...

    @property
    def weight_copies_in_memory(self) -> int:
        """How often the delegate holds the weights while it takes them over; 0 where constants stay mapped."""
        ...

    def cache_row_bytes(self, head_dim: int) -> int:
        """Bytes of the key and the value of one token in one kv head."""
        ...

    def unsupported(self, config: DecoderConfig) -> tuple[str, ...]:
        """What the layers of a model need and programs of this backend lack, in words; empty if it can be lowered."""
        ...

    @property
    def computes_in_float32(self) -> bool:
        """Whether rounding alone separates its programs from the reference, so that strict limits apply to them."""
        ...

    @property
    def rounding(self) -> str | None:
        """What its programs round of a checkpoint, as a sentence for users; None if they hold every value as it is."""
        ...

    @property
    def runs_here(self) -> bool:
        """Whether its programs, lowered or written, can be run on any machine."""
        ...

    def export(self, decoder: nn.Module, *, max_seq_len: int) -> Programs:
        """Traces a decoder as the methods that the delegate needs.

        Args:
            decoder: ``(tokens int64 [1, T], input_pos int64 [1]) -> logits float32``, in the backend's variant.
            max_seq_len: Most tokens of one call, at least 2.

        Returns:
            "forward" at least, for any T up to `max_seq_len` or, where shapes are static, for one token.
        """
        ...

    def lower(self, programs: Programs, constant_methods: ConstantMethods) -> EdgeProgramManager:
        """Partitions exported decoders for the delegate.

        Args:
            programs: What `export` returned, or some of it; changed on the way.
            constant_methods: The runner metadata stored in the program, by method name.
        """
        ...

    def open_runner(self, path: Path, *, threads: int | None = None) -> ModelRunner:
        """Loads a written program for running it on this machine.

        Args:
            path: The `.pte` file.
            threads: Threads of the runtime; None for its default.

        Raises:
            MmoeError: The program cannot be run here; the message says why.
        """
        ...

    def read_experts(self, program: ProgramFile) -> Iterator[ExpertWeights]:
        """Reads the routed experts of every MoE layer back from a written program, in layer order."""
        ...

    def sizes(self, program: ProgramFile) -> dict[str, int]:
        """Splits the bytes of a written program by class of tensor."""
        ...
