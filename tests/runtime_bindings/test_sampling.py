"""Sampling, draw by draw, against an independent float64 implementation, and the distribution of what is drawn."""

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import RepetitionPenaltyLogitsProcessor, SequenceBiasLogitsProcessor

from mmoe.runtime_bindings.python.errors import OptionError, RuntimeFailure
from mmoe.runtime_bindings.python.sampling import Sampler, SamplingConfig

# Few distinct values, so that ties at the edges of top-k, min-p and top-p are common.
LOGITS = st.lists(
    st.sampled_from([-math.inf, -3.0, -1.5, -1.0, 0.0, 0.5, 1.0, 2.0, 6.0]), min_size=1, max_size=30
)
SETTINGS = settings(derandomize=True, deadline=None, max_examples=300)


def slow_distribution(
    logits: list[float],
    config: SamplingConfig,
    seen: set[int],
    text: Sequence[int] = (),
    bias: Mapping[int, float] | None = None,
) -> dict[int, float]:
    """The documented order of operations, one Python float at a time; the options are float32 in the core."""
    penalty, temperature = float(np.float32(config.repetition_penalty)), float(np.float32(config.temperature))
    scores = list(logits)
    for token, value in (bias or {}).items():
        scores[token] += value
    for token in seen:
        scores[token] = scores[token] / penalty if scores[token] > 0 else scores[token] * penalty
    for token in text:
        scores[token] -= float(np.float32(config.frequency_penalty))
    for token in set(text):
        scores[token] -= float(np.float32(config.presence_penalty))
    order = sorted(range(len(scores)), key=lambda token: (-scores[token], token))
    if temperature == 0:
        return {order[0]: 1.0}
    order = order[: config.top_k]
    best = scores[order[0]]
    weights = {token: math.exp((scores[token] - best) / temperature) for token in order}
    weights = {
        token: weight for token, weight in weights.items() if weight >= float(np.float32(config.min_p))
    }
    wanted = float(np.float32(config.top_p)) * math.fsum(weights.values())
    kept, reached = {}, 0.0
    for token, weight in weights.items():
        kept[token] = weight
        reached += weight
        if config.top_p < 1 and reached >= wanted:
            break
    total = math.fsum(kept.values())
    return {token: weight / total for token, weight in kept.items()}


def uniform(seed: int, draw: int) -> float:
    """Draw number ``draw`` of SplitMix64, as its authors give it."""
    mask = 2**64 - 1
    z = (seed + (draw + 1) * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return ((z ^ (z >> 31)) >> 11) / 2**53


def slow_draw(distribution: dict[int, float], place: float, by_id: bool) -> set[int]:
    """The token whose share of [0, 1) holds ``place``; two where rounding may decide between neighbours."""
    found, reached = set(), 0.0
    order = sorted(distribution) if by_id else list(distribution)
    for token in order:
        if reached - 1e-12 <= place <= reached + distribution[token] + 1e-12:
            found.add(token)
        reached += distribution[token]
    return found


@pytest.mark.slow
@SETTINGS
@given(
    logits=LOGITS,
    temperature=st.sampled_from([0.0, 0.3, 1.0, 1.7]),
    top_k=st.none() | st.integers(1, 35),
    min_p=st.sampled_from([0.0, 0.02, 0.3]),
    top_p=st.sampled_from([0.05, 0.37, 0.71, 0.93, 1.0]),
    penalty=st.sampled_from([0.8, 1.0, 1.3]),
    frequency=st.sampled_from([-0.5, 0.0, 0.25, 1.5]),
    presence=st.sampled_from([-1.0, 0.0, 0.75]),
    seed=st.integers(0, 2**64 - 1),
    data=st.data(),
)
def test_each_draw_is_the_slow_implementations(
    logits, temperature, top_k, min_p, top_p, penalty, frequency, presence, seed, data
):
    if max(logits) == -math.inf:
        logits[0] = 0.0
    tokens = st.integers(0, len(logits) - 1)
    seen = data.draw(st.sets(tokens))
    text = data.draw(st.lists(tokens, max_size=8))
    bias = data.draw(st.dictionaries(tokens, st.sampled_from([-2.5, -0.5, 0.5, 1.0]), max_size=5))
    config = SamplingConfig(
        temperature=temperature,
        top_k=top_k,
        min_p=min_p,
        top_p=top_p,
        repetition_penalty=penalty,
        frequency_penalty=frequency,
        presence_penalty=presence,
        seed=seed,
    )
    distribution = slow_distribution(logits, config, seen, text, bias)
    sampler = Sampler(config)
    sampler.set_logit_bias(bias)
    for draw in range(5):
        found = sampler.sample(np.array(logits, dtype=np.float32), seen=seen, text=text)
        assert found in slow_draw(distribution, uniform(seed, draw), by_id=top_p == 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"top_p": 0.95},
        {"top_k": 40},
        {"top_k": 3000, "top_p": 0.5},
        {"min_p": 0.001},
        {"top_k": 500, "min_p": 0.02, "top_p": 0.999},
    ],
)
@pytest.mark.parametrize("spread", [0.01, 1.0, 6.0])
def test_a_whole_vocabulary_is_cut_where_a_sorted_one_would_be(
    options: dict[str, float], spread: float
) -> None:
    """From nearly equal logits, most of which a nucleus takes, to ones of which a few have all the weight."""
    logits = (spread * np.random.default_rng(3).normal(size=30_000)).astype(np.float32)
    logits[::7] = logits[5]  # ties, across whatever is sorted
    config = SamplingConfig(temperature=1.0, seed=5, **options)
    expected = slow_distribution(logits.tolist(), config, set())
    sampler = Sampler(config)
    for draw in range(10):
        assert sampler.sample(logits) in slow_draw(expected, uniform(5, draw), by_id=config.top_p == 1)


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


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_bias_that_leaves_no_token_is_told(temperature):
    sampler = Sampler(SamplingConfig(temperature=temperature))
    sampler.set_logit_bias(dict.fromkeys(range(3), -math.inf))
    with pytest.raises(RuntimeFailure, match="a bias excludes all tokens"):
        sampler.sample(np.zeros(3))


