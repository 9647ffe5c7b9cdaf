"""What this backend uses of `executorch.backends.mlx`, imported in one place after its files were prepared."""

import logging
from typing import Any

from mmoe.backends.mlx.bootstrap import import_delegate

import_delegate()

from executorch.backends.mlx.builder import op_helpers  # noqa: E402  # needs the line above
from executorch.backends.mlx.builder.op_registry import REGISTRY  # noqa: E402
from executorch.backends.mlx.builder.slot_manager import Slot  # noqa: E402
from executorch.backends.mlx.partitioner import MLXPartitioner  # noqa: E402
from executorch.backends.mlx.passes import get_default_passes  # noqa: E402
from executorch.backends.mlx.serialization import mlx_graph_schema as schema  # noqa: E402

# It would print a summary of every program to stderr.
logging.getLogger("executorch.backends.mlx").setLevel(logging.WARNING)

# ExecuTorch has no types; the name says what is meant.
ProgramBuilder = Any

__all__ = [
    "REGISTRY",
    "MLXPartitioner",
    "ProgramBuilder",
    "Slot",
    "get_default_passes",
    "op_helpers",
    "schema",
]
