"""What each instruction of the MLX delegate computes, in terms of `mlx.core`.

An entry takes the instruction's operands by the schema's names, slots already replaced by arrays and integers, and
returns what goes to ``out``, or a list of what goes to ``outs``. Only the instructions that a decoder is lowered to
are here; the semantics are those of `executorch/backends/mlx/serialization/schema.fbs`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from mmoe.backends.mlx.replay.library import mlx_core

Array = Any
Compute = Callable[..., Any]


def dtype_of(scalar_type: int) -> Any:
    """The MLX dtype of an ExecuTorch ScalarType code."""
    mx = mlx_core()
    return {0: mx.uint8, 3: mx.int32, 4: mx.int64, 5: mx.float16, 6: mx.float32, 28: mx.uint32}[scalar_type]


def _addmm(*, mat1: Array, mat2: Array, bias: Array | None, alpha: float, beta: float) -> Array:
    product = alpha * (mat1 @ mat2)
    return product if bias is None else product + beta * bias


def _slice(*, x: Array, axis: int, start: int, stop: int, step: int) -> Array:
    return x[_along(x, axis, slice(start, stop, step))]


def _slice_update(*, dst: Array, update: Array, axis: int, start: int, stop: int, step: int) -> Array:
    if not (0 <= start <= stop <= dst.shape[axis] and step == 1 and stop - start == update.shape[axis]):
        raise ValueError(f"rows {start}..{stop - 1} do not fit a buffer of {dst.shape[axis]}")
    if start == stop:
        return dst  # what is left of a call's rows behind the end of a ring
    mx = mlx_core()
    return mx.slice_update(dst, update.astype(dst.dtype), mx.array([start]), axes=[axis % dst.ndim])


def _split(*, x: Array, sizes: list[int], axis: int) -> list[Array]:
    # One size is that of every part but the last, which has what is left.
    (size,) = sizes
    parts: list[Array] = mlx_core().split(x, [*range(size, x.shape[axis], size)], axis)
    return parts


def _along(x: Array, axis: int, index: slice) -> tuple[slice, ...]:
    place: int = axis % x.ndim
    return (slice(None),) * place + (index,)


def _attention(*, q: Array, k: Array, v: Array, scale: float, mask: Array | None, causal: bool) -> Array:
    return mlx_core().fast.scaled_dot_product_attention(
        q, k, v, scale=scale, mask="causal" if causal else mask
    )


def _rope(
    *, x: Array, dims: int, offset: Any, freqs: Array | None, traditional: bool, base: float, scale: float
) -> Array:
    return mlx_core().fast.rope(
        x,
        dims,
        traditional=traditional,
        base=base if freqs is None else None,
        scale=scale,
        offset=offset,
        freqs=freqs,
    )


def _quantized_matmul(*, x: Array, w: Array, scales: Array, biases: Array, **options: Any) -> Array:
    return mlx_core().quantized_matmul(x, w, scales, biases, **options)


def _gather_qmm(
    *, x: Array, w: Array, scales: Array, biases: Array, sorted_indices_flag: int | None, **options: Any
) -> Array:
    if sorted_indices_flag is not None:
        options["sorted_indices"] = bool(sorted_indices_flag)
    return mlx_core().gather_qmm(x, w, scales, biases, **options)


def _dequantize(*, w: Array, scales: Array, biases: Array, dtype: int | None, **options: Any) -> Array:
    result_dtype = None if dtype is None else dtype_of(dtype)
    return mlx_core().dequantize(w, scales, biases, dtype=result_dtype, **options)


def instruction_set() -> Mapping[str, Compute]:
    """The computations by instruction name."""
    mx = mlx_core()
    return {
        "AddIntNode": lambda *, a, b: a + b,
        "SubtractIntNode": lambda *, a, b: a - b,
        "MultiplyIntNode": lambda *, a, b: a * b,
        "FloorDivideIntNode": lambda *, a, b: a // b,
        "ModIntNode": lambda *, a, b: a % b,
        "SymSizeNode": lambda *, a, dim: a.shape[dim],
        "ItemIntNode": lambda *, x: int(x.item()),
        "IdCopyNode": lambda *, x: x,
        "AsTypeNode": lambda *, x, scalar_type: x.astype(dtype_of(scalar_type)),
        "ReshapeNode": lambda *, x, shape: x.reshape(shape),
        "TransposeNode": lambda *, x, perm: x.transpose(perm),
        "ExpandDimsNode": lambda *, x, axis: mx.expand_dims(x, axis),
        "SqueezeNode": lambda *, x, dims: mx.squeeze(x, dims or None),
        "SliceNode": _slice,
        "SplitNode": _split,
        "SliceUpdateNode": _slice_update,
        "TakeNode": lambda *, x, index, axis: mx.take(x, index, axis),
        "TakeAlongAxisNode": lambda *, x, indices, axis: mx.take_along_axis(x, indices, axis),
        "RepeatNode": lambda *, x, repeats, axis: mx.repeat(x, repeats, axis),
        "ARangeNode": lambda *, start, stop, step, scalar_type: mx.arange(
            start, stop, step, dtype_of(scalar_type)
        ),
        "ConcatenateNode": lambda *, tensors, axis: mx.concatenate(tensors, axis),
        "FullLikeNode": lambda *, x, v, scalar_type: mx.full(
            x.shape, v, x.dtype if scalar_type is None else dtype_of(scalar_type)
        ),
        "WhereNode": lambda *, condition, x, y: mx.where(condition, x, y),
        "GreaterEqualNode": lambda *, a, b: a >= b,
        "RemainderNode": lambda *, a, b: mx.remainder(a, b),
        "SubtractNode": lambda *, a, b: a - b,
        "AddNode": lambda *, a, b: a + b,
        "MultiplyNode": lambda *, a, b: a * b,
        "DivideNode": lambda *, a, b: a / b,
        "SigmoidNode": lambda *, x: mx.sigmoid(x),
        "SoftmaxNode": lambda *, x, axis, precise: mx.softmax(x, axis=axis, precise=bool(precise)),
        "SiluNode": lambda *, x: x * mx.sigmoid(x),
        "SumNode": lambda *, x, axes, keepdims: mx.sum(x, axis=axes or None, keepdims=keepdims),
        "ArgsortNode": lambda *, x, axis: mx.argsort(x, axis),
        "ArgPartitionNode": lambda *, x, kth, axis: mx.argpartition(x, kth, axis),
        "AddmmNode": _addmm,
        "RMSNormNode": lambda *, x, weight, eps: mx.fast.rms_norm(x, weight, eps),
        "RopeNode": _rope,
        "SdpaNode": _attention,
        "QuantizedMatmulNode": _quantized_matmul,
        "GatherQmmNode": _gather_qmm,
        "DequantizeNode": _dequantize,
    }
