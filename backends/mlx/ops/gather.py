"""Lowers `aten::gather`, which MLX has as take-along-axis and the delegate's exporter leaves out."""

import torch
from torch.fx import Node

from mmoe.backends.mlx.delegate import REGISTRY, ProgramBuilder, Slot, schema


@REGISTRY.register(target=[torch.ops.aten.gather.default])  # type: ignore[untyped-decorator]
def _lower(builder: ProgramBuilder, node: Node) -> Slot:
    x, axis, indices = builder.args(node)[:3]
    out = builder.make_or_get_slot(node)
    builder.emit(
        schema.TakeAlongAxisNode(
            x=builder.slot_to_tid(x),
            indices=builder.slot_to_tid(indices),
            out=builder.slot_to_tid(out),
            axis=axis,
        )
    )
    return out
