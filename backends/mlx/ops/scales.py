"""Scales and biases of a quantised matrix in a delegate: scales are stored, biases are computed when it is loaded."""

import torch
from torch.fx import Node

from mmoe.backends.mlx.delegate import ProgramBuilder, Slot, op_helpers, schema
from mmoe.backends.mlx.weights import OFFSET


def scales_and_biases(
    builder: ProgramBuilder, scale: Node, dtype: torch.dtype, *, zero: Node | None = None
) -> tuple[Slot, Slot]:
    """Returns the slots of a matrix's scales and biases in the dtype of its activations.

    The program stores the checkpoint's scales and zero points only. Its initialisation chain, which runs once at load,
    converts scales to the activations' dtype (MLX would otherwise do so in every call) and computes
    ``biases = -8 * scales``, or ``-zero * scales``. The first is exact in either dtype, the second in float32.

    Args:
        builder: The program being built.
        scale: Placeholder of the scales.
        dtype: float16 or float32.
        zero: Placeholder of the uint8 zero points; None for 8 everywhere.
    """
    name = builder.get_placeholder_target(scale)
    key = f"{name}:{dtype}"
    if key not in builder.repack_cache:
        (scales,) = builder.slot_map([scale])
        if dtype != scale.meta["val"].dtype:
            scales = _converted(builder, scales, name, dtype)
        factor, zeros = -OFFSET, scales
        if zero is not None:
            (stored,) = builder.slot_map([zero])
            points = _converted(builder, stored, builder.get_placeholder_target(zero), dtype)
            zeros = _product(builder, scales, points, f"{name}_times_zero_{_short(dtype)}", dtype)
            factor = -1
        number = builder.make_or_get_constant(
            f"minus_offset_{_short(dtype)}" if zero is None else f"minus_one_{_short(dtype)}",
            torch.tensor(factor, dtype=dtype),
        )
        biases = _product(builder, zeros, number, f"{name}_biases_{_short(dtype)}", dtype)
        builder.repack_cache[key] = (scales, biases)
    scales, biases = builder.repack_cache[key]
    return scales, biases


def _converted(builder: ProgramBuilder, x: Slot, name: str, dtype: torch.dtype) -> Slot:
    out = _computed_at_load(builder, f"{name}_as_{_short(dtype)}", dtype)
    builder.emit_init(
        schema.AsTypeNode(
            x=builder.slot_to_tid(x),
            out=builder.slot_to_tid(out),
            scalar_type=op_helpers.torch_dtype_to_scalar_type(dtype),
        )
    )
    return out


def _product(builder: ProgramBuilder, a: Slot, b: Slot, name: str, dtype: torch.dtype) -> Slot:
    out = _computed_at_load(builder, name, dtype)
    builder.emit_init(
        schema.MultiplyNode(a=builder.slot_to_tid(a), b=builder.slot_to_tid(b), out=builder.slot_to_tid(out))
    )
    return out


def _computed_at_load(builder: ProgramBuilder, name: str, dtype: torch.dtype) -> Slot:
    """A constant's slot that holds a placeholder scalar in the file and is overwritten by the initialisation chain."""
    return builder.make_or_get_constant(name, torch.zeros((), dtype=dtype))


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
