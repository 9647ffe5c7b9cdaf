"""What a layer of a decoder consists of: the words in which an architecture describes itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mmoe.models.architectures.rope_scaling import RopeScaling


class QkNorm(StrEnum):
    """How queries and keys are normalised by their root mean square, if at all."""

    NONE = "none"
    PER_HEAD_AFTER_ROPE = "per head after RoPE, without a weight"
    PER_HEAD = "per head before RoPE, weighted"
    WHOLE = "over the whole projection before RoPE, weighted"

    @property
    def is_weighted(self) -> bool:
        """Whether there are tensors for it."""
        return self in (QkNorm.PER_HEAD, QkNorm.WHOLE)


class Pairing(StrEnum):
    """Which two elements of a head RoPE turns together, in the checkpoint that is converted.

    Everything here turns adjacent pairs. Where files mean halves, the output rows of the query and key projections are
    put in the other order when they are read; a row keeps its values, so nothing is lost by it.
    """

    ADJACENT = "elements 2i and 2i + 1"
    HALVES = "elements i and i + head_dim / 2"


@dataclass(frozen=True, kw_only=True)
class Rope:
    """Rotary position embedding.

    Attributes:
        theta: Pair i of a head turns by ``theta ** (-2 i / head_dim)`` radians per position.
        scaling: What changes these frequencies; None for nothing.
        pairing: Which elements are a pair.
    """

    theta: float
    scaling: RopeScaling | None = None
    pairing: Pairing = Pairing.ADJACENT


@dataclass(frozen=True, kw_only=True)
class Attention:
    """Causal grouped-query attention.

    Attributes:
        rope: How queries and keys are turned; None if they are not.
        qk_norm: How they are normalised.
        window: Keys that a token sees, its own included; None for all before it.
        scale: Factor of the dot products; None for 1 / sqrt(head_dim).
        bias: Whether the four projections add one.
    """

    rope: Rope | None
    qk_norm: QkNorm
    window: int | None = None
    scale: float | None = None
    bias: bool = False


@dataclass(frozen=True, kw_only=True)
class ShortConv:
    """A gated short convolution: ``out(c * conv(b * x))`` with ``b, c, x = in(h)``.

    The convolution is causal and runs over the tokens of each channel by itself; its state is the last ``taps - 1``
    tokens.

    Attributes:
        taps: Tokens that one result sees.
        bias: Whether the two projections and the convolution add one.
    """

    taps: int
    bias: bool = False


class Score(StrEnum):
    """How a router makes scores of its logits."""

    SIGMOID = "sigmoid"
    SOFTMAX = "softmax over all experts"
    SOFTMAX_OF_SELECTED = "softmax over the selected experts"


@dataclass(frozen=True, kw_only=True)
class Routing:
    """How a router turns logits into experts and weights.

    Attributes:
        top_k: Experts per token.
        norm_topk_prob: Whether the chosen scores are divided by their sum.
        routed_scaling_factor: Multiplies the weights.
        score: What the weights are made of.
        selection_bias: Whether a bias per expert is added for the selection (and for nothing else).
        sum_eps: Added to the sum that the scores are divided by.
    """

    top_k: int
    norm_topk_prob: bool
    routed_scaling_factor: float = 1.0
    score: Score = Score.SIGMOID
    selection_bias: bool = True
    sum_eps: float = 1e-20

    @property
    def divides_by_sum(self) -> bool:
        """Whether the selected scores are divided by their sum, which makes a softmax over them of one over all."""
        return self.norm_topk_prob or self.score is Score.SOFTMAX_OF_SELECTED


@dataclass(frozen=True, kw_only=True)
class GatedBlock:
    """A dense feed-forward block: ``down(silu(gate(x)) * up(x))``.

    Attributes:
        width: Outputs of the gate and of the up matrix.
    """

    width: int


@dataclass(frozen=True, kw_only=True)
class ExpertBlock:
    """Routed gated experts, and beside them one that every token takes, or none.

    Attributes:
        num_experts: E.
        width: Of one routed expert.
        routing: How a token gets its experts.
        shared: The block that every token takes.
    """

    num_experts: int
    width: int
    routing: Routing
    shared: GatedBlock | None = None

    @property
    def top_k(self) -> int:
        """Experts per token."""
        return self.routing.top_k


@dataclass(frozen=True, kw_only=True)
class LayerDescription:
    """One pre-norm layer: a mixer of tokens, then a feed-forward block, each with a residual connection.

    Attributes:
        mixer: What lets tokens see earlier ones.
        feed_forward: The block.
    """

    mixer: Attention | ShortConv
    feed_forward: GatedBlock | ExpertBlock

    @property
    def window(self) -> int | None:
        """Tokens that the mixer lets a token see, its own included; None for all before it."""
        return self.mixer.window if isinstance(self.mixer, Attention) else self.mixer.taps


@dataclass(frozen=True, kw_only=True)
class Multipliers:
    """Constants that scale what flows through the decoder.

    Attributes:
        embedding: Of the embedding's rows.
        residual: Of what a mixer or a block adds to the residual stream.
        logits: Of the head's results.
    """

    embedding: float = 1.0
    residual: float = 1.0
    logits: float = 1.0
