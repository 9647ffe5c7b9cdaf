"""The decoder: pre-norm attention, then the feed-forward block that the architecture describes."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.architectures.description import ExpertBlock, GatedBlock, LayerDescription
from mmoe.models.cache_rows import Lengths
from mmoe.models.components import AttentionShape, Components, ExpertTensors, Packed, Routing
from mmoe.models.rope import RotaryEmbedding, rope_frequencies
from mmoe.models.tensor_source import TensorSource


class Weights:
    """Hands the packed tensors below one name prefix to the constructors of a variant."""

    def __init__(self, checkpoint: TensorSource, components: Components, prefix: str) -> None:
        self._checkpoint = checkpoint
        self._prefix = prefix
        self.components = components
        self.config: DecoderConfig = checkpoint.config

    def at(self, name: str) -> "Weights":
        """Returns the weights below ``prefix + name``."""
        return Weights(self._checkpoint, self.components, f"{self._prefix}{name}.")

    def tensor(self, name: str) -> Tensor:
        """Returns one tensor in its stored dtype."""
        return self._checkpoint.tensor(self._prefix + name)

    def packed(self, name: str) -> Packed:
        """Returns ``(qweight, scale)`` of an int4 matrix; of an unpacked one the bfloat16 weight and nothing."""
        return self._parts(f"{name}.qweight", f"{name}.weight_scale", f"{name}.weight")

    def experts(self, name: str) -> Packed:
        """Returns the same of the matrices of all experts."""
        return self._parts(f"experts.{name}_qweight", f"experts.{name}_scale", f"experts.{name}_proj")

    def _parts(self, qweight: str, scale: str, weight: str) -> Packed:
        if self.config.quantization is None:
            return self.tensor(weight), torch.empty(0)
        return self.tensor(qweight), self.tensor(scale)

    def linear(self, name: str) -> nn.Module:
        """Builds a linear layer without bias."""
        return self.components.linear(*self.packed(name))

    def tied_embedding(self, name: str) -> tuple[nn.Module, nn.Module]:
        """Builds the embedding and the head that share one table."""
        qweight, scale = self.packed(name)
        if self.components.tied_embedding is not None:
            return self.components.tied_embedding(qweight, scale)
        return self.components.embedding(qweight, scale), self.components.linear(qweight, scale)

    def norm(self, name: str) -> nn.Module:
        """Builds an RMSNorm; its bfloat16 weight is widened, which is exact."""
        return self.components.norm(self.tensor(f"{name}.weight").float(), self.config.rms_norm_eps)


class Projections(nn.Module):
    """Query, key and value projections as separate linears."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.q_proj = weights.linear("q_proj")
        self.k_proj = weights.linear("k_proj")
        self.v_proj = weights.linear("v_proj")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``[1, T, H]`` -> ``[1, T, Hq * D]`` and twice ``[1, T, Hkv * D]``."""
        return self.q_proj(x), self.k_proj(x), self.v_proj(x)


def projections(weights: Weights) -> nn.Module:
    """The projections before attention: the variant's own, or three linears."""
    if weights.components.projections is None:
        return Projections(weights)
    return weights.components.projections(*map(weights.packed, ("q_proj", "k_proj", "v_proj")))


def last_token(x: Tensor) -> Tensor:
    """``[1, T, N]`` -> ``[1, 1, N]``."""
    return x[:, -1].unsqueeze(1)


class Attention(nn.Module):
    """Grouped-query attention with RoPE and scaleless QK-norm."""

    def __init__(self, weights: Weights, layer: LayerDescription, lengths: Lengths) -> None:
        super().__init__()
        config = weights.config
        self.project = projections(weights)
        self.o_proj = weights.linear("o_proj")
        self.attend = weights.components.attention(
            AttentionShape(
                num_heads=config.num_attention_heads,
                num_kv_heads=config.num_key_value_heads,
                head_dim=config.head_dim,
                max_context_len=lengths.max_context_len,
                window=layer.window,
                cache_rows=lengths.cache_rows(layer.window),
                use_rope=layer.use_rope,
                use_qk_norm=layer.use_qk_norm,
                norm_eps=config.rms_norm_eps,
                rope_frequencies=rope_frequencies(config),
            )
        )

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, input_pos: Tensor, *, last_only: bool = False
    ) -> Tensor:
        """``[1, T, H]`` -> ``[1, T, H]``, or ``[1, 1, H]``; appends T rows to the cache at ``input_pos``."""
        query, key, value = self.project(x)
        mixed = self.attend(query, key, value, cos, sin, input_pos)
        out: Tensor = self.o_proj(last_token(mixed) if last_only else mixed)
        return out


class SwiGLU(nn.Module):
    """Dense gated feed-forward: ``down(silu(gate(x)) * up(x))``."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.gate_proj = weights.linear("gate_proj")
        self.up_proj = weights.linear("up_proj")
        self.down_proj = weights.linear("down_proj")

    def forward(self, x: Tensor) -> Tensor:
        """``[1, T, H]`` -> ``[1, T, H]``."""
        out: Tensor = self.down_proj(silu(self.gate_proj(x)) * self.up_proj(x))
        return out


def gated_feed_forward(weights: Weights) -> nn.Module:
    """A dense gated block: the variant's own, or one of three linears."""
    if weights.components.gated is None:
        return SwiGLU(weights)
    return weights.components.gated(*map(weights.packed, ("gate_proj", "up_proj", "down_proj")))


