"""Two models on the same tasks: how far their figures differ, and on which items."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmoe.export.evaluation.results import Item, Metric, TaskResult


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A figure of both models.

    Attributes:
        task: Its task.
        metric: Of the model.
        reference: Of what it is compared with.
        value: The metric less the reference.
        standard_error: Of `value`, from the differences item by item, so that what both find hard does not count; None
            where the figure is no mean over items.
        is_within_error: Whether `value` is at most the metric's own standard error; None where that is unknown.
    """

    task: str
    metric: Metric
    reference: Metric
    value: float
    standard_error: float | None
    is_within_error: bool | None


@dataclass(frozen=True, kw_only=True)
class DifferingItem:
    """An item that both models answered, or that counts for both, in different ways.

    Attributes:
        task: Its task.
        item: Of the model.
        reference: Of what it is compared with.
    """

    task: str
    item: Item
    reference: Item


def differences(results: Sequence[TaskResult], references: Sequence[TaskResult]) -> tuple[Difference, ...]:
    """The figures of both, of the same tasks with the same options."""
    found = []
    for result, reference in zip(results, references, strict=True):
        for metric, other in zip(result.metrics, reference.metrics, strict=True):
            value = metric.value - other.value
            error = metric.standard_error
            found.append(
                Difference(
                    task=result.name,
                    metric=metric,
                    reference=other,
                    value=value,
                    standard_error=_paired_error(result, reference, metric),
                    is_within_error=None if error is None else abs(value) <= error,
                )
            )
    return tuple(found)


def differing_items(
    results: Sequence[TaskResult], references: Sequence[TaskResult]
) -> tuple[DifferingItem, ...]:
    """Items with another answer, or with another value where that is 0 or 1, as it is of an accuracy."""
    return tuple(
        DifferingItem(task=result.name, item=item, reference=other)
        for result, reference in zip(results, references, strict=True)
        for item, other in zip(result.items, reference.items, strict=True)
        if item.answer != other.answer or _counts(item) != _counts(other)
    )


def _counts(item: Item) -> dict[str, float]:
    return {name: value for name, value in item.values.items() if value in (0, 1)}


def _paired_error(result: TaskResult, reference: TaskResult, metric: Metric) -> float | None:
    own, other = (_values(each, metric) for each in (result, reference))
    if len(own) < 2 or len(own) != len(other) or not math.isclose(np.mean(own), metric.value, abs_tol=1e-9):
        return None
    paired = np.array(own) - np.array(other)
    return float(np.std(paired, ddof=1)) / math.sqrt(len(paired))


def _values(result: TaskResult, metric: Metric) -> list[float]:
    return [
        item.values[metric.name]
        for item in result.items
        if item.filter == metric.filter and metric.name in item.values
    ]
