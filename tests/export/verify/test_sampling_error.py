"""Margins of short runs: against simulated samples, and what they must never excuse."""

import math

import numpy as np
import pytest

from mmoe.export.artifact.verification.limits import Bound, Thresholds, check
from mmoe.export.verify.gates import evaluate
from mmoe.export.verify.metrics import LogitComparison, compare_logits
from mmoe.export.verify.sampling_error import (
    REFERENCE_TOKENS,
    TokenFigures,
    count_by_chance,
    margins,
    share_margin,
)

DRAWS = 4000


@pytest.mark.parametrize("tokens", [32, 256, 1024])
@pytest.mark.parametrize("share", [0.01, 0.02, 0.3])
def test_counts_are_those_of_simulated_samples(tokens: int, share: float) -> None:
    rng = np.random.default_rng(1)
    population = np.arange(REFERENCE_TOKENS) < round(share * REFERENCE_TOKENS)
    counts = np.array([rng.permutation(population)[:tokens].sum() for _ in range(DRAWS)])
    most = count_by_chance(tokens, share)
    # Three standard errors of a share of 1 % in so many draws.
    slack = 3 * math.sqrt(0.01 * 0.99 / DRAWS)
    assert (counts > most).mean() <= 0.01 + slack
    assert (counts >= most).mean() >= 0.01 - slack


def figures_of(rng: np.random.Generator) -> TokenFigures:
    """Of the longer run: heavy tails, as router flips make them."""
    return TokenFigures(
        signal=rng.gamma(4, size=REFERENCE_TOKENS),
        noise=rng.lognormal(-8, 1, REFERENCE_TOKENS),
        cosines=1 - rng.lognormal(-9, 1, REFERENCE_TOKENS),
        divergences=rng.lognormal(-8, 1, REFERENCE_TOKENS),
        likelihood_changes=rng.normal(0.0002, 0.043, REFERENCE_TOKENS),
    )


def sample(figures: TokenFigures, places: np.ndarray) -> TokenFigures:
    return TokenFigures(**{name: values[places] for name, values in vars(figures).items()})


def values_of(figures: TokenFigures) -> dict[str, float]:
    return {
        "sqnr_db": 10 * math.log10(figures.signal.sum() / figures.noise.sum()),
        "cosine_mean": figures.cosines.mean(),
        "cosine_p1": np.percentile(figures.cosines, 1),
        "kl_mean": figures.divergences.mean(),
        "perplexity_change": figures.likelihood_changes.mean(),
    }


@pytest.mark.slow
@pytest.mark.parametrize("tokens", [64, 256, pytest.param(1000, marks=pytest.mark.extended)])
def test_a_short_run_of_what_just_keeps_its_limits_rarely_fails(tokens: int) -> None:
    rng = np.random.default_rng(tokens)
    whole = figures_of(rng)
    limits = values_of(whole)
    failed = dict.fromkeys(limits, 0)
    draws = 1500
    for _ in range(draws):
        part = sample(whole, rng.permutation(REFERENCE_TOKENS)[:tokens])
        allowed = margins(part, min_top1_agreement=0.98)
        for name, value in values_of(part).items():
            bound = Bound.AT_MOST if name in ("kl_mean", "perplexity_change") else Bound.AT_LEAST
            failed[name] += not check(name, value, bound, limits[name], margin=allowed[name]).passed
    # 1 % by design; the normal distribution fits sums of heavy tails only roughly.
    assert all(count / draws < 0.025 for count in failed.values()), failed


def test_margins_shrink_to_nothing() -> None:
    whole = figures_of(np.random.default_rng(0))
    found = [
        margins(sample(whole, np.arange(tokens)), min_top1_agreement=0.98) for tokens in (64, 512, 2040, 2048)
    ]
    for name in found[0]:
        assert found[0][name] > found[1][name] > found[2][name] >= 0
    assert found[3] == {}
    assert share_margin(2048, 0.98) == share_margin(100_000, 0.98) == 0


def test_what_is_plainly_bad_fails_on_the_fewest_tokens() -> None:
    """Agreement in four of five tokens, not 98 of 100."""
    assert not check("x", 26 / 32, Bound.AT_LEAST, 0.98, margin=share_margin(32, 0.98)).passed
    assert check("x", 29 / 32, Bound.AT_LEAST, 0.98, margin=share_margin(32, 0.98)).by_margin
    assert share_margin(32, 1.5) == 0


def test_noise_that_chance_does_not_explain_fails_every_gate() -> None:
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(256, 50))
    targets = rng.integers(0, 50, 256)
    comparison = LogitComparison()
    comparison.add(reference, reference + rng.normal(scale=0.5, size=reference.shape), targets)
    allowed = margins(comparison.token_figures(), min_top1_agreement=0.98)
    gates = evaluate(comparison.result(), Thresholds(), allowed)
    assert not any(gate.passed for gate in gates)
    assert all(gate.margin > 0 for gate in gates)


def test_the_figures_of_tokens_sum_up_to_the_metrics() -> None:
    rng = np.random.default_rng(3)
    reference = rng.normal(size=(40, 20))
    test, targets = reference + rng.normal(scale=0.1, size=reference.shape), rng.integers(0, 20, 40)
    comparison = LogitComparison()
    comparison.add(reference[:25], test[:25], targets[:25])
    comparison.add(reference[25:], test[25:], targets[25:])
    metrics, values = compare_logits(reference, test, targets), values_of(comparison.token_figures())
    assert values["sqnr_db"] == pytest.approx(metrics.sqnr_db)
    assert values["cosine_p1"] == pytest.approx(metrics.cosine_p1)
    assert math.exp(values["perplexity_change"]) == pytest.approx(metrics.perplexity_ratio)


def test_what_is_not_finite_has_no_margin() -> None:
    comparison = LogitComparison()
    comparison.add(np.ones((40, 4)), np.full((40, 4), np.nan), np.zeros(40, np.int64))
    allowed = margins(comparison.token_figures(), min_top1_agreement=0.98)
    assert all(math.isfinite(margin) for margin in allowed.values())
    gates = evaluate(comparison.result(), Thresholds(), allowed)
    assert not any(gate.passed for gate in gates if gate.name != "top1_agreement")