class MixtureOfExperts(nn.Module):
    """Routed experts plus an always-on shared expert, both fed the same normalised input."""

    def __init__(self, weights: Weights, block: ExpertBlock) -> None:
        super().__init__()
        gate_up, down = weights.experts("gate_up"), weights.experts("down")
        self.routed = weights.components.experts(
            ExpertTensors(
                router_weight=weights.tensor("router.weight").float(),
                expert_bias=weights.tensor("expert_bias").float(),
                gate_up_qweight=gate_up[0],
                gate_up_scale=gate_up[1],
                down_qweight=down[0],
                down_scale=down[1],
            ),
            Routing(
                top_k=block.top_k,
                norm_topk_prob=block.norm_topk_prob,
                routed_scaling_factor=block.routed_scaling_factor,
            ),
        )
        self.shared_expert = gated_feed_forward(weights.at("shared_expert"))

    def forward(self, x: Tensor) -> Tensor:
        """``[1, T, H]`` -> ``[1, T, H]``."""
        out: Tensor = self.routed(x) + self.shared_expert(x)
        return out


def feed_forward(weights: Weights, block: GatedBlock | ExpertBlock) -> nn.Module:
    """The block behind attention."""
    return MixtureOfExperts(weights, block) if isinstance(block, ExpertBlock) else gated_feed_forward(weights)


class DecoderLayer(nn.Module):
    """One pre-norm block with two residual connections."""

    def __init__(self, weights: Weights, layer: LayerDescription, lengths: Lengths) -> None:
        super().__init__()
        self.input_layernorm = weights.norm("input_layernorm")
        self.self_attn = Attention(weights.at("self_attn"), layer, lengths)
        self.post_attention_layernorm = weights.norm("post_attention_layernorm")
        self.feed_forward = feed_forward(weights.at("feed_forward"), layer.feed_forward)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, input_pos: Tensor, *, last_only: bool = False
    ) -> Tensor:
        """``[1, T, H]`` -> ``[1, T, H]``, or ``[1, 1, H]`` of the last token only, behind attention that sees all."""
        mixed = self.self_attn(self.input_layernorm(x), cos, sin, input_pos, last_only=last_only)
        h = (last_token(x) if last_only else x) + mixed
        out: Tensor = h + self.feed_forward(self.post_attention_layernorm(h))
        return out


class Decoder(nn.Module):
    """The whole model: tokens and the position of the first one in, logits out, KV caches in buffers.

    Nothing is cleared between prompts: a call at ``input_pos`` never reads cache rows at or after its own end, so
    starting again at position 0 is a reset.
    """

    def __init__(self, weights: Weights, lengths: Lengths, *, on_layer: Callable[[nn.Module], None]) -> None:
        super().__init__()
        self.config = weights.config
        self.max_context_len = lengths.max_context_len
        self.embed_tokens, self.lm_head = weights.tied_embedding("embed_tokens")
        self.rope = RotaryEmbedding(self.config)
        self.layers = nn.ModuleList()
        for index, description in enumerate(self.config.layers):
            layer = DecoderLayer(weights.at(f"layers.{index}"), description, lengths)
            on_layer(layer)
            self.layers.append(layer)
        self.norm = weights.norm("norm")

    def hidden_states(self, tokens: Tensor, input_pos: Tensor, *, last_only: bool = False) -> Tensor:
        """Runs all layers: int64 ``[1, T]`` and int64 ``[1]`` -> normalised hidden states ``[1, T, H]``.

        With ``last_only`` they are ``[1, 1, H]``: what stands behind the last layer's attention would be computed for
        other tokens in vain. Of MobileMoE-S, 20 layers, that is 4 % of the linears.
        """
        cos, sin = self.rope(input_pos, tokens.shape[1])
        x = self.embed_tokens(tokens)
        for index, layer in enumerate(self.layers, start=1):
            x = layer(x, cos, sin, input_pos, last_only=last_only and index == len(self.layers))
        out: Tensor = self.norm(x)
        return out

    def all_logits(self, tokens: Tensor, input_pos: Tensor) -> Tensor:
        """Logits of every new token: int64 ``[1, T]`` and int64 ``[1]`` -> float32 ``[1, T, V]``."""
        out: Tensor = self.lm_head(self.hidden_states(tokens, input_pos))
        return out

    def forward(self, tokens: Tensor, input_pos: Tensor) -> Tensor:
        """Logits of the last token only, which is all that generation needs.

        Args:
            tokens: int64 ``[1, T]``.
            input_pos: int64 ``[1]``, the position of the first token.

        Returns:
            float32 ``[1, V]``.
        """
        out: Tensor = self.lm_head(self.hidden_states(tokens, input_pos, last_only=True)[:, 0])
        return out


def build_decoder(
    checkpoint: TensorSource,
    components: Components,
    *,
    max_context_len: int,
    max_seq_len: int | None = None,
    on_layer: Callable[[nn.Module], None] = lambda _: None,
) -> Decoder:
    """Assembles the decoder of a checkpoint from one variant's components.

    Args:
        checkpoint: An opened, validated checkpoint; one in bfloat16 is for `REFERENCE` alone.
        components: `REFERENCE`, or what a backend offers.
        max_context_len: Positions that the KV caches serve.
        max_seq_len: Most tokens of one call, on which a windowed layer's cache depends; None for the whole context.
        on_layer: Called with each layer as soon as it is built, before the next one takes memory.

    Returns:
        The decoder in inference mode.
    """
    weights = Weights(checkpoint, components, "model.")
    lengths = Lengths(max_context_len=max_context_len, max_seq_len=max_seq_len or max_context_len)
    return Decoder(weights, lengths, on_layer=on_layer).eval()
