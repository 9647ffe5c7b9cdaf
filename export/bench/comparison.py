"""Benchmarks of several devices side by side."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from mmoe.export.bench.document import (
    BenchmarkDocument,
    ConditionsRecord,
    ModelRecord,
    PromptKind,
    SustainedRecord,
    ThermalState,
    TrialRecord,
)
from mmoe.export.bench.report import Phase
from mmoe.export.files.records import Json, to_json

SCHEMA = "mmoe-benchmark-comparison"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Column:
    """One artifact on one device.

    Attributes:
        file: Where it was read from.
        document: What the device says of itself and of what was measured.
        model: The artifact's figures.
    """

    file: str
    document: BenchmarkDocument
    model: ModelRecord

    @property
    def label(self) -> str:
        """The device and the artifact."""
        return f"{self.document.device.name}, {self.model.artifact.name}"

    def test(self, key: TrialKey) -> TrialRecord | None:
        """Its figures of one test; None if it was not measured there."""
        return next((test for test in self.model.tests if TrialKey.of(test) == key), None)


@dataclass(frozen=True, order=True)
class TrialKey:
    """What makes two tests of two devices the same."""

    phase_place: int
    prompt: PromptKind
    tokens: int

    @classmethod
    def of(cls, test: TrialRecord) -> TrialKey:
        """The key of a test."""
        return cls(list(Phase).index(test.phase), test.prompt, test.tokens)

    @property
    def phase(self) -> Phase:
        """Prefill or decoding."""
        return list(Phase)[self.phase_place]

    @property
    def name(self) -> str:
        """Such as ``decode at 256, templated``."""
        kind = "" if self.prompt is PromptKind.TEXT else f", {self.prompt}"
        return f"{self.phase} {'at ' if self.phase is Phase.DECODE else ''}{self.tokens}{kind}"


@dataclass(frozen=True)
class Comparison:
    """All columns, in the order of the files."""

    columns: tuple[Column, ...]

    @property
    def keys(self) -> list[TrialKey]:
        """Every test that some column has: prefills, then decoding, shorter ones first."""
        return sorted({TrialKey.of(test) for column in self.columns for test in column.model.tests})

    @property
    def notes(self) -> list[str]:
        """What keeps the figures from being comparable."""
        found = []
        if len({column.model.artifact.program_sha256 for column in self.columns}) > 1:
            found.append("The programs differ: speeds are not those of one model.")
        protocols = {
            (column.document.protocol.decode_tokens, column.document.protocol.rounds)
            for column in self.columns
        }
        if len(protocols) > 1:
            found.append("Rounds or decoded tokens differ.")
        for column in self.columns:
            document = column.document
            if document.disturbed:
                found.append(f"{column.file}: other processes had part of the machine.")
            if document.after.thermal_state not in (None, ThermalState.NOMINAL):
                found.append(f"{column.file}: the device was {document.after.thermal_state} at the end.")
        return found


def compare(documents: Sequence[tuple[str, BenchmarkDocument]]) -> Comparison:
    """A column for each artifact of each file.

    Args:
        documents: Files' names with what they hold.
    """
    return Comparison(
        tuple(Column(file, document, model) for file, document in documents for model in document.models)
    )


def comparison_rows(comparison: Comparison) -> list[tuple[str, list[str]]]:
    """Titles with a cell for each column; a row that no column fills is left out."""
    columns = comparison.columns
    documents = [column.document for column in columns]
    models = [column.model for column in columns]
    rows = [
        ("device", [document.device.name for document in documents]),
        ("SoC", [document.device.soc for document in documents]),
        ("system", [document.device.system for document in documents]),
        ("artifact", [model.artifact.name for model in models]),
        ("program", [model.artifact.program_sha256[:8] for model in models]),
        ("backend", [model.artifact.backend for model in models]),
        ("engine", [document.engine.version for document in documents]),
        ("threads", [str(document.protocol.threads) for document in documents]),
    ]
    rows += [
        (f"{key.name}, tokens/s", [_speed(column.test(key)) for column in columns]) for key in comparison.keys
    ]
    rows += [
        ("load, cold, ms", [_number(model.loads.cold_ms) for model in models]),
        ("load, warm, ms", [_number(model.loads.warm_ms) for model in models]),
        ("peak memory, MB", [_megabytes(model.memory.peak_bytes) for model in models]),
        ("  anonymous, MB", [_megabytes(model.memory.peak_anonymous_bytes) for model in models]),
        ("  mapped files, MB", [_megabytes(model.memory.peak_file_bytes) for model in models]),
        ("thermal state", [_thermal(document.before, document.after) for document in documents]),
        ("battery", [_battery(document.before, document.after) for document in documents]),
        ("sustained, tokens/s", [_sustained(model.sustained) for model in models]),
    ]  # fmt: skip
    return [row for row in rows if any(row[1])]


def comparison_record(comparison: Comparison) -> dict[str, Json]:
    """The same as JSON: what each column is, and the medians of every test."""
    columns: list[Json] = []
    for column in comparison.columns:
        document, model = column.document, column.model
        columns.append(
            {
                "file": column.file,
                "engine": to_json(document.engine),
                "device": to_json(document.device),
                "protocol": to_json(document.protocol),
                "before": to_json(document.before),
                "after": to_json(document.after),
                "artifact": to_json(model.artifact),
                "loads": to_json(model.loads),
                "memory": to_json(model.memory),
                "sustained": to_json(model.sustained),
            }
        )
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "columns": columns,
        "tests": [
            {
                "prompt": key.prompt.value,
                "phase": key.phase.value,
                "tokens": key.tokens,
                "tokens_per_second": [
                    None if (test := column.test(key)) is None else median_speed(test)
                    for column in comparison.columns
                ],
            }
            for key in comparison.keys
        ],
        "notes": [*comparison.notes],
    }


def median_speed(test: TrialRecord) -> float:
    """Tokens per second, the median of the rounds."""
    return statistics.median(test.tokens_per_second.samples)


def _speed(test: TrialRecord | None) -> str:
    """The median, and how far the rounds lie apart."""
    if test is None:
        return ""
    samples = test.tokens_per_second.samples
    middle = f"{median_speed(test):.1f}"
    return middle if len(samples) == 1 else f"{middle} ({min(samples):.1f}-{max(samples):.1f})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _megabytes(count: int | None) -> str:
    return "" if count is None else f"{count / 1e6:.1f}"


def _thermal(before: ConditionsRecord, after: ConditionsRecord) -> str:
    return _change(before.thermal_state, after.thermal_state)


def _battery(before: ConditionsRecord, after: ConditionsRecord) -> str:
    levels = [None if each.battery_level is None else f"{each.battery_level:.0%}" for each in (before, after)]
    change = _change(*levels)
    return f"{change}, charging" if change and before.charging else change


def _change(before: str | None, after: str | None) -> str:
    if before is None or after is None:
        return before or after or ""
    return str(before) if before == after else f"{before} to {after}"


def _sustained(curve: SustainedRecord | None) -> str:
    if curve is None:
        return ""
    first, last = curve.points[0], curve.points[-1]
    return f"{first.tokens_per_second:.1f} to {last.tokens_per_second:.1f} in {last.seconds:.0f} s"
