"""What a variant of the decoder is made of.

The decoder's structure is written once (`decoder.py`). Where its weights meet activations it asks a `Components` for a
module: the reference computes in float32 from the packed weights, a backend returns modules built from operators that
it can lower. A new backend is a new set of the first five constructors; the others let it fuse what belongs together.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from mmoe.models.architectures.description import Routing
from mmoe.quant.grouped_layout import GroupedExperts


@dataclass(frozen=True, kw_only=True)
class AttentionShape:
    """Shape and options of one attention layer.

    Attributes:
        num_heads: Query heads.
        num_kv_heads: Key and value heads; query head h reads kv head ``h // (num_heads // num_kv_heads)``.
        head_dim: Width of a head.
        max_context_len: Positions that the cache serves.
        window: Keys that a token sees, its own included; None for all before it.
        cache_rows: Rows of the KV cache: `max_context_len`, or those of a ring that keeps what the window of any
            call sees.
        use_rope: Whether this layer rotates queries and keys.
        use_qk_norm: Whether queries and keys are normalised per head after that, without a weight; a QK-norm with a
            weight has been applied before.
        norm_eps: Added to the mean square in QK-norm.
        scale: Factor of the dot products.
        rope_frequencies: float32 ``[head_dim / 2]``, radians per position of each pair; for backends whose kernel
            computes the angles itself.
    """

    num_heads: int
    num_kv_heads: int
    head_dim: int
    max_context_len: int
    window: int | None
    cache_rows: int
    use_rope: bool
    use_qk_norm: bool
    norm_eps: float
    scale: float
    rope_frequencies: Tensor


@dataclass(frozen=True, kw_only=True)
class ConvShape:
    """Shape of one short convolution.

    Attributes:
        taps: Tokens that one result sees, its own included.
        channels: H, each convolved by itself.
        max_context_len: Positions that the cache serves.
        cache_rows: Rows of the cache: those of a ring that keeps what the taps of any call see.
    """

    taps: int
    channels: int
    max_context_len: int
    cache_rows: int


@dataclass(frozen=True, kw_only=True)
class ExpertTensors:
    """The tensors of one layer's routed experts as the checkpoint stores them.

    Attributes:
        router_weight: float32 ``[E, H]``.
        expert_bias: float32 ``[E]``; zeros where the router has no selection bias.
        gate_up_qweight: uint8 ``[E, H, F]`` (two int4 per byte, grouped along the output).
        gate_up_scale: float16 ``[E, H, 2F / 32]``.
        down_qweight: uint8 ``[E, F, H / 2]``.
        down_scale: float16 ``[E, F, H / 32]``.
    """

    router_weight: Tensor
    expert_bias: Tensor
    gate_up_qweight: Tensor
    gate_up_scale: Tensor
    down_qweight: Tensor
    down_scale: Tensor


@dataclass(frozen=True, kw_only=True)
class GroupedExpertTensors:
    """The same of experts that are grouped along the input.

    Attributes:
        router_weight: float32 ``[E, H]``.
        expert_bias: float32 ``[E]``; zeros where the router has no selection bias.
        gate_up: ``[E, 2F, H]``, gate half first.
        down: ``[E, H, F]``.
    """

    router_weight: Tensor
    expert_bias: Tensor
    gate_up: GroupedExperts
    down: GroupedExperts


Packed = tuple[Tensor, Tensor]
"""``(qweight uint8 [out, in / 2], scale float16 [out, in / 32])`` of a dense matrix in int4; of one in int8
``(int8 [out, in], float16 [out, in / 32] or float32 [out, in / 16])``; of floats these and an empty scale."""


@dataclass(frozen=True, kw_only=True)
class Components:
    """Constructors of the modules that a variant of the decoder is assembled from.

    Attributes:
        embedding: ``(qweight uint8 [V, H/2], scale float16 [V, H/32])`` -> module, int64 ``[1, T]`` to ``[1, T, H]``.
            Of a table in int8 or in floats what `Packed` says.
        linear: ``(qweight uint8 [out, in/2], scale float16 [out, in/32])`` -> module, ``[..., in]`` to ``[..., out]``.
            Of a matrix in int8 or in floats what `Packed` says.
        norm: ``(weight float32 [N], eps)`` -> module, ``[1, T, N]`` to the same.
        attention: ``(shape)`` -> module with a KV cache of its own,
            ``(q [1, T, Hq*D], k, v [1, T, Hkv*D], cos, sin [T, D/2], input_pos [1])`` to ``[1, T, Hq*D]``.
        experts: ``(tensors, routing)`` -> module, ``[1, T, H]`` to the same; it keeps ``router_weight``,
            ``expert_bias`` and ``routing`` as attributes, from which a verification counts router flips.
        grouped_experts: The same for experts that are grouped along the input; None for a variant that has none.
        tied_embedding: ``(qweight, scale)`` -> the embedding and the head that share the table; None for one of each.
        projections: ``(query, key, value)``, three `Packed` -> module, ``[1, T, H]`` to the three products; None for
            three linears.
        short_conv: ``(taps' weights float32 [H, taps], bias float32 [H] or None, shape)`` -> module with a cache of
            its own, ``(projected [1, T, 3 * H], input_pos [1])`` to ``[1, T, H]``: `GatedConvolution`; None for a
            variant that has none.
        gated: ``(gate, up, down)``, three `Packed` -> module, ``[1, T, H]`` to the same: ``down(silu(gate) * up)``;
            None for three linears.
    """

    embedding: Callable[[Tensor, Tensor], nn.Module]
    linear: Callable[[Tensor, Tensor], nn.Module]
    norm: Callable[[Tensor, float], nn.Module]
    attention: Callable[[AttentionShape], nn.Module]
    experts: Callable[[ExpertTensors, Routing], nn.Module]
    grouped_experts: Callable[[GroupedExpertTensors, Routing], nn.Module] | None = None
    tied_embedding: Callable[[Tensor, Tensor], tuple[nn.Module, nn.Module]] | None = None
    projections: Callable[[Packed, Packed, Packed], nn.Module] | None = None
    short_conv: Callable[[Tensor, Tensor | None, ConvShape], nn.Module] | None = None
    gated: Callable[[Packed, Packed, Packed], nn.Module] | None = None
