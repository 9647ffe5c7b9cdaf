"""`mmoe_mlx::embedding`: rows of the int4 embedding table, dequantised as they are read."""

import torch
from torch import Tensor
from torch.fx import Node

from mmoe.backends.mlx.delegate import REGISTRY, ProgramBuilder, Slot, op_helpers, schema
from mmoe.backends.mlx.ops.scales import scales_and_biases
from mmoe.backends.mlx.weights import BITS, dequantize_words
from mmoe.quant.int4 import GROUP_SIZE


@torch.library.custom_op("mmoe_mlx::embedding", mutates_args=())
def embedding(weight: Tensor, scale: Tensor, indices: Tensor, dtype: torch.dtype) -> Tensor:
    """Looks up token embeddings, rounded once, to the dtype that is asked for.

    Args:
        weight: uint32 ``[V, H / 8]``, see `mmoe.backends.mlx.weights`.
        scale: float16 ``[V, H / 32]``.
        indices: int64 ``[1, T]``.
        dtype: float16 or float32.

    Returns:
        ``[1, T, H]``.
    """
    rows = weight.view(torch.int32)[indices].view(torch.uint32)  # torch indexes no uint32 tensors
    return dequantize_words(rows, scale[indices]).to(dtype)


@embedding.register_fake
def _(weight: Tensor, scale: Tensor, indices: Tensor, dtype: torch.dtype) -> Tensor:
    return scale.new_empty((*indices.shape, weight.shape[1] * 8), dtype=dtype)


@REGISTRY.register(target=[torch.ops.mmoe_mlx.embedding.default])  # type: ignore[untyped-decorator]
def _lower(builder: ProgramBuilder, node: Node) -> Slot:
    weight, _, indices, dtype = builder.args(node)
    # Scales and biases of the dtype that the tied head uses, so that both share them.
    scales, biases = scales_and_biases(builder, node.args[1], dtype)  # type: ignore[arg-type]
    out = builder.make_or_get_slot(node)
    _, rows = builder.make_tmp_slot()
    op_helpers.emit_quantized_gather(
        builder,
        rows,
        indices,
        weight,
        scales,
        biases,
        group_size=GROUP_SIZE,
        bits=BITS,
        mode="affine",
        out_dtype=torch.float32,
    )
    builder.emit(
        schema.AsTypeNode(
            x=builder.slot_to_tid(rows),
            out=builder.slot_to_tid(out),
            scalar_type=op_helpers.torch_dtype_to_scalar_type(dtype),
        )
    )
    return out
