"""The decoder: in each layer a mixer of tokens, then the feed-forward block that the architecture describes."""

from collections.abc import Callable
from typing import cast

from torch import Tensor, nn

from mmoe.models.architectures.description import Attention, LayerDescription, Rope
from mmoe.models.cache_rows import Lengths
from mmoe.models.components import Components
from mmoe.models.feed_forward import feed_forward
from mmoe.models.mixers import last_token, mixer_module
from mmoe.models.rope import RotaryEmbedding
from mmoe.models.tensor_source import TensorSource
from mmoe.models.weights import Weights


def scaled(x: Tensor, factor: float) -> Tensor:
    """``x * factor``; a factor of 1 leaves no operation behind."""
    return x if factor == 1 else x * factor


class DecoderLayer(nn.Module):
    """One pre-norm block with two residual connections."""

    def __init__(self, weights: Weights, layer: LayerDescription, lengths: Lengths) -> None:
        super().__init__()
        self.input_layernorm = weights.norm("input_layernorm")
        self.mixer = mixer_module(weights, layer.mixer, lengths)
        self.post_attention_layernorm = weights.norm("post_attention_layernorm")
        self.feed_forward = feed_forward(weights, layer.feed_forward)
        self.residual_multiplier = weights.config.multipliers.residual

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, input_pos: Tensor, *, last_only: bool = False
    ) -> Tensor:
        """``[1, T, H]`` -> ``[1, T, H]``, or ``[1, 1, H]`` of the last token only, behind a mixer that sees all."""
        mixed = self.mixer(self.input_layernorm(x), cos, sin, input_pos, last_only=last_only)
        factor = self.residual_multiplier
        h = (last_token(x) if last_only else x) + scaled(mixed, factor)
        out: Tensor = h + scaled(self.feed_forward(self.post_attention_layernorm(h)), factor)
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
        self.embed_tokens, self.lm_head = weights.embedding_and_head()
        weights = weights.at("model")
        kinds = _rope_kinds(self.config.layers) or [Rope(theta=self.config.rope_theta)]
        self.ropes = nn.ModuleList(RotaryEmbedding(rope, self.config.head_dim) for rope in kinds)
        self.layers = nn.ModuleList()
        self.rope_of_layer: list[int] = []
        for index, description in enumerate(self.config.layers):
            rope = description.mixer.rope if isinstance(description.mixer, Attention) else None
            self.rope_of_layer.append(0 if rope is None else kinds.index(rope))
            layer = DecoderLayer(weights.at(f"layers.{index}"), description, lengths)
            on_layer(layer)
            self.layers.append(layer)
        self.norm = weights.norm("norm")

    def hidden_states(self, tokens: Tensor, input_pos: Tensor, *, last_only: bool = False) -> Tensor:
        """Runs all layers: int64 ``[1, T]`` and int64 ``[1]`` -> normalised hidden states ``[1, T, H]``.

        With ``last_only`` they are ``[1, 1, H]``: what stands behind the last layer's attention would be computed for
        other tokens in vain. Of MobileMoE-S, 20 layers, that is 4 % of the linears.
        """
        angles = [rope(input_pos, tokens.shape[1]) for rope in self.ropes]
        x = scaled(self.embed_tokens(tokens), self.config.multipliers.embedding)
        for index, layer in enumerate(self.layers):
            is_last = index == len(self.layers) - 1
            x = layer(x, *angles[self.rope_of_layer[index]], input_pos, last_only=last_only and is_last)
        out: Tensor = self.norm(x)
        return out

    def all_logits(self, tokens: Tensor, input_pos: Tensor) -> Tensor:
        """Logits of every new token: int64 ``[1, T]`` and int64 ``[1]`` -> float32 ``[1, T, V]``."""
        return self._logits(self.hidden_states(tokens, input_pos))

    def forward(self, tokens: Tensor, input_pos: Tensor) -> Tensor:
        """Logits of the last token only, which is all that generation needs.

        Args:
            tokens: int64 ``[1, T]``.
            input_pos: int64 ``[1]``, the position of the first token.

        Returns:
            float32 ``[1, V]``.
        """
        return self._logits(self.hidden_states(tokens, input_pos, last_only=True)[:, 0])

    def _logits(self, hidden: Tensor) -> Tensor:
        """``[..., H]`` -> ``[..., V]``."""
        return scaled(cast(Tensor, self.lm_head(hidden)), self.config.multipliers.logits)


def _rope_kinds(layers: tuple[LayerDescription, ...]) -> list[Rope]:
    """The different ways in which layers turn queries and keys, in order of appearance."""
    ropes = [layer.mixer.rope for layer in layers if isinstance(layer.mixer, Attention)]
    return list(dict.fromkeys(rope for rope in ropes if rope is not None))


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
        checkpoint: An opened, validated checkpoint; one that is not packed is for `REFERENCE` alone.
        components: `REFERENCE`, or what a backend offers.
        max_context_len: Positions that the KV caches serve.
        max_seq_len: Most tokens of one call, on which a windowed layer's cache depends; None for the whole context.
        on_layer: Called with each layer as soon as it is built, before the next one takes memory.

    Returns:
        The decoder in inference mode.
    """
    weights = Weights(checkpoint, components)
    lengths = Lengths(max_context_len=max_context_len, max_seq_len=max_seq_len or max_context_len)
    return Decoder(weights, lengths, on_layer=on_layer).eval()
