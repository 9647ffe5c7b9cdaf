"""Reads a benchmark from a file, whoever wrote it."""

from __future__ import annotations

from pathlib import Path

from mmoe.export.bench.document import SCHEMA, SCHEMA_VERSION, BenchmarkDocument, ModelRecord
from mmoe.export.files.records import RecordError, from_json
from mmoe.models.files import read_regular
from mmoe.models.json_text import parse_json


def read_benchmark(path: Path) -> BenchmarkDocument:
    """The document of a file.

    Raises:
        RecordError: The file cannot be read, is not a benchmark, is one of another schema, or holds no figures; the
            message names it.
    """
    try:
        data = parse_json(read_regular(path))
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise RecordError(f"{path}: not JSON ({error}); {_CURE}") from error
    schema, version = (
        (data.get("schema"), data.get("schema_version")) if isinstance(data, dict) else (None, None)
    )
    if (schema, version) != (SCHEMA, SCHEMA_VERSION):
        found = "no schema" if schema is None else f"schema {schema!r}"
        raise RecordError(
            f"{path}: {found} of version {version!r}, where {SCHEMA!r} of version {SCHEMA_VERSION} is needed; {_CURE}"
        )
    document = from_json(BenchmarkDocument, data, where=str(path))
    if not document.models:
        raise RecordError(f"{path}: models is empty; {_CURE}")
    for index, model in enumerate(document.models):
        _check(model, f"{path}.models[{index}]")
    return document


_CURE = "write it with `mmoe-export bench --json` or export it from the app"


def _check(model: ModelRecord, where: str) -> None:
    """What the records' types do not say: there are figures, and they are numbers of a speed."""
    if not model.tests:
        raise RecordError(f"{where}.tests is empty; {_CURE}")
    for index, test in enumerate(model.tests):
        samples = test.tokens_per_second.samples
        if not samples or not all(0 <= each < float("inf") for each in samples):
            raise RecordError(
                f"{where}.tests[{index}].tokens_per_second.samples: {list(samples)} are not speeds; {_CURE}"
            )
    if model.sustained is not None and not model.sustained.points:
        raise RecordError(f"{where}.sustained.points is empty; {_CURE}")
