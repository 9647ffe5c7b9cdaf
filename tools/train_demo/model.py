"""The decoder as the trainer runs it: whole rows, no cache, matrix products in bfloat16, the rest in float32."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tools.train_demo.experts import RoutedExperts, Router
from tools.train_demo.shape import ModelShape
from tools.train_demo.weights import GroupedWeight, RMSNorm, int8_activations, rms_normalize


class Attention(nn.Module):
    """Causal grouped-query attention with interleaved RoPE, then scaleless RMS norm of queries and keys."""

    def __init__(self, shape: ModelShape, *, deviation: float) -> None:
        super().__init__()
        self._shape = shape
        hidden, head_dim = shape.hidden_size, shape.head_dim
        query, key = shape.num_attention_heads * head_dim, shape.num_key_value_heads * head_dim
        self.q_proj = GroupedWeight(query, hidden, deviation=deviation)
        self.k_proj = GroupedWeight(key, hidden, deviation=deviation)
        self.v_proj = GroupedWeight(key, hidden, deviation=deviation)
        self.o_proj = GroupedWeight(hidden, query, deviation=deviation / (2 * shape.num_hidden_layers) ** 0.5)

    def forward(self, x: Tensor, rotations: Tensor, *, int8: bool) -> Tensor:
        """``[B, T, H]`` and complex rotations ``[T, head_dim / 2]`` -> ``[B, T, H]``."""
        batch, length, _ = x.shape
        heads, kv_heads = self._shape.num_attention_heads, self._shape.num_key_value_heads
        weight = torch.cat([part(x.dtype) for part in (self.q_proj, self.k_proj, self.v_proj)])
        split = F.linear(x, weight).view(batch, length, -1, self._shape.head_dim)
        rotated = self._rotate(split[:, :, : heads + kv_heads], rotations)
        query = rotated[:, :, :heads].transpose(1, 2).flatten(0, 1)
        key, value = (
            part.repeat_interleave(heads // kv_heads, 2).transpose(1, 2).flatten(0, 1)
            for part in (rotated[:, :, heads:], split[:, :, heads + kv_heads :])
        )
        future = torch.full((length, length), -torch.inf, dtype=x.dtype).triu(1)
        scores = torch.baddbmm(future, query, key.transpose(1, 2), alpha=self._shape.head_dim**-0.5)
        mixed = torch.bmm(scores.softmax(-1), value).unflatten(0, (batch, heads))
        mixed = mixed.transpose(1, 2).reshape(batch, length, -1)
        return F.linear(int8_activations(mixed) if int8 else mixed, self.o_proj(x.dtype))

    def _rotate(self, x: Tensor, rotations: Tensor) -> Tensor:
        pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
        rotated = torch.view_as_real(pairs * rotations[: x.shape[1], None]).flatten(-2)
        return rms_normalize(rotated, self._shape.rms_norm_eps).to(x.dtype)


class SharedExpert(nn.Module):
    """The SwiGLU that every token passes through."""

    def __init__(self, shape: ModelShape, *, deviation: float) -> None:
        super().__init__()
        hidden, width = shape.hidden_size, shape.intermediate_size_mlp
        self.gate_proj = GroupedWeight(width, hidden, deviation=deviation)
        self.up_proj = GroupedWeight(width, hidden, deviation=deviation)
        self.down_proj = GroupedWeight(
            hidden, width, deviation=deviation / (2 * shape.num_hidden_layers) ** 0.5
        )

    def forward(self, x: Tensor, *, int8: bool) -> Tensor:
        """``[N, H]`` -> ``[N, H]``."""
        hidden = F.silu(F.linear(x, self.gate_proj(x.dtype))) * F.linear(x, self.up_proj(x.dtype))
        return F.linear(int8_activations(hidden) if int8 else hidden, self.down_proj(x.dtype))


class Layer(nn.Module):
    """Attention, then routed and shared experts side by side, each on the normed residual stream."""

    def __init__(self, shape: ModelShape, *, deviation: float, dropout: float) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)
        self.self_attn = Attention(shape, deviation=deviation)
        self.post_attention_layernorm = RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)
        self.experts = RoutedExperts(shape, deviation=deviation)
        self.shared_expert = SharedExpert(shape, deviation=deviation)
        self._dropout = dropout

    def forward(self, x: Tensor, rotations: Tensor, *, dtype: torch.dtype, int8: bool) -> Tensor:
        """float32 ``[B, T, H]`` -> float32 ``[B, T, H]``."""
        normed = self.input_layernorm(x).to(dtype)
        attended = self.self_attn(int8_activations(normed) if int8 else normed, rotations, int8=int8)
        x = x + F.dropout(attended, self._dropout, self.training)
        normed = self.post_attention_layernorm(x).flatten(0, 1)
        low = normed.to(dtype)
        low = int8_activations(low) if int8 else low
        fed = self.experts(normed, low, int8=int8) + self.shared_expert(low, int8=int8)
        return x + F.dropout(fed, self._dropout, self.training).view_as(x)


class TrainableDecoder(nn.Module):
    """The whole model; `quantized` and `int8` say what the forward pass simulates."""

    rotations: Tensor

    def __init__(self, shape: ModelShape, *, dropout: float) -> None:
        super().__init__()
        self.shape = shape
        self.dtype = torch.bfloat16
        self.int8 = False
        deviation = 0.5 / shape.hidden_size**0.5
        self.embed_tokens = GroupedWeight(shape.vocab_size, shape.hidden_size, deviation=0.03)
        self.layers = nn.ModuleList(
            Layer(shape, deviation=deviation, dropout=dropout) for _ in range(shape.num_hidden_layers)
        )
        self.norm = RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)
        angles = torch.outer(torch.arange(shape.max_position_embeddings).float(), shape.rope_frequencies())
        self.register_buffer("rotations", torch.polar(torch.ones_like(angles), angles), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """int64 ``[B, T]`` -> logits ``[B, T, V]`` in the model's dtype."""
        embedding = self.embed_tokens(self.dtype)
        x = F.embedding(tokens, embedding).float()
        for layer in self.layers:
            x = layer(x, self.rotations, dtype=self.dtype, int8=self.int8)
        normed = self.norm(x).to(self.dtype)
        return F.linear(int8_activations(normed) if self.int8 else normed, embedding)

    def start_quantization(self) -> None:
        """Switches every matrix to int4 and every activation that enters a product to int8."""
        self.int8 = True
        for module in self.modules():
            if isinstance(module, GroupedWeight):
                module.start_quantization()

    def decoder_layers(self) -> list[Layer]:
        """The layers, first to last."""
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    def routers(self) -> list[Router]:
        """The routers, first layer first."""
        return [layer.experts.router for layer in self.decoder_layers()]
