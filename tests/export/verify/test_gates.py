"""Gates pass at their limit, fail past it, and never pass NaN."""

import dataclasses
import math

import pytest

from mmoe.export.artifact.verification.limits import Bound, Thresholds, check
from mmoe.export.verify.gates import evaluate
from mmoe.runtime_bindings.python.errors import OptionError
from tests.support.reports import sample_metrics


@pytest.mark.parametrize(
    ("value", "bound", "passed"),
    [
        (1.0, Bound.AT_LEAST, True),
        (0.99, Bound.AT_LEAST, False),
        (math.inf, Bound.AT_LEAST, True),
        (1.0, Bound.AT_MOST, True),
        (1.01, Bound.AT_MOST, False),
        (math.nan, Bound.AT_LEAST, False),
        (math.nan, Bound.AT_MOST, False),
    ],
)
def test_a_value_against_its_limit(value, bound, passed):
    assert check("x", value, bound, 1.0).passed is passed


def test_every_threshold_has_a_gate_that_can_fail_alone():
    good = sample_metrics(noise=1e-3)
    assert all(gate.passed for gate in evaluate(good, Thresholds()))
    for name, value in [
        ("sqnr_db", 28.9),
        ("cosine_mean", 0.9989),
        ("cosine_p1", 0.989),
        ("top1_agreement", 0.979),
        ("kl_mean", 4.1e-3),
        ("perplexity_ratio", 1.0031),
        ("perplexity_ratio", 0.9969),
        ("perplexity_ratio", math.nan),
    ]:
        gates = evaluate(dataclasses.replace(good, **{name: value}), Thresholds())
        failed = [gate.name for gate in gates if not gate.passed]
        assert failed == [name.replace("_ratio", "_change")]


def test_thresholds_can_be_moved():
    noisy = sample_metrics(noise=0.3)
    loose = Thresholds(
        min_sqnr_db=0,
        min_cosine_mean=0,
        min_cosine_p1=0,
        min_top1_agreement=0,
        max_kl_mean=10,
        max_perplexity_change=10,
    )
    assert not any(gate.passed for gate in evaluate(noisy, Thresholds()))
    assert all(gate.passed for gate in evaluate(noisy, loose))


@pytest.mark.parametrize("limit", [math.nan, math.inf])
def test_a_limit_must_be_a_number(limit):
    with pytest.raises(OptionError, match="min_sqnr_db"):
        Thresholds(min_sqnr_db=limit)
