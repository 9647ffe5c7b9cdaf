"""Differences of two results: their errors, and which items differ."""

from __future__ import annotations

import numpy as np
import pytest

from mmoe.export.evaluation.comparison import differences, differing_items
from mmoe.export.evaluation.results import Item, Metric, TaskResult


def result(
    answers: list[int], values: list[float], *, name: str = "acc", value: float | None = None
) -> TaskResult:
    items = tuple(
        Item(id=place, filter="none", target="0", answer=answer, log_likelihoods=(), values={name: each})
        for place, (answer, each) in enumerate(zip(answers, values, strict=True))
    )
    figure = float(np.mean(values)) if value is None else value
    error = float(np.std(values, ddof=1) / np.sqrt(len(values)))
    metric = Metric(name=name, filter="none", value=figure, standard_error=error)
    return TaskResult(
        name="task", version="1", num_fewshot=0, item_count=len(items), metrics=(metric,), items=items
    )


def test_a_difference_has_the_error_of_simulated_ones() -> None:
    """Two models that agree on nine of ten questions: the spread of their difference is far below that of either."""
    rng = np.random.default_rng(0)
    values, errors, own_errors = [], [], []
    for _ in range(500):
        one = (rng.random(200) < 0.6).astype(float)
        other = np.where(rng.random(200) < 0.1, rng.random(200) < 0.6, one).astype(float)
        (found,) = differences([result([0] * 200, list(one))], [result([0] * 200, list(other))])
        assert found.value == pytest.approx(one.mean() - other.mean())
        assert found.is_within_error == (abs(found.value) <= one.std(ddof=1) / np.sqrt(200))
        values.append(found.value)
        errors.append(found.standard_error)
        own_errors.append(found.metric.standard_error)
    assert np.std(values) == pytest.approx(np.mean(errors), rel=0.1)
    assert np.mean(errors) < np.mean(own_errors) / 2


def test_a_figure_that_is_no_mean_has_no_paired_error() -> None:
    one = result([0, 0], [0.5, 1.5], name="perplexity", value=7.0)
    (found,) = differences([one], [one])
    assert (found.value, found.standard_error, found.is_within_error) == (0.0, None, True)


def test_items_differ_by_answer_or_by_what_they_count() -> None:
    one = result([0, 1, 2, 3], [1, 0, 0, 1])
    other = result([0, 2, 2, 3], [1, 0, 1, 1])
    assert [each.item.id for each in differing_items([one], [other])] == [1, 2]
    # What is no verdict differs in its last digits everywhere.
    near = [result([0, 0], [0.25, 0.5], name="p")], [result([0, 0], [0.26, 0.5], name="p")]
    assert differing_items(*near) == ()
