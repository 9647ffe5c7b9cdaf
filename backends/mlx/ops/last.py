"""`mmoe_mlx::last`: the last slice of a dimension.

The delegate's exporter hands the index -1 of ``x[:, -1]`` to MLX as it is, and MLX's ``take`` then cuts the empty range
from -1 to 0; so the index is computed from the size instead.
"""

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import Node

from mmoe.backends.mlx.delegate import REGISTRY, ProgramBuilder, Slot
from mmoe.backends.mlx.ops.emitter import Emitter


@torch.library.custom_op("mmoe_mlx::last", mutates_args=())
def last(x: Tensor, dim: int) -> Tensor:
    """``x.select(dim, -1)``."""
    return x.select(dim, -1).clone()


@last.register_fake
def _(x: Tensor, dim: int) -> Tensor:
    return torch.empty_like(x.select(dim, -1))


def use_last(program: ExportedProgram) -> None:
    """Replaces every selection of a last slice in the program by `last`."""
    for node in program.graph.nodes:
        if node.target is torch.ops.aten.select.int and node.args[2] == -1:
            node.target, node.args = torch.ops.mmoe_mlx.last.default, node.args[:2]
    program.graph_module.recompile()


@REGISTRY.register(target=[torch.ops.mmoe_mlx.last.default])  # type: ignore[untyped-decorator]
def _lower(builder: ProgramBuilder, node: Node) -> Slot:
    x, axis = builder.args(node)
    emit = Emitter(builder)
    return emit(
        "TakeNode",
        x=x,
        index=emit.less_one(emit.size(x, axis)),
        axis=axis,
        out=builder.make_or_get_slot(node),
    )
