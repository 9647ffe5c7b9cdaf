"""The decoder's components for Core ML: static shapes, float16 activations, int4 weights in two forms.

A matrix that is always used whole is an int4 constant which Core ML widens itself (`constexpr_blockwise_shift_scale`).
A table of which rows or experts are picked cannot be one: Core ML's `gather` takes no int4, so it would gather from the
widened table. Tables therefore stay bytes, and what was gathered is unpacked by arithmetic that float16 does exactly.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu
from torchao.quantization.quant_primitives import dequantize_affine

from mmoe.backends.coreml.float_components import FloatEmbedding, FloatLinear
from mmoe.backends.coreml.short_conv import RingConvolution
from mmoe.backends.widened import widened
from mmoe.models.architectures.description import Routing
from mmoe.models.components import AttentionShape, Components, ExpertTensors, GroupedExpertTensors
from mmoe.models.functional import expert_weights, rms_normalize, rotate_pairs, router_scores, split_heads
from mmoe.quant.int4 import GROUP_SIZE, QMAX, QMIN, unpack_nibbles
from mmoe.runtime_bindings.python.errors import OptionError

# Hides a key from softmax; float16 ends at 65504.
_HIDDEN = -4e4


def unpack_bytes(qweight: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    """uint8 ``[..., n / 2]`` and float16 ``[..., n / G]`` -> float16 ``[..., n]`` with operators that Core ML has.

    Every step but the product with the scale is exact: bytes, their sixteenths and nibbles fit float16, and so do zero
    points, uint8 like the scales; without any they are 8.
    """
    byte = qweight.to(torch.float16)
    high = torch.floor(byte * (1 / 16))
    nibbles = torch.stack((byte - 16 * high, high), dim=-1).flatten(-2)
    values = nibbles - 16 * torch.floor(nibbles * (1 / 8))  # two's complement: from 8 on, 16 less
    groups = values.unflatten(-1, (scale.shape[-1], -1))
    if zero is not None:
        groups = groups + (8 - zero.to(torch.float16)).unsqueeze(-1)
    out: Tensor = (groups * scale.unsqueeze(-1)).flatten(-2)
    return out


class Embedding(nn.Module):
    """Rows of the int4 table, unpacked after they were gathered."""

    qweight: Tensor
    scale: Tensor

    def __init__(self, qweight: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("qweight", qweight)
        self.register_buffer("scale", scale)

    def forward(self, indices: Tensor) -> Tensor:
        """int64 ``[1, T]`` -> float16 ``[1, T, H]``."""
        return unpack_bytes(self.qweight[indices], self.scale[indices])


class Linear(nn.Module):
    """A linear layer without bias on an int4 constant with a float16 scale per 32 inputs."""

    values: Tensor
    scale: Tensor

    def __init__(self, qweight: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("values", unpack_nibbles(qweight))
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor) -> Tensor:
        """float16 ``[..., in]`` -> float16 ``[..., out]``."""
        weight = dequantize_affine(
            self.values, (1, GROUP_SIZE), self.scale, None, torch.int8, QMIN, QMAX, output_dtype=torch.float16
        )
        return linear(x, weight)


class Head(nn.Module):
    """The output layer, whose logits are float32."""

    def __init__(self, qweight: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.linear = Linear(qweight, scale)

    def forward(self, x: Tensor) -> Tensor:
        """float16 ``[..., H]`` -> float32 ``[..., V]``."""
        out: Tensor = self.linear(x)
        return out.float()


class RMSNorm(nn.Module):
    """RMS normalisation in float32."""

    weight: Tensor

    def __init__(self, weight: Tensor, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", weight)

    def forward(self, x: Tensor) -> Tensor:
        """float16 ``[..., H]`` -> the same."""
        return (rms_normalize(x.float(), self.eps) * self.weight).to(x.dtype)


class CachedAttention(nn.Module):
    """Attention over a KV cache that becomes Core ML state.

    The buffers are float32, since coremltools reads states, which it always stores as float16, as float32; what is
    written to them was rounded to float16 before.
    """

    key_cache: Tensor
    value_cache: Tensor

    def __init__(self, shape: AttentionShape) -> None:
        super().__init__()
        if shape.window is not None:
            raise OptionError(
                "the coreml backend has no sliding-window attention, which this model's layers need; use xnnpack"
            )
        self.shape = shape
        rows = (1, shape.num_kv_heads, shape.max_context_len, shape.head_dim)
        self.register_buffer("key_cache", torch.zeros(rows))
        self.register_buffer("value_cache", torch.zeros(rows))

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, cos: Tensor, sin: Tensor, input_pos: Tensor
    ) -> Tensor:
        """See `mmoe.models.components.Components.attention`; float16 in and out."""
        shape, tokens = self.shape, query.shape[1]
        positions = input_pos + torch.arange(tokens)
        rows = positions.view(1, 1, tokens, 1).expand(1, shape.num_kv_heads, tokens, shape.head_dim)
        for cache, new in (
            (self.key_cache, self._turn(key, cos, sin)),
            (self.value_cache, self._split(value)),
        ):
            cache.scatter_(2, rows, new.to(torch.float16).float())
        # Query heads of one kv head side by side: [1, kv heads, heads of each, T, D].
        queries = self._turn(query, cos, sin).to(torch.float16).unflatten(1, (shape.num_kv_heads, -1))
        keys, values = (cache.to(torch.float16).unsqueeze(2) for cache in (self.key_cache, self.value_cache))
        visible = torch.arange(shape.max_context_len) <= positions.unsqueeze(-1)
        scores = queries @ keys.transpose(-1, -2) * shape.scale + torch.where(visible, 0.0, _HIDDEN).half()
        mixed = torch.softmax(scores, dim=-1) @ values
        return mixed.flatten(1, 2).transpose(1, 2).flatten(2)

    def _split(self, x: Tensor) -> Tensor:
        return split_heads(x, self.shape.head_dim)

    def _turn(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Rotated and normalised in float32."""
        heads = self._split(x).float()
        if self.shape.use_rope:
            heads = rotate_pairs(heads, cos, sin)
        return rms_normalize(heads, self.shape.norm_eps) if self.shape.use_qk_norm else heads


