"""What a verification measures: how far logits are from the reference's, and which routers chose otherwise."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LogitMetrics:
    """Comparison of test logits with reference logits over N tokens.

    Attributes:
        tokens: N.
        sqnr_db: ``10 log10(sum ref^2 / sum (ref - test)^2)`` over all N x V logits as they are; inf if equal.
            Not mean-centred: it is the figure that others publish, and it is the stricter one about a shift.
        sqnr_centred_db: the same after taking each token's mean over V off both: softmax ignores a shift, so
            this one cannot be flattered by a large common offset.
        cosine_mean: mean over tokens of the cosine between the two logit vectors.
        cosine_p1: 1st percentile of the cosines (linear interpolation).
        cosine_worst: the lowest cosine.
        cosine_worst_token: index of the token that has it.
        kl_mean: mean over tokens of KL(softmax ref || softmax test), in nats.
        kl_p999: 99.9th percentile of the divergences.
        kl_worst: the highest divergence.
        top1_agreement: share of tokens whose most probable next token is the reference's (ties to the lower id).
        perplexity_reference: ``exp`` of the mean negative log-likelihood of the targets; NaN without targets.
        perplexity_test: the same for the test logits.
        perplexity_ratio: test / reference.
        max_abs_diff: largest ``|ref - test|``.
        max_abs_diff_relative: that, over the range ``max ref - min ref``.
    """

    tokens: int
    sqnr_db: float
    sqnr_centred_db: float
    cosine_mean: float
    cosine_p1: float
    cosine_worst: float
    cosine_worst_token: int
    kl_mean: float
    kl_p999: float
    kl_worst: float
    top1_agreement: float
    perplexity_reference: float
    perplexity_test: float
    perplexity_ratio: float
    max_abs_diff: float
    max_abs_diff_relative: float


@dataclass(frozen=True, kw_only=True)
class LayerFlips:
    """Flips of one MoE layer.

    Attributes:
        layer: index of the decoder layer.
        tokens: T.
        flipped_tokens: tokens whose set of experts differs.
        flipped_experts: experts of the reference that were not selected, over all tokens.
        median_margin: median over all tokens of the reference margin, for comparison.
        median_flip_margin: median over the flipped tokens; NaN without any.
        max_flip_margin: the widest gap that was crossed; NaN without any.
    """

    layer: int
    tokens: int
    flipped_tokens: int
    flipped_experts: int
    median_margin: float
    median_flip_margin: float
    max_flip_margin: float


@dataclass(frozen=True, kw_only=True)
class RouterFlips:
    """Flips of all MoE layers.

    Attributes:
        layers: one entry per MoE layer.
        decisions: token-layer pairs compared.
        flipped_decisions: pairs whose set of experts differs.
        flipped_share: flipped over all.
    """

    layers: tuple[LayerFlips, ...]
    decisions: int
    flipped_decisions: int
    flipped_share: float
