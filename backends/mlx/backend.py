"""The MLX backend: the whole decoder in one delegate for Apple GPUs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from executorch.exir import EdgeCompileConfig, EdgeProgramManager, to_edge_transform_and_lower
from torch import Tensor, nn

from mmoe.backends.base import ConstantMethods, ExpertWeights, Programs
from mmoe.backends.mlx.declaration import Activations, MlxOptions
from mmoe.backends.mlx.delegate import MLXPartitioner, get_default_passes
from mmoe.backends.mlx.mlx_components import mlx_components
from mmoe.backends.mlx.ops import use_last
from mmoe.backends.mlx.payload import DelegateFile, TensorSlot
from mmoe.backends.mlx.replay.replayed import ReplayedProgram
from mmoe.backends.mlx.unused import drop_unused_buffers
from mmoe.backends.mlx.weights import from_words
from mmoe.backends.program_file import ProgramFile
from mmoe.backends.tracing import export_program
from mmoe.backends.words import sliding_windows, wide_scales
from mmoe.models.architectures.config import DecoderConfig
from mmoe.runtime_bindings.python.runner import ModelRunner

# Classes of constants by a part of their name; the first that fits counts.
_CLASSES = {
    ".routed.router_weight": "routers",
    ".routed.expert_bias": "routers",
    ".routed.": "experts",
    "lm_head.": "embedding and head",
    "embed_tokens.": "embedding and head",
    ".matrix.": "linears",
    ".mixer.conv.": "linears",
    "_proj.weight": "linears",
    "norm.weight": "norms",
}


class MlxBackend:
    """Lowers for Apple GPUs; see `mmoe.backends.base.Backend`."""

    name = "mlx"
    runs_here = True  # by replay

    table_copies = 1
    weight_copies_in_memory = 1
    rounding = None

    def __init__(self, options: MlxOptions) -> None:
        self.options = options
        self.components = mlx_components(torch.float32 if self.computes_in_float32 else torch.float16)

    def cache_row_bytes(self, head_dim: int) -> int:
        """Keys and values have the activations' dtype."""
        return 2 * (4 if self.computes_in_float32 else 2) * head_dim

    def unsupported(self, config: DecoderConfig) -> tuple[str, ...]:
        """See `Backend.unsupported`."""
        return sliding_windows(config) + (() if self.computes_in_float32 else wide_scales(config))

    @property
    def computes_in_float32(self) -> bool:
        """Whether float32 activations were asked for; weights and routers never differ from the checkpoint's."""
        return self.options.activations is Activations.FLOAT32

    def export(self, decoder: nn.Module, *, max_seq_len: int) -> Programs:
        """One method for any number of tokens."""
        return {"forward": export_program(decoder, max_seq_len=max_seq_len)}

    def lower(self, programs: Programs, constant_methods: ConstantMethods) -> EdgeProgramManager:
        """Hands MLX the whole decoder."""
        for program in programs.values():
            use_last(program)
            drop_unused_buffers(program)
        return to_edge_transform_and_lower(
            dict(programs),
            transform_passes=get_default_passes(),
            partitioner=[MLXPartitioner()],
            constant_methods=dict(constant_methods),
            # The edge dialect's verifier knows core ATen only and would refuse the operators of `mmoe_mlx`.
            compile_config=EdgeCompileConfig(_check_ir_validity=False, _skip_dim_order=True),
        )

    def open_runner(self, path: Path, *, threads: int | None = None) -> ModelRunner:
        """Replays the program on this machine with PyPI's `mlx`, which has no use for `threads`."""
        return ModelRunner(ReplayedProgram(path))

    def read_experts(self, program: ProgramFile) -> Iterator[ExpertWeights]:
        """Reads the constants that the expert multiplications of the delegate refer to."""
        file = DelegateFile(program)
        operands = _expert_operands(file)
        # One layer at a time: what `from_words` returns is a copy.
        for gate_up, down in zip(operands[::2], operands[1::2], strict=True):
            gate_up_qweight, gate_up_scale, gate_up_zero = _matrix(file, *gate_up)
            down_qweight, down_scale, down_zero = _matrix(file, *down)
            yield ExpertWeights(
                gate_up_qweight=gate_up_qweight,
                gate_up_scale=gate_up_scale,
                down_qweight=down_qweight,
                down_scale=down_scale,
                gate_up_zero=gate_up_zero,
                down_zero=down_zero,
            )

    def sizes(self, program: ProgramFile) -> dict[str, int]:
        """Bytes of the delegate's constants by class, and of the rest."""
        sizes = dict.fromkeys(_CLASSES.values(), 0)
        for name, size in program.named_data_bytes().items():
            kind = next((kind for part, kind in _CLASSES.items() if part in name), None)
            # Scalars that are computed at load share a few bytes, which count as the program's.
            if kind is not None and not name.endswith(_COMPUTED_AT_LOAD):
                sizes[kind] += size
        return sizes | {"program": program.file_bytes - sum(sizes.values())}


_COMPUTED_AT_LOAD = ("_float16", "_float32")


def _expert_operands(file: DelegateFile) -> list[tuple[int, int, int | None]]:
    """Slots of (words, scales, zero points) of every expert matrix in the order of use, as they are stored.

    Both branches name the same. Zero points are what the biases are computed from at load, other than scales.
    """
    delegate = file.delegate
    # Programs convert what they store at load, and multiply it: go back.
    stored: dict[int, int] = {}
    factors: dict[int, tuple[int, int]] = {}
    for instruction in delegate.chains[delegate.init_chain] if delegate.init_chain >= 0 else ():
        fields = instruction.fields
        if instruction.name == "AsTypeNode":
            stored[_slot(fields["out"])] = _slot(fields["x"])
        elif instruction.name == "MultiplyNode":
            factors[_slot(fields["out"])] = (_slot(fields["a"]), _slot(fields["b"]))
    operands = dict.fromkeys(
        tuple(_slot(instruction.fields[name]) for name in ("w", "scales", "biases"))
        for chain in delegate.chains
        for instruction in chain
        if instruction.name == "GatherQmmNode"
    )
    found = []
    for words, scales, biases in operands:
        # -8 * scales, or -1 * (scales * zeros)
        multiplied, _ = factors[biases]
        zeros = stored[factors[multiplied][1]] if multiplied in factors else None
        found.append((words, stored.get(scales, scales), zeros))
    return found


def _slot(field: Any) -> int:
    assert isinstance(field, TensorSlot)
    return field.index


def _matrix(
    file: DelegateFile, words: int, scales: int, zeros: int | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    return (
        from_words(torch.from_numpy(file.constant(words))),
        torch.from_numpy(file.constant(scales)),
        None if zeros is None else torch.from_numpy(file.constant(zeros)),
    )
