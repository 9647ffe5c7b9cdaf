"""The XNNPACK backend: CPU programs of `mmoe` kernels, beside XNNPACK's delegate where it is asked for.

With `Linears.XNNPACK` dense linears and pointwise work go to the delegate. By default they run in `mmoe` kernels too.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from executorch.exir import EdgeCompileConfig, EdgeProgramManager, to_edge_transform_and_lower
from torch import nn

from mmoe.backends.base import ConstantMethods, ExpertWeights, Programs
from mmoe.backends.registry import (
    XNNPACK_KV_CACHE,
    XNNPACK_LINEARS,
    Activations,
    BackendOptions,
    Linears,
)
from mmoe.backends.xnnpack.attention import attention_component
from mmoe.backends.xnnpack.components import XNNPACK_COMPONENTS
from mmoe.backends.xnnpack.panel_components import PANEL_COMPONENTS
from mmoe.backends.xnnpack.partitioner import DecoderPartitioner
from mmoe.backends.xnnpack.residuals import fuse_residual_norms
from mmoe.export.errors import OptionError
from mmoe.export.program import export_program
from mmoe.export.pte import ProgramFile
from mmoe.quant.expert_layout import ExpertPanels, unpack_expert_panels
from mmoe.runtime_bindings.python.runner import ModelRunner

# The operators that own constants, and what `sizes` calls them.
_CONSTANTS = {
    "mmoe::moe_ffn.out": "experts and routers",
    "mmoe::embedding.out": "embedding",
    "mmoe::embedding_panels.out": "embedding and head",
    "mmoe::linear.out": "linears",
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

    def __init__(self, options: BackendOptions = BackendOptions()) -> None:  # noqa: B008 (frozen)
        """Takes the flavour of the decoder that the options ask for.

        Raises:
            OptionError: An option is another backend's.
        """
        if options.activations is Activations.FLOAT16:
            raise OptionError("activations are float32 in the xnnpack backend; float16 is for mlx")
        kv_cache = options.kv_cache or XNNPACK_KV_CACHE
        self.options = replace(options, kv_cache=kv_cache, linears=options.linears or XNNPACK_LINEARS)
        flavour = PANEL_COMPONENTS if self.options.linears is Linears.MMOE else XNNPACK_COMPONENTS
        self.components = replace(flavour, attention=attention_component(kv_cache))

    def export(self, decoder: nn.Module, *, max_seq_len: int) -> Programs:
        """One method for any number of tokens."""
        return {"forward": export_program(decoder, max_seq_len=max_seq_len)}

    def lower(self, programs: Programs, constant_methods: ConstantMethods) -> EdgeProgramManager:
        """Hands XNNPACK what it can take; the operators of `mmoe` stay in the program."""
        delegates = self.options.linears is Linears.XNNPACK
        for program in () if delegates else programs.values():
            fuse_residual_norms(program)
        return to_edge_transform_and_lower(
            dict(programs),
            partitioner=[DecoderPartitioner()] if delegates else [],
            constant_methods=dict(constant_methods),
            # The edge dialect's verifier knows core ATen only and would refuse the operators of `mmoe`.
            compile_config=EdgeCompileConfig(_check_ir_validity=False, _skip_dim_order=True),
        )

    def open_runner(self, path: Path, *, threads: int | None = None) -> ModelRunner:
        """Loads the program into ExecuTorch's own runtime."""
        return ModelRunner(path, threads=threads)

    def read_experts(self, program: ProgramFile) -> Iterator[ExpertWeights]:
        """Decodes the panels that the `moe_ffn` calls of the program refer to."""
        for call in program.kernel_calls("forward"):
            if call.operator != "mmoe::moe_ffn.out":
                continue
            gate_up_weight, gate_up_scale, down_weight, down_scale = map(
                program.constant, call.arguments[3:7]
            )
            gate_up_qweight, gate_up_scale = unpack_expert_panels(ExpertPanels(gate_up_weight, gate_up_scale))
            down_qweight, down_scale = unpack_expert_panels(ExpertPanels(down_weight, down_scale))
            yield ExpertWeights(
                gate_up_qweight=gate_up_qweight,
                gate_up_scale=gate_up_scale,
                down_qweight=down_qweight,
                down_scale=down_scale,
            )

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
