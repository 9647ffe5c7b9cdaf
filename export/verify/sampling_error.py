"""How much of a short run's distance from a limit may be chance.

The limits are for `REFERENCE_TOKENS` tokens of text. A shorter run is a sample of those: its figures scatter around
theirs, so a gate asks whether the longer run could still keep the limit. It fails only what 99 of 100 samples of text
that keeps the limit would not show, and the margin shrinks to nothing as the run approaches `REFERENCE_TOKENS`:

- shares of tokens (top-1 agreement, the worst 1 % of the cosines): the exact distribution of a count in a sample
  without replacement, the hypergeometric one;
- means over tokens (cosine, KL divergence, the change of the log-likelihood, the logarithm of the SQNR): the normal
  distribution with the standard error of the mean, times the finite population correction sqrt((N - n) / (N - 1)).

Both are textbook sampling theory (Cochran, Sampling Techniques, 3rd edition, sections 2.5 and 3.4). Tokens count as
independent, which neighbours in a text are not quite; that is what the strict 99 % is for.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

REFERENCE_TOKENS = 2048
"""Tokens of a run that has no margin."""

MIN_TOKENS = 32
"""Fewer tell nothing: chance alone might explain one wrong token in six."""

_ONE_IN = 100
_DEVIATIONS = NormalDist().inv_cdf(1 - 1 / _ONE_IN)


@dataclass(frozen=True, kw_only=True)
class TokenFigures:
    """What a comparison found, token by token; float64 each.

    Attributes:
        signal: ``[N]``, the sum of the squared reference logits.
        noise: ``[N]``, the sum of the squared differences.
        cosines: ``[N]``.
        divergences: ``[N]``, in nats.
        likelihood_changes: ``[M]``, log-likelihood of the reference less that of the test, of tokens with a target.
    """

    signal: npt.NDArray[np.float64]
    noise: npt.NDArray[np.float64]
    cosines: npt.NDArray[np.float64]
    divergences: npt.NDArray[np.float64]
    likelihood_changes: npt.NDArray[np.float64]


def count_by_chance(tokens: int, share: float) -> int:
    """The most tokens of a kind that a sample shows in more than 1 of 100 cases.

    Args:
        tokens: Size of the sample, at most `REFERENCE_TOKENS`.
        share: Of that kind among `REFERENCE_TOKENS`, 0 to 1.
    """
    kind = round(share * REFERENCE_TOKENS)
    samples = math.comb(REFERENCE_TOKENS, tokens)
    at_least, count = samples, 0
    while True:
        at_least -= math.comb(kind, count) * math.comb(REFERENCE_TOKENS - kind, tokens - count)
        # Now the samples that hold more than `count`.
        if at_least * _ONE_IN < samples or count == min(kind, tokens):
            return count
        count += 1


def share_margin(tokens: int, limit: float) -> float:
    """How far below its limit the share of good tokens in a sample may be.

    Args:
        tokens: Size of the sample.
        limit: Of the share of good tokens among `REFERENCE_TOKENS`.
    """
    if tokens >= REFERENCE_TOKENS or not 0 <= limit <= 1:
        return 0.0
    return max(0.0, limit - (1 - count_by_chance(tokens, 1 - limit) / tokens))


def margins(figures: TokenFigures, *, min_top1_agreement: float) -> dict[str, float]:
    """By the names of the gates, how far beyond its limit a figure may be by chance; 0 for a run of full length."""
    tokens = len(figures.cosines)
    if tokens >= REFERENCE_TOKENS:
        return {}
    # Logits that are not finite fail their gates by the values.
    with np.errstate(invalid="ignore", over="ignore"):
        relative = _ratios(figures.signal) - _ratios(figures.noise)
        found = {
            "sqnr_db": 10 / math.log(10) * _mean_margin(relative),
            "cosine_mean": _mean_margin(figures.cosines),
            "cosine_p1": _percentile_margin(figures.cosines, 0.01),
            "top1_agreement": share_margin(tokens, min_top1_agreement),
            "kl_mean": _mean_margin(figures.divergences),
            "perplexity_change": _mean_margin(figures.likelihood_changes),
        }
    return {name: margin if math.isfinite(margin) else 0.0 for name, margin in found.items()}


def _ratios(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    mean = values.mean()
    return values / mean if mean > 0 else np.ones_like(values)


def _mean_margin(values: npt.NDArray[np.float64]) -> float:
    if len(values) < 2:
        return 0.0
    correction = math.sqrt((REFERENCE_TOKENS - len(values)) / (REFERENCE_TOKENS - 1))
    return float(_DEVIATIONS * values.std(ddof=1) / math.sqrt(len(values)) * correction)


def _percentile_margin(values: npt.NDArray[np.float64], share: float) -> float:
    """From the percentile of a sample up to what it might be among `REFERENCE_TOKENS`."""
    ordered = np.sort(values)
    lower = count_by_chance(len(values), share)
    return float(max(0.0, ordered[min(lower, len(values) - 1)] - np.percentile(values, 100 * share)))
