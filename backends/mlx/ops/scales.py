"""Scales and biases of a quantised matrix in a delegate: scales are stored, biases are computed when it is loaded."""

import torch
from torch.fx import Node

from mmoe.backends.mlx.delegate import ProgramBuilder, Slot, op_helpers, schema
from mmoe.backends.mlx.weights import OFFSET


def scales_and_biases(builder: ProgramBuilder, scale: Node, dtype: torch.dtype) -> tuple[Slot, Slot]:
    """Returns the slots of a matrix's scales and biases in the dtype of its activations.

    The program stores the checkpoint's float16 scales only. Its initialisation chain, which runs once at load, widens
    them if the activations are float32 (MLX would otherwise do so in every call) and computes ``biases = -8 * scales``.

    Args:
        builder: The program being built.
        scale: Placeholder of the float16 scales.
        dtype: float16 or float32.
    """
    name = builder.get_placeholder_target(scale)
    key = f"{name}:{dtype}"
    if key not in builder.repack_cache:
        (scales,) = builder.slot_map([scale])
        if dtype != torch.float16:
            widened = _computed_at_load(builder, f"{name}_as_{_short(dtype)}", dtype)
            builder.emit_init(
                schema.AsTypeNode(
                    x=builder.slot_to_tid(scales),
                    out=builder.slot_to_tid(widened),
                    scalar_type=op_helpers.torch_dtype_to_scalar_type(dtype),
                )
            )
            scales = widened
        factor = builder.make_or_get_constant(
            f"minus_offset_{_short(dtype)}", torch.tensor(-OFFSET, dtype=dtype)
        )
        biases = _computed_at_load(builder, f"{name}_biases_{_short(dtype)}", dtype)
        builder.emit_init(
            schema.MultiplyNode(
                a=builder.slot_to_tid(scales),
                b=builder.slot_to_tid(factor),
                out=builder.slot_to_tid(biases),
            )
        )
        builder.repack_cache[key] = (scales, biases)
    scales, biases = builder.repack_cache[key]
    return scales, biases


def _computed_at_load(builder: ProgramBuilder, name: str, dtype: torch.dtype) -> Slot:
    """A constant's slot that holds a placeholder scalar in the file and is overwritten by the initialisation chain."""
    return builder.make_or_get_constant(name, torch.zeros((), dtype=dtype))


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
