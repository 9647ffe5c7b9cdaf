"""What an evaluation found, task by task and item by item."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A figure of a task.

    Attributes:
        name: In the harness's words, ``acc`` or ``exact_match``.
        filter: What answers went through first; ``none`` for nothing.
        value: The figure.
        standard_error: Of the value, as the harness tells it; None where it does not.
    """

    name: str
    filter: str
    value: float
    standard_error: float | None


@dataclass(frozen=True, kw_only=True)
class Item:
    """A question, and what the model made of it.

    Attributes:
        id: Its number in the data set.
        filter: As for `Metric`.
        target: The right answer, as the task tells it.
        answer: The model's: a choice's number, a text, or whether a continuation is what greedy decoding gives; None
            where a task only asks how likely a text is.
        log_likelihoods: Of the continuations, or of the text; empty where an answer is generated.
        values: What it counts, by metric; only what is a number.
    """

    id: int
    filter: str
    target: str
    answer: str | int | bool | None
    log_likelihoods: tuple[float, ...]
    values: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """A task, or a group of tasks, which has no items of its own.

    Attributes:
        name: In the harness's list.
        version: Of the task's definition.
        num_fewshot: Examples in front of every question.
        item_count: Items that were run.
        metrics: The figures.
        items: One for each item and filter, in the order of the data set.
    """

    name: str
    version: str
    num_fewshot: int
    item_count: int
    metrics: tuple[Metric, ...]
    items: tuple[Item, ...]


def read_results(found: Mapping[str, Any], output_types: Mapping[str, str]) -> tuple[TaskResult, ...]:
    """The results that `lm_eval.evaluator.evaluate` returns.

    Args:
        found: With ``samples``.
        output_types: Of every task, such as ``multiple_choice``.
    """
    return tuple(
        TaskResult(
            name=name,
            version=str(found["versions"].get(name, "")),
            num_fewshot=int(found["n-shot"].get(name) or 0),
            item_count=int(figures.get("sample_len", 0)),
            metrics=_metrics(figures),
            items=tuple(_item(sample, output_types[name]) for sample in found["samples"].get(name, ())),
        )
        for name, figures in found["results"].items()
    )


def _metrics(figures: Mapping[str, Any]) -> tuple[Metric, ...]:
    found = []
    for key, value in figures.items():
        name, comma, filter_name = key.partition(",")
        if not comma or name.endswith("_stderr") or not isinstance(value, int | float | np.number):
            continue
        error = figures.get(f"{name}_stderr,{filter_name}")
        if not isinstance(error, int | float | np.number) or not math.isfinite(error):
            error = None
        found.append(
            Metric(
                name=name,
                filter=filter_name,
                value=float(value),
                standard_error=None if error is None else float(error),
            )
        )
    return tuple(found)


def _item(sample: Mapping[str, Any], output_type: str) -> Item:
    replies = sample["filtered_resps"]
    likelihoods: list[float] = []
    answer: str | int | bool | None = None
    if output_type == "multiple_choice":
        likelihoods = [float(likelihood) for likelihood, _ in replies]
        answer = int(np.argmax(likelihoods))
    elif output_type == "loglikelihood":
        likelihoods, answer = [float(replies[0][0])], bool(replies[0][1])
    elif output_type == "loglikelihood_rolling":
        likelihoods = [float(replies[0])]
    else:
        answer = str(replies[0])
    values: dict[str, Any] = {name: sample[name] for name in sample["metrics"]}
    return Item(
        id=int(sample["doc_id"]),
        filter=sample["filter"],
        target=str(sample["target"]),
        answer=answer,
        log_likelihoods=tuple(likelihoods),
        values={
            name: float(value)
            for name, value in values.items()
            if isinstance(value, int | float | np.number | np.bool_)
        },
    )
