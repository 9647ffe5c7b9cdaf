"""The MLX backend."""

import torch
from executorch.exir import EdgeCompileConfig, EdgeProgramManager, to_edge_transform_and_lower
from torch.export import ExportedProgram

from mmoe.backends.base import ConstantMethods
from mmoe.backends.mlx.components import mlx_components
from mmoe.backends.mlx.delegate import MLXPartitioner, get_default_passes


class MlxBackend:
    """Lowers for Apple GPUs; see `mmoe.backends.base.Backend`."""

    name = "mlx"

    def __init__(self, dtype: torch.dtype = torch.float16) -> None:
        self.components = mlx_components(dtype)

    def lower(self, program: ExportedProgram, constant_methods: ConstantMethods) -> EdgeProgramManager:
        """Hands MLX the whole decoder."""
        return to_edge_transform_and_lower(
            {"forward": program},
            transform_passes=get_default_passes(),
            partitioner=[MLXPartitioner()],
            constant_methods=dict(constant_methods),
            compile_config=EdgeCompileConfig(_check_ir_validity=False, _skip_dim_order=True),
        )
