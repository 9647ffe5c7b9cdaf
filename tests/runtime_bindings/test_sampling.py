"""Sampling against an independent float64 implementation, and the distribution of what is drawn."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.export.errors import OptionError, RuntimeFailure
from mmoe.runtime_bindings.python import sampling
from mmoe.runtime_bindings.python.sampling import Sampler, SamplingConfig, candidates

# Few distinct values, so that ties at the edge of top-k and top-p are common.
LOGITS = st.lists(
    st.sampled_from([-math.inf, -3.0, -1.5, -1.0, 0.0, 0.5, 1.0, 2.0, 6.0]), min_size=1, max_size=30
)
SETTINGS = settings(derandomize=True, deadline=None, max_examples=300)


def slow_distribution(logits: list[float], config: SamplingConfig, seen: set[int]) -> dict[int, float]:
    """The documented order of operations, one Python float at a time."""
    scores = list(logits)
    for token in seen:
        if scores[token] > 0:
            scores[token] /= config.repetition_penalty
        else:
            scores[token] *= config.repetition_penalty
    order = sorted(range(len(scores)), key=lambda token: (-scores[token], token))
    if config.temperature == 0:
        return {order[0]: 1.0}
    order = order[: config.top_k]
    best = scores[order[0]]
    weights = [math.exp((scores[token] - best) / config.temperature) for token in order]
    kept, reached = {}, 0.0
    for token, weight in zip(order, weights, strict=True):
        kept[token] = weight
        reached += weight
        if config.top_p < 1 and reached >= config.top_p * math.fsum(weights):
            break
    return {token: weight / math.fsum(kept.values()) for token, weight in kept.items()}


@SETTINGS
@given(
    logits=LOGITS,
    temperature=st.sampled_from([0.0, 0.3, 1.0, 1.7]),
    top_k=st.none() | st.integers(1, 35),
    top_p=st.sampled_from([0.05, 0.37, 0.71, 0.93, 1.0]),
    penalty=st.sampled_from([0.8, 1.0, 1.3]),
    data=st.data(),
)
def test_candidates_match_the_slow_implementation(logits, temperature, top_k, top_p, penalty, data):
    if max(logits) == -math.inf:
        logits[0] = 0.0
    seen = data.draw(st.sets(st.integers(0, len(logits) - 1)))
    config = SamplingConfig(temperature=temperature, top_k=top_k, top_p=top_p, repetition_penalty=penalty)
    found = candidates(np.array(logits, dtype=np.float32), config, seen=seen)
    # Tokens of probability zero may be listed or not: they are never drawn.
    expected = {token: p for token, p in slow_distribution(logits, config, seen).items() if p > 0}
    listed = {int(i): p for i, p in zip(found.ids, found.probabilities, strict=True) if p > 0}
    assert listed == pytest.approx(expected, rel=1e-12)


def test_the_nucleus_may_be_wider_than_the_first_guess(monkeypatch):
    monkeypatch.setattr(sampling, "_FIRST_NUCLEUS_CANDIDATES", 2)
    logits = np.random.default_rng(3).normal(size=400)
    config = SamplingConfig(temperature=1.0, top_p=0.95)
    expected = slow_distribution(logits.tolist(), config, set())
    found = candidates(logits, config)
    assert dict(zip(found.ids.tolist(), found.probabilities.tolist(), strict=True)) == pytest.approx(expected)


@pytest.mark.parametrize("top_p", [1.0, 0.9])
def test_draws_follow_the_distribution(top_p):
    logits = np.array([2.0, -1.0, 1.0, 0.5, 0.0, -math.inf], dtype=np.float32)
    config = SamplingConfig(temperature=0.9, top_p=top_p, seed=11)
    expected = slow_distribution(logits.tolist(), config, set())
    draws = 20_000
    sampler = Sampler(config)
    counts = np.bincount([sampler.sample(logits) for _ in range(draws)], minlength=6)
    assert set(np.flatnonzero(counts)) == {token for token, p in expected.items() if p > 0}
    chi_square = sum((counts[i] - draws * p) ** 2 / (draws * p) for i, p in expected.items() if p > 0)
    # 0.999 quantile of chi-square with 4 degrees of freedom; fewer degrees stay below it too.
    assert chi_square < 18.5


def test_greedy_takes_the_lowest_of_tied_ids_and_needs_no_randomness():
    sampler = Sampler(SamplingConfig(top_k=5, top_p=0.5))
    assert [sampler.sample(np.array([0.0, 3.0, 3.0])) for _ in range(3)] == [1, 1, 1]


def test_the_repetition_penalty_moves_greedy_off_a_repeated_token():
    logits = np.array([2.0, 1.9, -1.0])
    sampler = Sampler(SamplingConfig(repetition_penalty=1.2))
    assert sampler.sample(logits) == 0
    assert sampler.sample(logits, seen={0}) == 1
    assert sampler.sample(np.array([-1.0, -1.1]), seen={0}) == 1


def test_the_same_seed_draws_the_same_tokens():
    logits = np.random.default_rng(0).normal(size=100)

    def draw(seed: int) -> list[int]:
        sampler = Sampler(SamplingConfig(temperature=1.0, seed=seed))
        return [sampler.sample(logits) for _ in range(20)]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_a_tiny_temperature_is_greedy():
    config = SamplingConfig(temperature=1e-308)
    assert Sampler(config).sample(np.array([1.0, 50.0, -50.0])) == 1


@pytest.mark.parametrize("logits", [[0.0, math.nan], [0.0, math.inf], [-math.inf, -math.inf]])
def test_damaged_logits_are_refused(logits):
    with pytest.raises(RuntimeFailure, match="damaged"):
        candidates(np.array(logits), SamplingConfig())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", -0.1),
        ("temperature", math.nan),
        ("temperature", math.inf),
        ("top_k", 0),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("top_p", math.nan),
        ("repetition_penalty", 0.0),
        ("repetition_penalty", math.inf),
        ("seed", -1),
    ],
)
def test_values_out_of_range_are_named(field, value):
    with pytest.raises(OptionError, match=field):
        SamplingConfig(**{field: value})