def test_the_largest_float32_is_a_temperature():
    temperature = float(np.finfo(np.float32).max)
    assert SamplingConfig(temperature=temperature).structure.temperature == temperature


def test_greedy_takes_the_lowest_of_tied_ids_and_needs_no_randomness():
    sampler = Sampler(SamplingConfig(top_k=5, top_p=0.5))
    assert [sampler.sample(np.array([0.0, 3.0, 3.0])) for _ in range(3)] == [1, 1, 1]


def test_the_repetition_penalty_moves_greedy_off_a_repeated_token():
    logits = np.array([2.0, 1.9, -1.0])
    sampler = Sampler(SamplingConfig(repetition_penalty=1.2))
    assert sampler.sample(logits) == 0
    assert sampler.sample(logits, seen={0}) == 1
    assert sampler.sample(np.array([-1.0, -1.1]), seen={0}) == 1


def test_bias_and_repetition_penalty_are_those_of_transformers():
    """Their processors change the logits, NumPy takes the largest; ours chooses it from the raw ones."""
    rng = np.random.default_rng(17)
    for _ in range(50):
        logits = rng.normal(scale=2.0, size=200).astype(np.float32)
        seen = rng.choice(200, size=60, replace=False).tolist()
        bias = dict(
            zip(rng.choice(200, size=20, replace=False).tolist(), rng.normal(size=20).tolist(), strict=True)
        )
        biased = SequenceBiasLogitsProcessor([[[token], value] for token, value in bias.items()])
        scores = biased(torch.tensor([seen]), torch.tensor(logits)[None])
        scores = RepetitionPenaltyLogitsProcessor(1.3)(torch.tensor([seen]), scores)
        sampler = Sampler(SamplingConfig(repetition_penalty=1.3))
        sampler.set_logit_bias(bias)
        assert sampler.sample(logits, seen=seen) == int(scores.argmax())


def test_penalties_of_the_text_count_its_tokens_and_not_those_of_the_prompt():
    logits = np.array([2.0, 1.9, 1.0])
    frequent = Sampler(SamplingConfig(frequency_penalty=0.4))
    assert [frequent.sample(logits, seen={0, 1, 2}, text=text) for text in ([], [0], [0, 1, 1, 1])] == [
        0,
        1,
        0,
    ]
    present = Sampler(SamplingConfig(presence_penalty=0.95))
    assert [present.sample(logits, text=text) for text in ([0], [0, 1, 1, 1], [0, 0, 1])] == [1, 0, 0]


def test_a_bias_excludes_and_is_replaced():
    logits = np.array([3.0, 2.0, 1.0])
    sampler = Sampler(SamplingConfig())
    sampler.set_logit_bias({0: -math.inf, 2: 0.5})
    assert sampler.sample(logits) == 1
    sampler.set_logit_bias({2: 2.5})
    assert sampler.sample(logits) == 2
    sampler.set_logit_bias({})
    assert sampler.sample(logits) == 0


@pytest.mark.parametrize("bias", [{-1: 0.0}, {0: math.nan}, {0: math.inf}, {2**40: 0.0}])
def test_a_bias_that_is_none_is_refused(bias):
    with pytest.raises(RuntimeFailure):
        Sampler(SamplingConfig()).set_logit_bias(bias)


def test_a_tiny_temperature_is_greedy():
    for temperature in (1e-30, 1e-308):
        config = SamplingConfig(temperature=temperature)
        assert Sampler(config).sample(np.array([1.0, 50.0, -50.0])) == 1


@pytest.mark.parametrize(
    "logits", [[0.0, math.nan], [math.nan, 0.0], [0.0, math.inf], [-math.inf, -math.inf]]
)
def test_damaged_logits_are_refused(logits):
    for temperature in (0.0, 1.0):
        with pytest.raises(RuntimeFailure, match="damaged"):
            Sampler(SamplingConfig(temperature=temperature)).sample(np.array(logits))


def test_ids_outside_the_vocabulary_are_refused():
    with pytest.raises(RuntimeFailure, match="outside the vocabulary"):
        Sampler(SamplingConfig()).sample(np.zeros(3), seen={3})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", -0.1),
        ("temperature", math.nan),
        ("temperature", math.inf),
        ("top_k", -1),
        ("min_p", -0.1),
        ("min_p", 1.0),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("top_p", math.nan),
        ("repetition_penalty", 0.0),
        ("repetition_penalty", math.inf),
        ("frequency_penalty", math.nan),
        ("presence_penalty", math.inf),
        ("seed", -1),
        ("seed", 2**64),
        # Beyond float32, with which the library computes.
        ("temperature", 1e300),
        ("temperature", 10**400),
        ("top_p", 1e-60),
        ("repetition_penalty", 1e-60),
        ("repetition_penalty", 1e39),
        ("presence_penalty", -1e39),
    ],
)
def test_values_out_of_range_are_named(field, value):
    with pytest.raises(OptionError, match=f"{field} must be .*, not {re.escape(str(value))}"):
        SamplingConfig(**{field: value})
