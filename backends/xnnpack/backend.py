"""The XNNPACK backend: CPU programs of `mmoe` kernels, beside XNNPACK's delegate where it is asked for.

With `Linears.XNNPACK` dense linears and pointwise work go to the delegate. By default they run in `mmoe` kernels too.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from executorch.exir import EdgeCompileConfig, EdgeProgramManager, to_edge_transform_and_lower
from torch import Tensor, nn

from mmoe.backends.base import ConstantMethods, ExpertWeights, Programs
from mmoe.backends.program_file import KernelCall, ProgramFile
from mmoe.backends.program_schema import Null
from mmoe.backends.tracing import AllLogits, LastLogits, export_program
from mmoe.backends.words import narrow_head_norms
from mmoe.backends.xnnpack.appended_router import width_without_room
from mmoe.backends.xnnpack.attention import attention_component
from mmoe.backends.xnnpack.declaration import MAX_DRAFT_TOKENS, Linears, Speculation, XnnpackOptions
from mmoe.backends.xnnpack.delegated_components import XNNPACK_COMPONENTS
from mmoe.backends.xnnpack.panel_components import PANEL_COMPONENTS
from mmoe.backends.xnnpack.partitioner import DecoderPartitioner
from mmoe.backends.xnnpack.residuals import fuse_residual_norms
from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.decoder import Decoder
from mmoe.quant.expert_layout import ExpertPanels, unpack_expert_panels
from mmoe.quant.grouped_layout import GroupedPanels, unpack_grouped_panels
from mmoe.quant.int4 import GROUP_SIZE
from mmoe.runtime_bindings.python.runner import ModelRunner

# The operators that own constants, and what `sizes` calls them.
_CONSTANTS = {
    "mmoe::moe_ffn.out": "experts and routers",
    "mmoe::moe_ffn_in.out": "experts and routers",
    "mmoe::embedding.out": "embedding",
    "mmoe::embedding_panels.out": "embedding and head",
    "mmoe::embedding_planes.out": "embedding and head",
    "mmoe::linear.out": "linears",
    "mmoe::linear_planes.out": "linears",
    "mmoe::linear_qkv.out": "linears",
    "mmoe::swiglu_ffn.out": "linears",
    "mmoe::rms_norm.out": "norms",
    "mmoe::add_rms_norm.out": "norms",
}


class XnnpackBackend:
    """Lowers for CPUs; see `mmoe.backends.base.Backend`."""

    name = "xnnpack"
    runs_here = True
    computes_in_float32 = False  # activations are int8 at every matrix

    def __init__(self, options: XnnpackOptions) -> None:
        self.options = options
        self._judges_drafts = options.speculation is Speculation.ON
        variant = PANEL_COMPONENTS if options.linears is Linears.MMOE else XNNPACK_COMPONENTS
        self.components = replace(variant, attention=attention_component(options.kv_cache))

    @property
    def table_copies(self) -> int:
        """Two with XNNPACK's linears, which pack a table of their own for the head."""
        return 2 if self._delegates else 1

    @property
    def rounding(self) -> str | None:
        """XNNPACK keeps the scales of its blocks in bfloat16."""
        if not self._delegates:
            return None
        return (
            "XNNPACK stores the scales of dense linears in bfloat16, so those with more than 8 significant bits are "
            "rounded; --linears mmoe keeps them as they are."
        )

    @property
    def weight_copies_in_memory(self) -> int:
        """One with XNNPACK's linears; the constants of our operators stay mapped."""
        return 1 if self._delegates else 0

    def cache_row_bytes(self, head_dim: int) -> int:
        """By the dtype of the cache."""
        return self.options.kv_cache.bytes_per_row(head_dim)

    def unsupported(self, config: DecoderConfig) -> tuple[str, ...]:
        """See `Backend.unsupported`; what the operators lack, a program is composed of."""
        # Formats grouped along the input have negative scales, which XNNPACK refuses.
        signed = config.quantization is not None and config.quantization.experts_by_input
        delegated = ("negative scales in --linears xnnpack (--linears mmoe has them)",)
        return narrow_head_norms(config) + (delegated if signed and self._delegates else ())

    @property
    def _delegates(self) -> bool:
        return self.options.linears is Linears.XNNPACK

    def export(self, decoder: nn.Module, *, max_seq_len: int) -> Programs:
        """One method for any number of tokens, and one that judges drafts where that is asked for."""
        if not (self._judges_drafts and isinstance(decoder, Decoder)):
            return {"forward": export_program(decoder, max_seq_len=max_seq_len)}
        judged = min(1 + MAX_DRAFT_TOKENS, max_seq_len)
        return {
            "forward": export_program(LastLogits(decoder), max_seq_len=max_seq_len),
            "all_logits": export_program(AllLogits(decoder), max_seq_len=judged),
        }

    def lower(self, programs: Programs, constant_methods: ConstantMethods) -> EdgeProgramManager:
        """Hands XNNPACK what it can take; the operators of `mmoe` stay in the program."""
        for program in () if self._delegates else programs.values():
            fuse_residual_norms(program)
        return to_edge_transform_and_lower(
            dict(programs),
            partitioner=[DecoderPartitioner()] if self._delegates else [],
            constant_methods=dict(constant_methods),
            # The edge dialect's verifier knows core ATen only and would refuse the operators of `mmoe`.
            compile_config=EdgeCompileConfig(_check_ir_validity=False, _skip_dim_order=True),
        )

    def open_runner(self, path: Path, *, threads: int | None = None) -> ModelRunner:
        """Loads the program into ExecuTorch's own runtime."""
        return ModelRunner(path, threads=threads)

    def read_experts(self, program: ProgramFile) -> Iterator[ExpertWeights]:
        """Decodes the panels that the `moe_ffn` and `moe_ffn_in` calls of the program refer to."""
        for call in program.kernel_calls("forward"):
            if call.operator == "mmoe::moe_ffn_in.out":
                yield _grouped_experts(program, call)
            if call.operator != "mmoe::moe_ffn.out":
                continue
            router, _, gate_up_weight, gate_up_scale, down_weight, down_scale = (
                torch.from_numpy(program.constant(value)) for value in call.arguments[1:7]
            )
            gate_up = unpack_expert_panels(ExpertPanels(gate_up_weight, gate_up_scale))
            down = unpack_expert_panels(ExpertPanels(down_weight, down_scale))
            yield _without_room(width_without_room(router), *gate_up, *down)

    def sizes(self, program: ProgramFile) -> dict[str, int]:
        """Bytes of the operators' constants, of XNNPACK's packed linears (the head included), and of the rest."""
        sizes: Counter[str] = Counter()
        counted: set[int] = set()  # a tied table belongs to the operator that comes first
        for call in program.kernel_calls("forward"):
            for value in call.arguments if call.operator in _CONSTANTS else ():
                if size := program.constant_bytes(value, beyond=counted):
                    sizes[_CONSTANTS[call.operator]] += size
        if payloads := program.segment_bytes - program.constant_segment_bytes:
            sizes["linears and head (XNNPACK)"] = payloads
        return dict(sizes) | {"program": program.file_bytes - sizes.total()}


