"""The decoder's components for Apple GPUs: the operators that MLX's delegate lowers, and ours on int4 weights."""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm

from mmoe.backends.mlx import ops
from mmoe.backends.mlx.float_components import FloatEmbedding, FloatLinear
from mmoe.backends.mlx.short_conv import RingConvolution
from mmoe.backends.mlx.weights import to_words
from mmoe.backends.widened import widened
from mmoe.models.architectures.description import Routing
from mmoe.models.components import AttentionShape, Components, ExpertTensors, GroupedExpertTensors
from mmoe.models.functional import expert_weights, router_scores, split_heads
from mmoe.quant.grouped_layout import GroupedExperts
from mmoe.runtime_bindings.python.errors import OptionError


class PackedMatrix(nn.Module):
    """An int4 matrix in MLX's words."""

    weight: Tensor
    scale: Tensor

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale)


class Embedding(nn.Module):
    """Embedding rows; everything after it computes in the dtype that it returns."""

    def __init__(self, table: PackedMatrix, dtype: torch.dtype) -> None:
        super().__init__()
        self.table, self.dtype = table, dtype

    def forward(self, indices: Tensor) -> Tensor:
        """int64 ``[1, T]`` -> ``[1, T, H]``."""
        out: Tensor = ops.embedding(self.table.weight, self.table.scale, indices, self.dtype)
        return out


class Linear(nn.Module):
    """A linear layer without bias."""

    def __init__(self, matrix: PackedMatrix) -> None:
        super().__init__()
        self.matrix = matrix

    def forward(self, x: Tensor) -> Tensor:
        """``[..., in]`` -> ``[..., out]``."""
        out: Tensor = ops.linear(x, self.matrix.weight, self.matrix.scale)
        return out


class RMSNorm(nn.Module):
    """RMS normalisation; MLX accumulates it in float32."""

    weight: Tensor

    def __init__(self, weight: Tensor, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", weight)

    def forward(self, x: Tensor) -> Tensor:
        """``[1, T, H]`` -> ``[1, T, H]``."""
        return rms_norm(x, self.weight.shape, self.weight, self.eps)


class CachedAttention(nn.Module):
    """Attention with the KV cache in mutable buffers, RoPE and attention as one fused kernel each."""

    key_cache: Tensor
    value_cache: Tensor
    wavelengths: Tensor

    def __init__(self, shape: AttentionShape, dtype: torch.dtype) -> None:
        super().__init__()
        if shape.window is not None:
            raise OptionError(
                "the mlx backend has no sliding-window attention, which this model's layers need; use xnnpack"
            )
        self.shape = shape
        rows = (1, shape.num_kv_heads, shape.max_context_len, shape.head_dim)
        self.register_buffer("key_cache", torch.zeros(rows, dtype=dtype))
        self.register_buffer("value_cache", torch.zeros(rows, dtype=dtype))
        # MLX's kernel divides positions by these.
        self.register_buffer("wavelengths", 1 / shape.rope_frequencies)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, cos: Tensor, sin: Tensor, input_pos: Tensor
    ) -> Tensor:
        """See `mmoe.models.components.Components.attention`; the kernel computes cos and sin itself."""
        start = input_pos.item()
        torch._check(start >= 0)
        torch._check(start + query.shape[1] <= self.shape.max_context_len)
        heads = [split_heads(x, self.shape.head_dim) for x in (query, key, value)]
        queries, keys = (self._turn_and_normalise(x, start) for x in heads[:2])
        torch.ops.mlx.kv_cache_update(self.key_cache, keys, start)
        torch.ops.mlx.kv_cache_update(self.value_cache, heads[2], start)
        mixed: Tensor = torch.ops.mlx.custom_sdpa(
            queries, self.key_cache, self.value_cache, start, None, 0.0, True, self.shape.scale
        )
        return mixed.transpose(1, 2).flatten(2)

    def _turn_and_normalise(self, x: Tensor, start: int | float) -> Tensor:
        width = self.shape.head_dim
        if self.shape.use_rope:
            x = torch.ops.mlx.rope(x, width, start, True, 0.0, 1.0, self.wavelengths)
        if self.shape.use_qk_norm:
            x = rms_norm(x, (width,), None, self.shape.norm_eps)
        return x


