"""`mmoe_mlx::linear`: a product with an int4 matrix grouped along its input."""

import torch
from torch import Tensor
from torch.fx import Node

from mmoe.backends.mlx.delegate import REGISTRY, ProgramBuilder, Slot, schema
from mmoe.backends.mlx.ops.scales import scales_and_biases
from mmoe.backends.mlx.weights import BITS, dequantize_words
from mmoe.quant.int4 import GROUP_SIZE


@torch.library.custom_op("mmoe_mlx::linear", mutates_args=())
def linear(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """``x @ W.T``, computed in float32 here and in the activations' dtype by the delegate.

    Args:
        x: float16 or float32 ``[..., in]``.
        weight: uint32 ``[out, in / 8]``, see `mmoe.backends.mlx.weights`.
        scale: float16 ``[out, in / 32]``.

    Returns:
        ``[..., out]`` in the dtype of x.
    """
    return torch.nn.functional.linear(x.float(), dequantize_words(weight, scale)).to(x.dtype)


@linear.register_fake
def _(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    return x.new_empty((*x.shape[:-1], weight.shape[0]))


@REGISTRY.register(target=[torch.ops.mmoe_mlx.linear.default])  # type: ignore[untyped-decorator]
def _lower(builder: ProgramBuilder, node: Node) -> Slot:
    x, weight, _ = builder.args(node)
    scales, biases = scales_and_biases(builder, node.args[2], node.meta["val"].dtype)  # type: ignore[arg-type]
    out = builder.make_or_get_slot(node)
    builder.emit(
        schema.QuantizedMatmulNode(
            x=builder.slot_to_tid(x),
            w=builder.slot_to_tid(weight),
            scales=builder.slot_to_tid(scales),
            biases=builder.slot_to_tid(biases),
            out=builder.slot_to_tid(out),
            group_size=GROUP_SIZE,
            bits=BITS,
            mode="affine",
            transpose=True,
        )
    )
    return out
