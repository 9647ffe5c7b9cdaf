"""The limits of logits against eager float32, checked one after the other."""

from mmoe.export.artifact.verification.limits import Bound, Gate, Thresholds, check
from mmoe.export.artifact.verification.measurements import LogitMetrics


def evaluate(metrics: LogitMetrics, thresholds: Thresholds) -> tuple[Gate, ...]:
    """All gates of one stage, in the order of `Thresholds`."""
    return (
        check("sqnr_db", metrics.sqnr_db, Bound.AT_LEAST, thresholds.min_sqnr_db),
        check("cosine_mean", metrics.cosine_mean, Bound.AT_LEAST, thresholds.min_cosine_mean),
        check("cosine_p1", metrics.cosine_p1, Bound.AT_LEAST, thresholds.min_cosine_p1),
        check("top1_agreement", metrics.top1_agreement, Bound.AT_LEAST, thresholds.min_top1_agreement),
        check("kl_mean", metrics.kl_mean, Bound.AT_MOST, thresholds.max_kl_mean),
        check(
            "perplexity_change",
            abs(metrics.perplexity_ratio - 1),
            Bound.AT_MOST,
            thresholds.max_perplexity_change,
        ),
    )
