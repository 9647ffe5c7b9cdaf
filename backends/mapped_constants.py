"""Writes a program's large constants from the memory they are mapped in, where ExecuTorch's emitter would copy them.

The emitter turns every constant into `bytes`: the packed weights once more in anonymous memory (0.7 GB for MobileMoE-S,
3.0 GB for L), and all of them until the file is written. Here it is shown a stand-in of 32 bytes for each large
constant, its content's SHA-256, so that constants of the same content are still stored once. The serialiser then gets
the constants themselves as ExecuTorch's `FileBackedData`, which it writes without holding them.
"""

import hashlib
import io
from collections.abc import Callable
from typing import BinaryIO

import torch
from executorch.exir import EdgeProgramManager, ExecutorchBackendConfig
from executorch.exir._serialize._cord import FileBackedData
from executorch.exir._serialize._serialize import serialize_for_executorch
from executorch.exir.dialects._ops import ops as exir_ops
from executorch.exir.passes import MemoryPlanningPass
from torch import Tensor
from torch.export import ExportedProgram
from torch.export.graph_signature import ExportGraphSignature
from torch.fx import GraphModule
from torch.fx.passes.infra.pass_base import PassResult

# Kernels read constants in place with 64-byte vector loads; ExecuTorch's default of 16 would split cache lines.
CONSTANT_ALIGNMENT = 64
# Smaller constants are emitted as they are.
_SMALLEST = 1 << 16
_CHUNK = 8 << 20
_MB = 1_000_000


class MappedData(FileBackedData):  # type: ignore[misc]  # executorch is not typed here
    """The bytes of a tensor, most likely a map of a file, that are read when they are written."""

    def __init__(self, tensor: Tensor) -> None:
        # Not the base's, which wants the path of a file: the scratch file that constants are mapped from has none.
        self._finalizer = None
        self._view = tensor.reshape(-1).view(torch.uint8).numpy().data
        self._sha256: bytes | None = None

    def __len__(self) -> int:
        return len(self._view)

    def __deepcopy__(self, memo: object) -> "MappedData":
        """Itself: the serialiser copies the program it is given, and this never changes."""
        return self

    def prefix(self, size: int) -> bytes:
        """The first bytes."""
        return bytes(self._view[:size])

    def sha256(self) -> bytes:
        """Digest of the content."""
        if self._sha256 is None:
            self._sha256 = hashlib.sha256(self._view).digest()
        return self._sha256

    def to_bytes(self) -> bytes:
        """A copy."""
        return bytes(self._view)

    def write_to_file(self, outfile: io.BufferedIOBase) -> None:
        """Writes the content piece by piece."""
        for start in range(0, len(self), _CHUNK):
            outfile.write(self._view[start : start + _CHUNK])


class _Counted:
    """A file that tells how far it is."""

    def __init__(self, file: BinaryIO, total: int, progress: Callable[[int, int], None]) -> None:
        self._file, self._total, self._progress = file, total, progress
        self._done = 0

    def write(self, data: bytes) -> int:
        """Writes the data."""
        written = self._file.write(data)
        self._done += written
        self._progress(self._done // _MB, self._total // _MB)
        return written


class _StandInSizes(MemoryPlanningPass):  # type: ignore[misc]  # as above
    """The last pass before emission: the specs of constants that have stand-ins tell the bytes of these."""

    def __init__(self, placeholders: set[str], *, share_mutable_buffers: bool) -> None:
        super().__init__(share_mutable_buffers=share_mutable_buffers)
        self._placeholders = placeholders

    def run(
        self, graph_module: GraphModule, graph_signature: ExportGraphSignature | None = None
    ) -> PassResult:
        """Plans as the base does."""
        result: PassResult = super().run(graph_module, graph_signature)
        for node in result.graph_module.graph.nodes:
            if node.op == "placeholder" and node.target in self._placeholders:
                # The emitter compares this with the bytes it finds; the shape that it writes stays the constant's.
                node.meta["spec"].nbytes = lambda: hashlib.sha256().digest_size
        return result


def write_program(
    lowered: EdgeProgramManager, file: BinaryIO, *, progress: Callable[[int, int], None] | None = None
) -> None:
    """Serialises a lowered program as a `.pte`, the same bytes that ExecuTorch's own writer gives.

    Args:
        lowered: The program, which is used up: its large constants are replaced.
        file: Where it is written.
        progress: Called with the MB written so far and their number.
    """
    constants: dict[bytes, MappedData] = {}
    placeholders: set[str] = set()
    for method in lowered.methods:
        placeholders |= _stand_in(lowered.exported_program(method), constants)
    config = ExecutorchBackendConfig(
        constant_tensor_alignment=CONSTANT_ALIGNMENT,
        memory_planning_pass=_StandInSizes(
            placeholders, share_mutable_buffers=_methods_share_caches(lowered)
        ),
    )
    emitted = lowered.to_executorch(config)
    for buffer in emitted.executorch_program.constant_buffer:
        buffer.storage = constants.get(buffer.storage, buffer.storage)
    pte, _ = serialize_for_executorch(
        emitted._emitter_output, config, emitted._data_serializer, emitted._named_data
    )
    pte.write_to_file(_Counted(file, len(pte), progress) if progress is not None else file)


def _methods_share_caches(lowered: EdgeProgramManager) -> bool:
    """Whether several methods write caches of the program's own, not of a delegate's."""
    writing = [
        method
        for method in lowered.methods
        if lowered.exported_program(method).graph_signature.buffers_to_mutate
    ]
    return len(writing) > 1


def _stand_in(program: ExportedProgram, constants: dict[bytes, MappedData]) -> set[str]:
    """Replaces the large constants of a method; returns their placeholders' names."""
    signature = program.graph_signature
    mutated = set(signature.buffers_to_mutate.values())
    replaced = set()
    for node in program.graph.find_nodes(op="placeholder"):
        name = signature.inputs_to_buffers.get(node.target)
        tensor = program.state_dict.get(name)
        if tensor is None or name in mutated or tensor.nbytes < _SMALLEST or not tensor.is_contiguous():
            continue
        # A view becomes a second constant with the bytes of the first, which then has to be what it says.
        if any(user.target is exir_ops.edge.aten.view_copy.default for user in node.users):
            continue
        data = MappedData(tensor)
        digest = data.sha256()
        constants.setdefault(digest, data)
        stand_in = torch.frombuffer(bytearray(digest), dtype=torch.uint8)
        # As many dimensions as the constant has, so that their order is emitted as before.
        program.state_dict[name] = stand_in.view(-1, *[1] * (tensor.dim() - 1))
        replaced.add(node.target)
    return replaced
