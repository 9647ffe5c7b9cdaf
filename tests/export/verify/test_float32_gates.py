"""The strict limits of float32 programs, with and without router ties."""

import dataclasses

import numpy as np

from mmoe.export.verify.float32_gates import evaluate_float32, untied_rows
from tests.support.reports import sample_metrics

CLOSE = sample_metrics(noise=1e-6)  # of 200 tokens


def _failed(**changes: float) -> list[str]:
    gates = evaluate_float32(dataclasses.replace(CLOSE, **changes), tokens=200)
    return [gate.name for gate in gates if not gate.passed]


def test_a_token_is_tied_if_any_layer_is() -> None:
    margins = np.array([[0.1, 0.0009, 0.001], [0.2, 0.3, np.inf]])
    assert untied_rows(margins).tolist() == [True, False, True]


def test_each_limit_fails_alone() -> None:
    assert _failed() == []
    assert _failed(max_abs_diff_relative=1.01e-4) == ["untied_max_abs_diff_relative"]
    assert _failed(cosine_worst=0.999989) == ["untied_cosine_worst"]
    assert _failed(top1_agreement=199 / 200) == ["untied_top1_agreement"]
    assert _failed(tokens=39) == ["untied_tokens"]


def test_nothing_but_ties_proves_nothing() -> None:
    assert not any(gate.passed for gate in evaluate_float32(None, tokens=200))