def _grouped_experts(program: ProgramFile, call: KernelCall) -> ExpertWeights:
    gate_up_weight, gate_up_scale, down_weight, down_scale = (
        torch.from_numpy(program.constant(value)) for value in call.arguments[3:7]
    )
    gate_up_zero, down_zero = (
        None if isinstance(value, Null) else torch.from_numpy(program.constant(value))
        for value in call.arguments[7:9]
    )
    gate_up = unpack_grouped_panels(GroupedPanels(gate_up_weight, gate_up_scale, gate_up_zero))
    down = unpack_grouped_panels(GroupedPanels(down_weight, down_scale, down_zero))
    return ExpertWeights(
        gate_up_qweight=gate_up.qweight,
        gate_up_scale=gate_up.scale,
        down_qweight=down.qweight,
        down_scale=down.scale,
        gate_up_zero=gate_up.zero,
        down_zero=down.zero,
    )


def _without_room(
    width: int, gate_up_qweight: Tensor, gate_up_scale: Tensor, down_qweight: Tensor, down_scale: Tensor
) -> ExpertWeights:
    """Experts of so many inputs and outputs; what lies behind must be of scale zero to be no part of them."""
    room = (gate_up_scale[:, width:], down_scale[:, :, width // GROUP_SIZE :])
    if any(bool(scale.any()) for scale in room):
        width = gate_up_scale.shape[1]
    return ExpertWeights(
        gate_up_qweight=gate_up_qweight[:, :width],
        gate_up_scale=gate_up_scale[:, :width],
        down_qweight=down_qweight[:, :, : width // 2],
        down_scale=down_scale[:, :, : width // GROUP_SIZE],
    )
