"""The operators of `mmoe_mlx` and their lowering; importing this package registers both."""

from mmoe.backends.mlx.ops import gather as _gather  # noqa: F401  # registers its lowering
from mmoe.backends.mlx.ops.embedding import embedding
from mmoe.backends.mlx.ops.last import use_last
from mmoe.backends.mlx.ops.linear import linear
from mmoe.backends.mlx.ops.routed_experts import routed_experts
from mmoe.backends.mlx.ops.routed_experts_in import routed_experts_in

__all__ = ["embedding", "linear", "routed_experts", "routed_experts_in", "use_last"]
