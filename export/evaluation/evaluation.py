"""An evaluation as it is told: figures, and with a reference the differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from mmoe.export.evaluation.comparison import Difference, DifferingItem, differences, differing_items
from mmoe.export.evaluation.results import TaskResult
from mmoe.export.files.records import Json, to_json


@dataclass(frozen=True)
class Evaluation:
    """What tasks found on an artifact.

    Attributes:
        artifact: Its folder.
        results: Of its tasks.
        reference: The checkpoint that it is compared with; None for none.
        references: What the same tasks found on that.
    """

    artifact: str
    results: tuple[TaskResult, ...]
    reference: str | None = None
    references: tuple[TaskResult, ...] = ()

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """Of the figures; none without a reference."""
        return differences(self.results, self.references) if self.reference is not None else ()

    @cached_property
    def differing_items(self) -> tuple[DifferingItem, ...]:
        """Items that differ; none without a reference."""
        return differing_items(self.results, self.references) if self.reference is not None else ()

    @property
    def item_count(self) -> int:
        """Items of all tasks, counted once for each filter."""
        return sum(len(result.items) for result in self.results)

    def to_dict(self, *, with_items: bool = False) -> dict[str, Json]:
        """All of it as JSON.

        Args:
            with_items: Whether every item is in it, not only those that differ.
        """
        found: dict[str, Json] = {"artifact": self.artifact, "tasks": _figures(self.results)}
        if self.reference is not None:
            found["reference"] = {"checkpoint": self.reference, "tasks": _figures(self.references)}
            found["differences"] = to_json(self.differences)
            found["differing_items"] = to_json(self.differing_items)
        if with_items:
            found["items"] = _items(self.results)
            found["reference_items"] = _items(self.references)
        return found


def _figures(results: Sequence[TaskResult]) -> Json:
    return {
        result.name: {
            "version": result.version,
            "num_fewshot": result.num_fewshot,
            "items": result.item_count,
            "metrics": to_json(result.metrics),
        }
        for result in results
    }


def _items(results: Sequence[TaskResult]) -> Json:
    return {result.name: to_json(result.items) for result in results}
