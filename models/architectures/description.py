"""What a layer of a decoder consists of: the words in which an architecture describes itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class GatedBlock:
    """A dense feed-forward block: ``down(silu(gate(x)) * up(x))``.

    Attributes:
        width: Outputs of the gate and of the up matrix.
    """

    width: int


@dataclass(frozen=True, kw_only=True)
class ExpertBlock:
    """Routed gated experts beside one that every token takes.

    The router scores by a sigmoid; the top k of score + bias are selected.

    Attributes:
        num_experts: E.
        width: Of one routed expert.
        top_k: Experts per token.
        norm_topk_prob: Whether the chosen scores are divided by their sum.
        routed_scaling_factor: Multiplies them.
        shared: The block that every token takes.
    """

    num_experts: int
    width: int
    top_k: int
    norm_topk_prob: bool
    routed_scaling_factor: float
    shared: GatedBlock


@dataclass(frozen=True, kw_only=True)
class LayerDescription:
    """One pre-norm layer: grouped-query attention, then a feed-forward block, each with a residual connection.

    Attributes:
        use_rope: Whether queries and keys are rotated.
        use_qk_norm: Whether they are normalised per head, without a weight, after that.
        window: Keys that a token sees, its own included; None for all before it.
        feed_forward: The block.
    """

    use_rope: bool
    use_qk_norm: bool
    window: int | None
    feed_forward: GatedBlock | ExpertBlock