class Router(nn.Module):
    """What chooses the experts of every token, in float32."""

    router_weight: Tensor
    expert_bias: Tensor

    def __init__(self, tensors: ExpertTensors | GroupedExpertTensors, routing: Routing) -> None:
        super().__init__()
        self.routing = routing
        self.register_buffer("router_weight", tensors.router_weight)
        self.register_buffer("expert_bias", tensors.expert_bias)

    def route(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """`mmoe.models.functional.route` with the operators that MLX has."""
        scores = router_scores(torch.nn.functional.linear(tokens, self.router_weight), self.routing.score)
        experts = (scores + self.expert_bias).topk(self.routing.top_k, dim=-1).indices
        return experts, expert_weights(scores.gather(-1, experts), self.routing)


class RoutedExperts(Router):
    """The routed experts of a layer: the router, then two gathered products on the checkpoint's own layout."""

    def __init__(self, tensors: ExpertTensors, routing: Routing) -> None:
        super().__init__(tensors, routing)
        self.gate_up = PackedMatrix(to_words(tensors.gate_up_qweight), tensors.gate_up_scale)
        self.down = PackedMatrix(to_words(tensors.down_qweight), tensors.down_scale)

    def forward(self, x: Tensor) -> Tensor:
        """``[1, T, H]`` -> ``[1, T, H]``."""
        tokens = x.flatten(0, 1)
        experts, weights = self.route(tokens.float())
        gate_up, down = self.gate_up, self.down
        mixed: Tensor = ops.routed_experts(
            tokens, experts, weights, gate_up.weight, gate_up.scale, down.weight, down.scale
        )
        return mixed.unsqueeze(0)


class GroupedMatrix(nn.Module):
    """One projection of experts that are grouped along the input, in MLX's words."""

    weight: Tensor
    scale: Tensor
    zero: Tensor | None

    def __init__(self, experts: GroupedExperts) -> None:
        super().__init__()
        self.register_buffer("weight", to_words(experts.qweight))
        self.register_buffer("scale", experts.scale)
        self.register_buffer("zero", experts.zero)

    @property
    def parts(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Words, scales, zero points."""
        return self.weight, self.scale, self.zero


class InputGroupedExperts(Router):
    """The same of experts that are grouped along the input."""

    def __init__(self, tensors: GroupedExpertTensors, routing: Routing) -> None:
        super().__init__(tensors, routing)
        self.gate_up, self.down = GroupedMatrix(tensors.gate_up), GroupedMatrix(tensors.down)

    def forward(self, x: Tensor) -> Tensor:
        """``[1, T, H]`` -> ``[1, T, H]``."""
        tokens = x.flatten(0, 1)
        experts, weights = self.route(tokens.float())
        mixed = ops.routed_experts_in(
            tokens, experts, weights, gate_up=self.gate_up.parts, down=self.down.parts
        )
        return mixed.unsqueeze(0)


def _embedding(qweight: Tensor, scale: Tensor, dtype: torch.dtype) -> nn.Module:
    if qweight.dtype != torch.uint8:
        return FloatEmbedding(widened(qweight, scale), dtype)
    return Embedding(PackedMatrix(to_words(qweight), scale), dtype)


def _linear(qweight: Tensor, scale: Tensor, dtype: torch.dtype) -> nn.Module:
    if qweight.dtype != torch.uint8:
        return FloatLinear(widened(qweight, scale), dtype)
    return Linear(PackedMatrix(to_words(qweight), scale))


def _tied_embedding(qweight: Tensor, scale: Tensor, dtype: torch.dtype) -> tuple[nn.Module, nn.Module]:
    if qweight.dtype != torch.uint8:
        return _embedding(qweight, scale, dtype), _linear(qweight, scale, dtype)
    table = PackedMatrix(to_words(qweight), scale)
    return Embedding(table, dtype), Linear(table)


def mlx_components(dtype: torch.dtype) -> Components:
    """The variant for one dtype of activations (and of the KV cache and the logits), float16 or float32."""
    return Components(
        embedding=partial(_embedding, dtype=dtype),
        linear=partial(_linear, dtype=dtype),
        norm=lambda weight, eps: RMSNorm(weight.to(dtype), eps),
        attention=partial(CachedAttention, dtype=dtype),
        experts=RoutedExperts,
        grouped_experts=InputGroupedExperts,
        short_conv=partial(RingConvolution, dtype=dtype),
        tied_embedding=partial(_tied_embedding, dtype=dtype),
    )
