"""The Core ML backend: the whole decoder in one model with static shapes, for the Neural Engine or the GPU."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import torch
from executorch.exir import EdgeCompileConfig, EdgeProgramManager, to_edge_transform_and_lower
from torch import nn
from torch.export import export

from mmoe.backends.base import ConstantMethods, ExpertWeights, Programs
from mmoe.backends.coreml.coreml_components import COREML_COMPONENTS
from mmoe.backends.coreml.declaration import CoreMLOptions
from mmoe.backends.coreml.payload import CoreMLModel
from mmoe.backends.coreml.toolchain import import_exporter, import_module, silence
from mmoe.backends.errors import BackendError
from mmoe.backends.program_file import ProgramFile
from mmoe.backends.words import sliding_windows, wide_scales
from mmoe.models.architectures.config import DecoderConfig
from mmoe.runtime_bindings.python.runner import ModelRunner

# A buffer of a layer's routed experts as coremltools names it.
_EXPERT_TABLE = re.compile(r"b_(?:.*_)?layers_(\d+)_feed_forward_routed_(\w+)")
_TABLES = ("gate_up_qweight", "gate_up_scale", "down_qweight", "down_scale")
_ZEROS = ("gate_up_zero", "down_zero")


class CoreMLBackend:
    """Lowers for Core ML; see `mmoe.backends.base.Backend`."""

    name = "coreml"
    runs_here = False
    computes_in_float32 = False
    components = COREML_COMPONENTS

    table_copies = 2  # decoding gathers rows from another form of the table
    weight_copies_in_memory = 1
    rounding = None

    def __init__(self, options: CoreMLOptions) -> None:
        """Checks that coremltools is there.

        Raises:
            BackendError: It is not installed.
        """
        import_module("coremltools")
        self.options = options

    def cache_row_bytes(self, head_dim: int) -> int:
        """Core ML keeps states in float16."""
        return 2 * 2 * head_dim

    def unsupported(self, config: DecoderConfig) -> tuple[str, ...]:
        """See `Backend.unsupported`."""
        return sliding_windows(config) + wide_scales(config)

    def export(self, decoder: nn.Module, *, max_seq_len: int) -> Programs:
        """Two static methods: "forward" takes one token, "prefill" a chunk of `max_seq_len`."""
        position = torch.zeros(1, dtype=torch.int64)
        with torch.no_grad():
            return {
                name: export(decoder, (torch.zeros(1, tokens, dtype=torch.int64), position), strict=False)
                for name, tokens in (("forward", 1), ("prefill", max_seq_len))
            }

    def lower(self, programs: Programs, constant_methods: ConstantMethods) -> EdgeProgramManager:
        """Hands Core ML everything; the methods become functions of one model that share its weights.

        Raises:
            BackendError: Core ML lacks an operator; the message names it.
        """
        coremltools = import_module("coremltools")
        compiler, partition = import_exporter("compiler"), import_exporter("partition")
        specs = compiler.CoreMLBackend.generate_compile_specs(
            minimum_deployment_target=coremltools.target.iOS18,  # states and int4
            # The decoder's own dtypes: float16 but for norms, rotations and routers.
            compute_precision=coremltools.precision.FLOAT32,
            compute_unit=coremltools.ComputeUnit.ALL,
            model_type=compiler.CoreMLBackend.MODEL_TYPE.MODEL,
        )
        # Runners must feed prompts token by token: "forward" takes one.
        methods = {**constant_methods, "enable_dynamic_shape": False} if constant_methods else {}
        try:
            with silence():
                return to_edge_transform_and_lower(
                    dict(programs),
                    partitioner=[partition.CoreMLPartitioner(compile_specs=specs, lower_full_graph=True)],
                    constant_methods=methods,
                    compile_config=EdgeCompileConfig(_check_ir_validity=False, _skip_dim_order=True),
                )
        except NotImplementedError as error:
            raise BackendError(
                f"Core ML cannot run all of the decoder: {str(error).splitlines()[0]}"
            ) from error

    def open_runner(self, path: Path, *, threads: int | None = None) -> ModelRunner:
        """Refuses: Core ML is a part of Apple's systems.

        Raises:
            BackendError: Always.
        """
        raise BackendError(
            f"{path}: Core ML programs run on Apple devices only, with ExecuTorch's Core ML runtime"
        )

    def read_experts(self, program: ProgramFile) -> Iterator[ExpertWeights]:
        """Reads the tables that decoding gathers from."""
        with CoreMLModel(program) as model:
            layers: dict[int, dict[str, torch.Tensor]] = {}
            for name, array in model.constants("forward").items():
                if (match := _EXPERT_TABLE.fullmatch(name)) and match[2] in (*_TABLES, *_ZEROS):
                    layers.setdefault(int(match[1]), {})[match[2]] = torch.from_numpy(array)
        for _, tables in sorted(layers.items()):
            zeros = {name: tables[name] for name in _ZEROS if name in tables}
            yield ExpertWeights(**{name: tables.get(name, torch.empty(0)) for name in _TABLES} | zeros)

    def sizes(self, program: ProgramFile) -> dict[str, int]:
        """Bytes of the model's constants by class, and of the rest."""
        sizes: Counter[str] = Counter()
        with CoreMLModel(program) as model:
            for name, array in model.constants("forward").items():
                table = _EXPERT_TABLE.fullmatch(name)
                # coremltools keeps one of equal constants, so the embedding's scales may have the head's name.
                is_embedding = "embed_tokens" in name or "lm_head" in name
                kind = (
                    "experts"
                    if table and table[2] in (*_TABLES, *_ZEROS)
                    else "embedding"
                    if is_embedding
                    else None
                )
                sizes[kind or "routers and norms"] += array.nbytes
            for matrix in model.int4_matrices("forward"):
                sizes["linears and head"] += matrix.values.size // 2 + matrix.scale.nbytes
        return dict(sizes) | {"program": program.file_bytes - sizes.total()}
