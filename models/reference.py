"""Reference components: float32 arithmetic on weights, int4 or floats, that are widened at the moment of use."""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from mmoe.models.architectures.description import Routing
from mmoe.models.components import (
    AttentionShape,
    Components,
    ConvShape,
    ExpertTensors,
    GroupedExpertTensors,
)
from mmoe.models.functional import (
    attend_to_cache,
    convolve_causally,
    rms_normalize,
    rotate_pairs,
    route,
    split_heads,
)
from mmoe.models.gated_convolution import GatedConvolution
from mmoe.quant.int4 import dequantize
from mmoe.quant.int8_planes import dequantize_int8


def _widened(weight: Tensor, scale: Tensor) -> Tensor:
    """The float32 values of packed int4, of int8, or of a 16-bit or 32-bit float without a scale; exact."""
    if weight.dtype == torch.int8:
        return dequantize_int8(weight, scale)
    return weight.float() if weight.is_floating_point() else dequantize(weight, scale)


class ReferenceEmbedding(nn.Module):
    """Embedding table of rows."""

    def __init__(self, qweight: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.qweight, self.scale = qweight, scale

    def forward(self, indices: Tensor) -> Tensor:
        """int64 ``[1, T]`` -> float32 ``[1, T, H]``."""
        # Without a scale there is nothing to index.
        scale = self.scale[indices] if self.scale.numel() else self.scale
        return _widened(self.qweight[indices], scale)


class ReferenceLinear(nn.Module):
    """Linear layer without bias on an ``[out, in]`` matrix grouped along its input."""

    def __init__(self, qweight: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.qweight, self.scale = qweight, scale

    def forward(self, x: Tensor) -> Tensor:
        """``[..., in]`` -> ``[..., out]``."""
        return linear(x, _widened(self.qweight, self.scale))


class RMSNorm(nn.Module):
    """``x / sqrt(mean(x^2) + eps) * weight`` (arXiv 1910.07467)."""

    def __init__(self, weight: Tensor, eps: float) -> None:
        super().__init__()
        self.weight, self.eps = weight, eps

    def forward(self, x: Tensor) -> Tensor:
        """``[..., H]`` -> ``[..., H]``."""
        return rms_normalize(x, self.eps) * self.weight


class CachedAttention(nn.Module):
    """Causal grouped-query attention over a KV cache of ``[1, num_kv_heads, C, D]``."""

    key_cache: Tensor
    value_cache: Tensor

    def __init__(self, shape: AttentionShape) -> None:
        super().__init__()
        self.shape = shape
        rows = (1, shape.num_kv_heads, shape.cache_rows, shape.head_dim)
        self.register_buffer("key_cache", torch.zeros(rows))
        self.register_buffer("value_cache", torch.zeros(rows))

    def _rotate_and_normalize(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = split_heads(x, self.shape.head_dim)
        if self.shape.use_rope:
            x = rotate_pairs(x, cos, sin)
        return rms_normalize(x, self.shape.norm_eps) if self.shape.use_qk_norm else x

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, cos: Tensor, sin: Tensor, input_pos: Tensor
    ) -> Tensor:
        """``[1, T, heads * D]`` three times -> ``[1, T, num_heads * D]``; see `Components.attention`."""
        return attend_to_cache(
            self._rotate_and_normalize(query, cos, sin),
            self._rotate_and_normalize(key, cos, sin),
            split_heads(value, self.shape.head_dim),
            key_cache=self.key_cache,
            value_cache=self.value_cache,
            start=int(input_pos),
            scale=self.shape.scale,
            window=self.shape.window,
        )


class CachedConvolution(GatedConvolution):
    """Causal convolution of each channel over the last tokens, which a ring of ``[1, C, H]`` keeps."""

    cache: Tensor

    def __init__(self, weight: Tensor, bias: Tensor | None, shape: ConvShape) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias
        self.register_buffer("cache", torch.zeros(1, shape.cache_rows, shape.channels))

    def convolve(self, x: Tensor, input_pos: Tensor) -> Tensor:
        """``[1, T, H]`` -> ``[1, T, H]``; see `GatedConvolution.convolve`."""
        return convolve_causally(x, self.weight, self.bias, cache=self.cache, start=int(input_pos))


class RoutedExperts(nn.Module):
    """Top-k routed SwiGLU experts, one expert at a time, grouped along the output or the input."""

    def __init__(self, tensors: ExpertTensors | GroupedExpertTensors, routing: Routing) -> None:
        super().__init__()
        self.tensors, self.routing = tensors, routing
        self.router_weight, self.expert_bias = tensors.router_weight, tensors.expert_bias

    @staticmethod
    def _matrix(expert: int, weight: Tensor, scale: Tensor) -> Tensor:
        return _widened(weight[expert], scale[expert] if scale.numel() else scale)

    def _matrices(self, expert: int) -> tuple[Tensor, Tensor]:
        """Gate and up ``[H, 2F]`` and down ``[F, H]``."""
        tensors = self.tensors
        if isinstance(tensors, GroupedExpertTensors):
            return tensors.gate_up.dense(expert).T, tensors.down.dense(expert).T
        return (
            self._matrix(expert, tensors.gate_up_qweight, tensors.gate_up_scale),
            self._matrix(expert, tensors.down_qweight, tensors.down_scale),
        )

    def _expert(self, expert: int, x: Tensor) -> Tensor:
        """``[N, H]`` -> ``[N, H]`` through one SwiGLU whose gate and up halves are concatenated."""
        gate_up, down = self._matrices(expert)
        gate, up = (x @ gate_up).chunk(2, dim=-1)
        return (silu(gate) * up) @ down

    def forward(self, x: Tensor) -> Tensor:
        """``[1, T, H]`` -> ``[1, T, H]``."""
        tokens = x.flatten(0, 1)
        experts, weights, _ = route(tokens, self.router_weight, self.expert_bias, self.routing)
        out = torch.zeros_like(tokens)
        for expert in experts.unique().tolist():
            rows, slots = (experts == expert).nonzero(as_tuple=True)
            out.index_add_(0, rows, self._expert(expert, tokens[rows]) * weights[rows, slots].unsqueeze(-1))
        return out.view_as(x)


REFERENCE = Components(
    embedding=ReferenceEmbedding,
    linear=ReferenceLinear,
    norm=RMSNorm,
    attention=CachedAttention,
    experts=RoutedExperts,
    grouped_experts=RoutedExperts,
    short_conv=CachedConvolution,
)
