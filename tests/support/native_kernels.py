"""The C++ kernels from numpy, without ExecuTorch: instruction set and thread count are arguments.

Arrays must be C-contiguous and of the dtypes that `runtime_bindings/cpp/capi/kernels_c.h` names.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mmoe.runtime_bindings.python.library import library_path

Floats: TypeAlias = npt.NDArray[np.float32]

PORTABLE = "portable"
_FAST_ISAS = (
    "neon",
    "neon_dotprod",
    "neon_i8mm",
    "sme2",
    "avx2",
    "avx_vnni",
    "avx512_vnni",
)  # the fastest of a machine last


class KernelError(Exception):
    """A kernel refused its arguments."""


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(Path(library_path()).with_name("libmmoe_kernels_c.so")))
    for name in (
        "check_isa",
        "moe_ffn",
        "moe_ffn_in",
        "attention",
        "embedding",
        "project_panel",
        "swiglu",
        "router_topk",
        "linear",
        "swiglu_ffn",
        "embedding_panels",
    ):
        getattr(library, f"mmoe_{name}").restype = ctypes.c_char_p
    return library


def _argument(value: object) -> object:
    if value is None:
        return ctypes.c_void_p(None)
    if isinstance(value, np.ndarray):
        assert value.flags.c_contiguous
        return ctypes.c_void_p(value.ctypes.data)
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, float):
        return ctypes.c_float(value)
    assert isinstance(value, int)
    return ctypes.c_int64(value)


def _call(name: str, *arguments: object) -> None:
    message = getattr(_library(), f"mmoe_{name}")(*map(_argument, arguments))
    if message is not None:
        raise KernelError(message.decode())


def check_isa(isa: str) -> None:
    _call("check_isa", isa)


def available_isas() -> tuple[str, ...]:
    """Portable first, then what this CPU can run besides."""

    def available(isa: str) -> bool:
        try:
            check_isa(isa)
        except KernelError:
            return False
        return True

    return (PORTABLE, *filter(available, _FAST_ISAS))


@dataclass(frozen=True, kw_only=True)
class RoutedExperts:
    """Arguments of `mmoe::moe_ffn` besides the activations, named and shaped as there."""

    router_weight: Floats
    expert_bias: Floats
    gate_up_weight: npt.NDArray[np.uint8]
    gate_up_scale: npt.NDArray[np.float16]
    down_weight: npt.NDArray[np.uint8]
    down_scale: npt.NDArray[np.float16]
    top_k: int
    norm_topk_prob: bool
    routed_scaling_factor: float

    @property
    def num_experts(self) -> int:
        return int(self.router_weight.shape[0])

    @property
    def hidden_size(self) -> int:
        return int(self.router_weight.shape[1])

    @property
    def intermediate_size(self) -> int:
        return int(self.down_scale.shape[2])


def moe_ffn(layer: RoutedExperts, x: Floats, *, isa: str = PORTABLE, threads: int = 1) -> Floats:
    """x and the result float32 ``[T, H]``."""
    out = np.full_like(x, np.nan)
    _call(
        "moe_ffn", isa, threads, x.shape[0], layer.hidden_size, layer.num_experts, layer.intermediate_size,
        layer.top_k, int(layer.norm_topk_prob), layer.routed_scaling_factor, x, layer.router_weight,
        layer.expert_bias, layer.gate_up_weight, layer.gate_up_scale, layer.down_weight, layer.down_scale, out,
    )  # fmt: skip
    return out


@dataclass(frozen=True, kw_only=True)
class GroupedExperts:
    """Arguments of `mmoe::moe_ffn_in` besides the activations, named and shaped as there."""

    router_weight: Floats
    expert_bias: Floats
    gate_up_weight: npt.NDArray[np.uint8]
    gate_up_scale: npt.NDArray[np.floating]
    gate_up_zero: npt.NDArray[np.uint8] | None
    down_weight: npt.NDArray[np.uint8]
    down_scale: npt.NDArray[np.floating]
    down_zero: npt.NDArray[np.uint8] | None
    group_size: int
    top_k: int
    softmax: bool
    norm_topk_prob: bool
    sum_eps: float
    routed_scaling_factor: float


def moe_ffn_in(layer: GroupedExperts, x: Floats, *, isa: str = PORTABLE, threads: int = 1) -> Floats:
    """x and the result float32 ``[T, H]``."""
    out = np.full_like(x, np.nan)
    experts, hidden = layer.router_weight.shape
    _call(
        "moe_ffn_in", isa, threads, x.shape[0], hidden, experts, 4 * layer.down_weight.shape[2], layer.group_size,
        layer.top_k, int(layer.softmax), int(layer.norm_topk_prob), layer.sum_eps, layer.routed_scaling_factor,
        int(layer.gate_up_scale.dtype == np.float32), x, layer.router_weight, layer.expert_bias,
        layer.gate_up_weight, layer.gate_up_scale, layer.gate_up_zero, layer.down_weight, layer.down_scale,
        layer.down_zero, out,
    )  # fmt: skip
    return out


def router_topk(
    layer: RoutedExperts, x: Floats, *, isa: str = PORTABLE
) -> tuple[Floats, npt.NDArray[np.int32], Floats]:
    """Scores ``[T, E]``, selected experts ``[T, top_k]`` and their weights ``[T, top_k]`` of x ``[T, H]``."""
    tokens = x.shape[0]
    scores = np.empty((tokens, layer.num_experts), np.float32)
    selected = np.empty((tokens, layer.top_k), np.int32)
    weights = np.empty((tokens, layer.top_k), np.float32)
    for t in range(tokens):
        _call(
            "router_topk", isa, layer.num_experts, layer.hidden_size, layer.top_k, int(layer.norm_topk_prob),
            layer.routed_scaling_factor, x[t], layer.router_weight, layer.expert_bias, scores[t], selected[t],
            weights[t],
        )  # fmt: skip
    return scores, selected, weights


@dataclass(frozen=True)
class PanelResult:
    """int8 ``[T, in]``, float32 ``[T]``, float32 ``[T, 32]``."""

    quantized: npt.NDArray[np.int8]
    scales: Floats
    outputs: Floats


def project_panel(
    x: Floats, weight: npt.NDArray[np.uint8], scale: npt.NDArray[np.float16], *, isa: str = PORTABLE
) -> PanelResult:
    """x ``[T, in]`` through one panel: weight uint8 ``[in / 4, 64]``, scale float16 ``[in]``."""
    tokens, inputs = x.shape
    result = PanelResult(
        np.empty((tokens, inputs), np.int8), np.empty(tokens, np.float32), np.empty((tokens, 32), np.float32)
    )
    _call(
        "project_panel",
        isa,
        tokens,
        inputs,
        x,
        weight,
        scale,
        result.quantized,
        result.scales,
        result.outputs,
    )
    return result


def swiglu(gate_up: Floats, *, isa: str = PORTABLE) -> Floats:
    """gate_up float32 ``[2F]`` -> ``[F]``."""
    width = gate_up.shape[0] // 2
    out = np.empty(width, np.float32)
    _call("swiglu", isa, width, gate_up, out)
    return out


def embedding(
    qweight: npt.NDArray[np.uint8],
    scale: npt.NDArray[np.float16],
    ids: npt.NDArray[np.int64],
    *,
    threads: int = 1,
) -> Floats:
    """qweight uint8 ``[V, H / 2]``, scale float16 ``[V, H / 32]``, ids int64 ``[T]`` -> float32 ``[T, H]``."""
    vocab_size, hidden_size = qweight.shape[0], 2 * qweight.shape[1]
    out = np.full((ids.shape[0], hidden_size), np.nan, np.float32)
    _call("embedding", threads, vocab_size, hidden_size, ids.shape[0], qweight, scale, ids, out)
    return out


def embedding_panels(
    weight: npt.NDArray[np.uint8],
    scale: npt.NDArray[np.float16],
    ids: npt.NDArray[np.int64],
    *,
    vocab_size: int,
    threads: int = 1,
) -> Floats:
    """weight uint8 ``[P, H / 4, 64]``, scale float16 ``[P, H / 32, 32]``, ids int64 ``[T]`` -> float32 ``[T, H]``."""
    hidden_size = 32 * scale.shape[1]
    out = np.full((ids.shape[0], hidden_size), np.nan, np.float32)
    _call("embedding_panels", threads, vocab_size, hidden_size, ids.shape[0], weight, scale, ids, out)
    return out


def linear(
    x: Floats,
    weight: npt.NDArray[np.uint8],
    scale: npt.NDArray[np.float16],
    *,
    outputs: int,
    isa: str = PORTABLE,
    threads: int = 1,
) -> Floats:
    """x ``[T, in]``, weight uint8 ``[P, in / 4, 64]``, scale float16 ``[P, in / 32, 32]`` -> ``[T, outputs]``."""
    tokens, inputs = x.shape
    out = np.full((tokens, outputs), np.nan, np.float32)
    _call("linear", isa, threads, tokens, inputs, outputs, x, weight, scale, out)
    return out


@dataclass(frozen=True)
class GatedBlock:
    """Panels of a dense feed-forward block, named and shaped as the arguments of `mmoe::swiglu_ffn`."""

    gate_up_weight: npt.NDArray[np.uint8]
    gate_up_scale: npt.NDArray[np.float16]
    down_weight: npt.NDArray[np.uint8]
    down_scale: npt.NDArray[np.float16]


def swiglu_ffn(block: GatedBlock, x: Floats, *, isa: str = PORTABLE, threads: int = 1) -> Floats:
    """x and the result float32 ``[T, H]``."""
    out = np.full_like(x, np.nan)
    width = 32 * block.down_scale.shape[1]
    _call(
        "swiglu_ffn", isa, threads, x.shape[0], x.shape[1], width, x, block.gate_up_weight, block.gate_up_scale,
        block.down_weight, block.down_scale, out,
    )  # fmt: skip
    return out


@dataclass(frozen=True, kw_only=True)
class AttentionOptions:
    """Arguments of `mmoe::attention` besides tensors."""

    use_rope: bool
    use_qk_norm: bool
    qk_norm_eps: float
    scale: float
    window: int = 0


@dataclass(frozen=True, kw_only=True)
class AttentionInputs:
    """query ``[T, Hq, D]``, key and value ``[T, Hkv, D]``, rope_cos and rope_sin ``[T, D / 2]``; all float32."""

    query: Floats
    key: Floats
    value: Floats
    rope_cos: Floats
    rope_sin: Floats

    def rows(self, begin: int, end: int) -> AttentionInputs:
        return AttentionInputs(
            query=self.query[begin:end],
            key=self.key[begin:end],
            value=self.value[begin:end],
            rope_cos=self.rope_cos[begin:end],
            rope_sin=self.rope_sin[begin:end],
        )


class CacheType(IntEnum):
    FLOAT32 = 0
    FLOAT16 = 1
    INT8 = 2


@dataclass(frozen=True)
class KvCache:
    """Keys and values of one layer, laid out as `runtime_bindings/cpp/kernels/attention/kv_cache.h` says."""

    type: CacheType
    shape: tuple[int, int, int]
    keys: npt.NDArray[np.generic]
    values: npt.NDArray[np.generic]
    key_steps: Floats
    value_steps: Floats

    @classmethod
    def filled(cls, type: CacheType, shape: tuple[int, int, int], value: float = np.nan) -> KvCache:
        """A cache ``[Hkv, C, D]`` whose floats are all `value` and whose integers are all -128."""
        kv_heads, context_len, head_dim = shape
        scales = np.full((2, kv_heads, context_len), value, np.float32)
        if type is CacheType.INT8:
            keys = np.full((kv_heads, -(-context_len // 16), -(-head_dim // 4), 16, 4), -128, np.int8)
            values = np.full((kv_heads, -(-context_len // 4), -(-head_dim // 16) * 16, 4), -128, np.int8)
            return cls(type, shape, keys, values, *scales)
        dtype = np.float16 if type is CacheType.FLOAT16 else np.float32
        return cls(type, shape, np.full(shape, value, dtype), np.full(shape, value, dtype), *scales)

    def rows(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Keys and values as they are meant, float64 ``[Hkv, C, D]``."""
        kv_heads, context_len, head_dim = self.shape
        if self.type is not CacheType.INT8:
            return self.keys.astype(np.float64), self.values.astype(np.float64)
        keys = self.keys.transpose(0, 1, 3, 2, 4).reshape(kv_heads, -1, self.keys.shape[2] * 4)
        values = self.values.transpose(0, 1, 3, 2).reshape(kv_heads, -1, self.values.shape[2])
        return (
            keys[:, :context_len, :head_dim] * self.key_steps[..., None].astype(np.float64),
            values[:, :context_len, :head_dim] * self.value_steps[..., None].astype(np.float64),
        )


def attention(
    inputs: AttentionInputs,
    options: AttentionOptions,
    *,
    position: int,
    cache: KvCache,
    isa: str = PORTABLE,
    threads: int = 1,
) -> Floats:
    """The cache is written; the result is like the query. With a window it is a ring under an endless context."""
    tokens, heads, head_dim = inputs.query.shape
    kv_heads, rows, _ = cache.shape
    context_len = 2**30 if options.window else rows
    out = np.full_like(inputs.query, np.nan)
    _call(
        "attention", isa, threads, tokens, heads, kv_heads, head_dim, context_len, options.window, rows, position,
        int(options.use_rope), int(options.use_qk_norm), options.qk_norm_eps, options.scale, int(cache.type),
        inputs.query, inputs.key, inputs.value, inputs.rope_cos, inputs.rope_sin, cache.keys, cache.values,
        cache.key_steps, cache.value_steps, out,
    )  # fmt: skip
    return out