class RoutedExperts(nn.Module):
    """The routed experts: one token gathers its own, several tokens pass through all of them.

    Core ML has no product that picks a matrix per row, and shapes are static, so that tokens cannot be sorted by
    expert. A chunk of tokens meets nearly all experts anyway; a token has zero weight for those it is not sent to.
    """

    router_weight: Tensor
    expert_bias: Tensor

    def __init__(self, tensors: ExpertTensors | GroupedExpertTensors, routing: Routing) -> None:
        super().__init__()
        self.routing = routing
        self.register_buffer("router_weight", tensors.router_weight)
        self.register_buffer("expert_bias", tensors.expert_bias)
        self.by_input = isinstance(tensors, GroupedExpertTensors)
        for name, tensor in _tables(tensors).items():
            self.register_buffer(name, tensor)

    def forward(self, x: Tensor) -> Tensor:
        """float16 ``[1, T, H]`` -> the same."""
        tokens = x.flatten(0, 1)
        scores, experts, weights = self._route(tokens.float())
        if tokens.shape[0] == 1:
            chosen, by_expert = experts[0], weights[0].unsqueeze(-1)  # [K], [K, T]
        else:
            # Indices that are constant would let coremltools compute the widened tables ahead: four times their bytes.
            chosen = torch.arange(scores.shape[-1]) + experts[0, 0] * 0
            by_expert = torch.zeros_like(scores).scatter(-1, experts, weights).transpose(0, 1)  # [E, T]
        gate, up = (tokens.unsqueeze(0) @ self._matrices("gate_up", chosen)).chunk(2, dim=-1)
        outputs = (silu(gate) * up) @ self._matrices("down", chosen)  # [N, T, H]
        return (outputs.float() * by_expert.unsqueeze(-1)).sum(dim=0, keepdim=True).to(x.dtype)

    def _matrices(self, name: str, chosen: Tensor) -> Tensor:
        """Some experts' matrices, float16 ``[N, in, out]``."""
        tables = [getattr(self, f"{name}_{part}", None) for part in ("qweight", "scale", "zero")]
        qweight, scale, *zero = [table[chosen] for table in tables if table is not None]
        unpacked = unpack_bytes(qweight, scale, *zero)
        return unpacked.transpose(1, 2) if self.by_input else unpacked

    def _route(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`mmoe.models.functional.route` with the operators that Core ML has, in float32."""
        scores = router_scores(linear(tokens, self.router_weight), self.routing.score)
        experts = (scores + self.expert_bias).topk(self.routing.top_k, dim=-1).indices
        return scores, experts, expert_weights(scores.gather(-1, experts), self.routing)


def _tables(tensors: ExpertTensors | GroupedExpertTensors) -> dict[str, Tensor | None]:
    """What is gathered from, by name."""
    if isinstance(tensors, ExpertTensors):
        return {
            name: tensor for name, tensor in vars(tensors).items() if name.startswith(("gate_up_", "down_"))
        }
    return {
        f"{name}_{part}": getattr(getattr(tensors, name), part)
        for name in ("gate_up", "down")
        for part in ("qweight", "scale", "zero")
    }


def _embedding(qweight: Tensor, scale: Tensor) -> nn.Module:
    int4 = qweight.dtype == torch.uint8
    return Embedding(qweight, scale) if int4 else FloatEmbedding(widened(qweight, scale))


def _linear(qweight: Tensor, scale: Tensor) -> nn.Module:
    int4 = qweight.dtype == torch.uint8
    return Linear(qweight, scale) if int4 else FloatLinear(widened(qweight, scale))


def _tied_embedding(qweight: Tensor, scale: Tensor) -> tuple[nn.Module, nn.Module]:
    """Both forms of the one table: bytes to gather from, an int4 constant to multiply with."""
    if qweight.dtype != torch.uint8:
        return _embedding(qweight, scale), _linear(qweight, scale)
    return Embedding(qweight, scale), Head(qweight, scale)


COREML_COMPONENTS = Components(
    embedding=_embedding,
    linear=_linear,
    norm=RMSNorm,
    attention=CachedAttention,
    experts=RoutedExperts,
    grouped_experts=RoutedExperts,
    short_conv=RingConvolution,
    tied_embedding=_tied_embedding,
)
