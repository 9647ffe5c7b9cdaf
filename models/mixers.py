"""What lets a token see earlier ones: attention, or a short convolution."""

from typing import cast

from torch import Tensor, nn

from mmoe.models.architectures.description import Attention, QkNorm, Rope, ShortConv
from mmoe.models.cache_rows import Lengths
from mmoe.models.components import AttentionShape, ConvShape
from mmoe.models.errors import ConfigError
from mmoe.models.rope import rope_frequencies
from mmoe.models.weights import Weights


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
    names = ("q_proj", "k_proj", "v_proj")
    if weights.components.projections is None or not weights.all_packed(*names):
        return Projections(weights)
    return weights.components.projections(*map(weights.packed, names))


class BiasedProjections(nn.Module):
    """Projections that add a bias each."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.project = projections(weights)
        self.biases = nn.ModuleList(map(weights.bias, ("q_proj", "k_proj", "v_proj")))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """See `Projections.forward`."""
        return tuple(bias(y) for bias, y in zip(self.biases, self.project(x), strict=True))


class NormalizedProjections(nn.Module):
    """Projections whose queries and keys are normalised with a weight, each head by itself or all together."""

    def __init__(self, weights: Weights, project: nn.Module, qk_norm: QkNorm) -> None:
        super().__init__()
        self.project = project
        self.q_norm, self.k_norm = weights.norm("q_norm"), weights.norm("k_norm")
        self.head_dim = weights.config.head_dim if qk_norm is QkNorm.PER_HEAD else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See `Projections.forward`."""
        query, key, value = self.project(x)
        return self._normalise(self.q_norm, query), self._normalise(self.k_norm, key), value

    def _normalise(self, norm: nn.Module, x: Tensor) -> Tensor:
        if self.head_dim is None:
            return cast(Tensor, norm(x))
        heads = cast(Tensor, norm(x.reshape(1, -1, self.head_dim)))
        return heads.reshape(x.shape)


def last_token(x: Tensor) -> Tensor:
    """``[1, T, N]`` -> ``[1, 1, N]``."""
    return x[:, -1].unsqueeze(1)


class GroupedQueryAttention(nn.Module):
    """Grouped-query attention with RoPE and QK-norm as the layer's description has them."""

    def __init__(self, weights: Weights, mixer: Attention, lengths: Lengths) -> None:
        super().__init__()
        config = weights.config
        project = BiasedProjections(weights) if mixer.bias else projections(weights)
        weighted = mixer.qk_norm.is_weighted
        self.project = NormalizedProjections(weights, project, mixer.qk_norm) if weighted else project
        self.o_proj = weights.linear("o_proj")
        self.o_bias = weights.bias("o_proj") if mixer.bias else None
        self.attend = weights.components.attention(
            AttentionShape(
                num_heads=config.num_attention_heads,
                num_kv_heads=config.num_key_value_heads,
                head_dim=config.head_dim,
                max_context_len=lengths.max_context_len,
                window=mixer.window,
                cache_rows=lengths.cache_rows(mixer.window),
                use_rope=mixer.rope is not None,
                use_qk_norm=mixer.qk_norm is QkNorm.PER_HEAD_AFTER_ROPE,
                norm_eps=config.rms_norm_eps,
                scale=config.head_dim**-0.5 if mixer.scale is None else mixer.scale,
                rope_frequencies=rope_frequencies(
                    mixer.rope or Rope(theta=config.rope_theta), config.head_dim
                ),
            )
        )

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, input_pos: Tensor, *, last_only: bool = False
    ) -> Tensor:
        """``[1, T, H]`` -> ``[1, T, H]``, or ``[1, 1, H]``; appends T rows to the cache at ``input_pos``."""
        query, key, value = self.project(x)
        mixed = self.attend(query, key, value, cos, sin, input_pos)
        out: Tensor = self.o_proj(last_token(mixed) if last_only else mixed)
        return out if self.o_bias is None else cast(Tensor, self.o_bias(out))


class ShortConvolution(nn.Module):
    """``out(c * conv(b * x))`` with ``b, c, x = in(h)``; what stands between the two linears is the component's."""

    def __init__(self, weights: Weights, mixer: ShortConv, lengths: Lengths) -> None:
        super().__init__()
        if weights.components.short_conv is None:
            raise ConfigError("this backend has no short convolution, which layers of this model are")
        self.in_proj = weights.linear("in_proj")
        self.in_bias = weights.bias("in_proj") if mixer.bias else None
        self.conv = weights.components.short_conv(
            weights.tensor("conv.weight").float().flatten(1),
            weights.tensor("conv.bias").float() if mixer.bias else None,
            ConvShape(
                taps=mixer.taps,
                channels=weights.config.hidden_size,
                max_context_len=lengths.max_context_len,
                cache_rows=lengths.cache_rows(mixer.taps),
            ),
        )
        self.out_proj = weights.linear("out_proj")
        self.out_bias = weights.bias("out_proj") if mixer.bias else None

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, input_pos: Tensor, *, last_only: bool = False
    ) -> Tensor:
        """``[1, T, H]`` -> ``[1, T, H]``, or ``[1, 1, H]``; appends T rows to the cache at ``input_pos``."""
        projected = self.in_proj(x) if self.in_bias is None else self.in_bias(self.in_proj(x))
        mixed = self.conv(projected, input_pos)
        out: Tensor = self.out_proj(last_token(mixed) if last_only else mixed)
        return out if self.out_bias is None else cast(Tensor, self.out_bias(out))


def mixer_module(weights: Weights, mixer: Attention | ShortConv, lengths: Lengths) -> nn.Module:
    """The module of a description; ``weights`` are the layer's."""
    if isinstance(mixer, Attention):
        return GroupedQueryAttention(weights.at("self_attn"), mixer, lengths)
    return ShortConvolution(weights.at("short_conv"), mixer, lengths)
