"""Logit metrics against plain loops over Python floats, golden values, and what damage must not hide."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.export.verify.metrics import NO_TARGET, LogitComparison, compare_logits


def softmax(row):
    peak = max(row)
    weights = [math.exp(value - peak) for value in row]
    return [weight / math.fsum(weights) for weight in weights]


def percentile(values, percent):
    """Linear interpolation between order statistics."""
    values = sorted(values)
    place = (len(values) - 1) * percent / 100
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def slow_metrics(reference, test, targets):
    pairs = list(zip(reference, test, strict=True))
    flat = [(r, t) for a, b in pairs for r, t in zip(a, b, strict=True)]
    centred = []
    for a, b in pairs:
        mean_a, mean_b = math.fsum(a) / len(a), math.fsum(b) / len(b)
        centred += [(r - mean_a, t - mean_b) for r, t in zip(a, b, strict=True)]

    def decibels(values):
        return 10 * math.log10(
            math.fsum(r * r for r, _ in values) / math.fsum((r - t) ** 2 for r, t in values)
        )

    cosines = [
        math.fsum(r * t for r, t in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))
        for a, b in pairs
    ]
    divergences = [
        math.fsum(p * math.log(p / q) for p, q in zip(softmax(a), softmax(b), strict=True)) for a, b in pairs
    ]
    known = [(a, b, target) for (a, b), target in zip(pairs, targets, strict=True) if target != NO_TARGET]
    perplexities = [
        math.exp(-math.fsum(math.log(softmax(rows[which])[rows[2]]) for rows in known) / len(known))
        for which in (0, 1)
    ]
    worst = max(abs(r - t) for r, t in flat)
    return {
        "tokens": len(pairs),
        "sqnr_db": decibels(flat),
        "sqnr_centred_db": decibels(centred),
        "cosine_mean": math.fsum(cosines) / len(cosines),
        "cosine_p1": percentile(cosines, 1),
        "cosine_worst": min(cosines),
        "cosine_worst_token": cosines.index(min(cosines)),
        "kl_mean": math.fsum(divergences) / len(divergences),
        "kl_p999": percentile(divergences, 99.9),
        "kl_worst": max(divergences),
        "top1_agreement": sum(a.index(max(a)) == b.index(max(b)) for a, b in pairs) / len(pairs),
        "perplexity_reference": perplexities[0],
        "perplexity_test": perplexities[1],
        "perplexity_ratio": perplexities[1] / perplexities[0],
        "max_abs_diff": worst,
        "max_abs_diff_relative": worst / (max(r for r, _ in flat) - min(r for r, _ in flat)),
    }


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    tokens=st.integers(1, 70),
    vocab=st.integers(2, 40),
    noise=st.sampled_from([0.01, 0.3, 3.0]),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 2**32 - 1),
    cut=st.integers(0, 70),
)
def test_metrics_match_plain_loops_in_any_split(tokens, vocab, noise, dtype, seed, cut):
    random = np.random.default_rng(seed)
    reference = random.normal(1.0, 2.0, (tokens, vocab)).astype(dtype)
    test = (reference + random.normal(0.1, noise, (tokens, vocab))).astype(dtype)
    targets = random.integers(0, vocab, tokens)
    targets[1::5] = NO_TARGET
    comparison = LogitComparison()
    for rows in (slice(0, cut), slice(cut, None)):
        comparison.add(reference[rows], test[rows], targets[rows])
    expected = slow_metrics(reference.tolist(), test.tolist(), targets.tolist())
    found = vars(comparison.result())
    assert found == {name: pytest.approx(value, rel=1e-7, abs=1e-12) for name, value in expected.items()}


def test_golden_values():
    log2, log3 = math.log(2), math.log(3)
    reference = np.array([[0.0, log2, 0.0], [log3, 0.0, 0.0]])
    test = np.array([[0.0, 0.0, 0.0], [log3, 0.0, 0.0]])
    metrics = compare_logits(reference, test, np.array([1, 0]))
    assert metrics.sqnr_db == pytest.approx(10 * math.log10((log2**2 + log3**2) / log2**2))
    # p = (1/4, 1/2, 1/4) against the uniform distribution.
    assert metrics.kl_worst == pytest.approx(0.5 * math.log(3 / 4) + 0.5 * math.log(3 / 2))
    assert metrics.kl_mean == pytest.approx(metrics.kl_worst / 2)
    assert metrics.top1_agreement == 0.5
    assert metrics.cosine_worst == 0.0
    assert metrics.cosine_worst_token == 0
    # Likelihoods: 1/2 and 3/5 against 1/3 and 3/5.
    assert metrics.perplexity_reference == pytest.approx((0.5 * 0.6) ** -0.5)
    assert metrics.perplexity_test == pytest.approx((1 / 3 * 0.6) ** -0.5)
    assert metrics.max_abs_diff == pytest.approx(log2)
    assert metrics.max_abs_diff_relative == pytest.approx(log2 / log3)


def test_equal_logits_are_perfect():
    logits = np.random.default_rng(0).normal(size=(20, 9)).astype(np.float32)
    metrics = compare_logits(logits, logits, np.arange(20) % 9)
    assert metrics.sqnr_db == math.inf
    assert metrics.sqnr_centred_db == math.inf
    assert metrics.cosine_worst == pytest.approx(1.0)
    assert (metrics.kl_worst, metrics.top1_agreement, metrics.perplexity_ratio) == (0.0, 1.0, 1.0)
    assert metrics.max_abs_diff_relative == 0.0


def test_a_shift_costs_plain_sqnr_and_nothing_else():
    logits = np.random.default_rng(0).normal(size=(20, 9))
    metrics = compare_logits(logits, logits + 1.0, np.arange(20) % 9)
    assert metrics.sqnr_db < 3
    assert metrics.sqnr_centred_db > 200
    assert metrics.kl_worst < 1e-12
    assert metrics.perplexity_ratio == pytest.approx(1.0)


def test_without_targets_there_is_no_perplexity():
    metrics = compare_logits(np.eye(3), np.eye(3))
    assert math.isnan(metrics.perplexity_reference)
    assert math.isnan(metrics.perplexity_ratio)


@pytest.mark.filterwarnings("error")
def test_damage_shows_in_every_metric_it_touches():
    reference = np.random.default_rng(0).normal(size=(40, 6))
    test = reference.copy()
    test[17, 3] = math.nan
    metrics = compare_logits(reference, test, np.zeros(40, dtype=np.int64))
    for name in (
        "sqnr_db",
        "cosine_mean",
        "cosine_p1",
        "kl_mean",
        "kl_p999",
        "perplexity_ratio",
        "max_abs_diff",
    ):
        assert math.isnan(getattr(metrics, name)), name


@pytest.mark.filterwarnings("error")
def test_an_impossible_token_costs_infinite_divergence():
    reference, test = np.zeros((1, 3)), np.array([[0.0, 0.0, -math.inf]])
    metrics = compare_logits(reference, test, np.array([2]))
    assert metrics.kl_mean == math.inf
    assert metrics.perplexity_test == math.inf
    # The other way round the impossible token has no weight.
    assert compare_logits(test, test, np.array([0])).kl_mean == 0.0


def test_all_zero_logits():
    zero, one = np.zeros((1, 4)), np.ones((1, 4))
    assert compare_logits(zero, zero).cosine_mean == 1.0
    assert compare_logits(zero, one).cosine_mean == 0.0
    assert compare_logits(zero, one).sqnr_db == -math.inf


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="equal"):
        compare_logits(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(ValueError, match="targets"):
        compare_logits(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros(3, dtype=np.int64))
    with pytest.raises(ValueError, match="no logits"):
        LogitComparison().result()
