"""An evaluation for people: a line for each figure, each difference, and each item that differs."""

from collections.abc import Iterator

from mmoe.export.evaluation.comparison import Difference
from mmoe.export.evaluation.evaluation import Evaluation
from mmoe.export.evaluation.results import Metric

_MOST_ITEMS, _MOST_LETTERS = 20, 60
_VERDICTS = {
    None: "",
    True: ", within the standard error of the figure",
    False: ", MORE than the standard error of the figure",
}


def evaluation_lines(evaluation: Evaluation) -> Iterator[str]:
    """The lines, without their ends."""
    for result in evaluation.results:
        yield f"{result.name} ({result.num_fewshot}-shot, {result.item_count:,} items)"
        for metric in result.metrics:
            yield f"  {_name(metric)}: {metric.value:.4f}{_plus_minus(metric.standard_error)}"
    if evaluation.reference is None:
        return
    yield f"the artifact less {evaluation.reference} in eager PyTorch"
    yield from map(_difference, evaluation.differences)
    items = evaluation.differing_items
    yield f"items that differ: {len(items):,} of {evaluation.item_count:,}"
    for each in items[:_MOST_ITEMS]:
        yield (
            f"  {each.task} {each.item.id}: {_shown(each.item.answer)}, the reference "
            f"{_shown(each.reference.answer)}; right is {_shown(each.item.target)}"
        )
    if len(items) > _MOST_ITEMS:
        yield f"  and {len(items) - _MOST_ITEMS:,} more, which --json and -o have"


def _difference(each: Difference) -> str:
    return (
        f"  {each.task} {_name(each.metric)}: {each.metric.value:.4f} less {each.reference.value:.4f} is "
        f"{each.value:+.4f}{_plus_minus(each.standard_error)}{_VERDICTS[each.is_within_error]}"
    )


def _name(metric: Metric) -> str:
    return metric.name if metric.filter == "none" else f"{metric.name} ({metric.filter})"


def _plus_minus(error: float | None) -> str:
    return "" if error is None else f" \u00b1 {error:.4f}"


def _shown(answer: object) -> str:
    text = repr(answer) if isinstance(answer, str) else str(answer)
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}..."
