"""The limits of logits against eager float32, checked one after the other."""

from collections.abc import Mapping

from mmoe.export.artifact.verification.limits import Bound, Gate, Thresholds, check
from mmoe.export.artifact.verification.measurements import LogitMetrics


def evaluate(
    metrics: LogitMetrics, thresholds: Thresholds, margins: Mapping[str, float] | None = None
) -> tuple[Gate, ...]:
    """All gates of one stage, in the order of `Thresholds`.

    Args:
        metrics: Of the stage.
        thresholds: The limits.
        margins: By gate, how far beyond its limit a value may be, see `sampling_error.margins`; None for nowhere.
    """
    change = abs(metrics.perplexity_ratio - 1)
    limits = (
        ("sqnr_db", metrics.sqnr_db, Bound.AT_LEAST, thresholds.min_sqnr_db),
        ("cosine_mean", metrics.cosine_mean, Bound.AT_LEAST, thresholds.min_cosine_mean),
        ("cosine_p1", metrics.cosine_p1, Bound.AT_LEAST, thresholds.min_cosine_p1),
        ("top1_agreement", metrics.top1_agreement, Bound.AT_LEAST, thresholds.min_top1_agreement),
        ("kl_mean", metrics.kl_mean, Bound.AT_MOST, thresholds.max_kl_mean),
        ("perplexity_change", change, Bound.AT_MOST, thresholds.max_perplexity_change),
    )
    allowed = margins or {}
    return tuple(
        check(name, value, bound, limit, margin=allowed.get(name, 0.0))
        for name, value, bound, limit in limits
    )
