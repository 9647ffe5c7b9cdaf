"""The document of a benchmark: what `bench` writes satisfies the schema, and the records say what the schema says."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tomllib
import types
import typing
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.bench.document import SCHEMA_FILE, BenchmarkDocument
from mmoe.export.bench.machine import Power, machine_name, memory_bytes, power, system_name
from mmoe.export.bench.measure import bench
from mmoe.export.bench.operator_report import OperatorClass, OperatorRow, OperatorTimes
from mmoe.export.bench.plan import BenchOptions
from mmoe.export.bench.recording import bench_record
from mmoe.export.files.records import from_json, to_json

PROJECT = Path(__file__).parents[3] / "pyproject.toml"
PHONE = Path(__file__).parents[2] / "data" / "benchmarks" / "phone.json"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(loaded)
    return loaded


@pytest.fixture(scope="module")
def validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema)


def test_what_bench_writes(tiny_artifact: Artifact, validator: Draft202012Validator) -> None:
    options = BenchOptions(prompt_lengths=(8, 40), decode_tokens=2, rounds=2, threads=1)
    row = OperatorRow(kind=OperatorClass.EXPERTS, seconds=0.5, share=1.0, calls=2, bytes=10)
    times = OperatorTimes("prefill 8", (row,))
    record = json.loads(json.dumps(bench_record(bench(tiny_artifact, options=options), [times])))
    validator.validate(record)
    program = tiny_artifact.model_path.read_bytes()
    (model,) = record["models"]
    assert model["artifact"] == {
        "name": tiny_artifact.folder.name,
        "backend": "xnnpack",
        "program_sha256": hashlib.sha256(program).hexdigest(),
        "program_bytes": len(program),
    }
    assert record["protocol"] == {
        "prompt_lengths": [8, 40], "depths": [254], "not_fitting": [1024, 4096, 8192], "decode_tokens": 2,
        "rounds": 2, "threads": 1,
    }  # fmt: skip
    assert [(test["phase"], test["tokens"]) for test in model["tests"]] == [
        ("prefill", 8), ("prefill", 40), ("decode", 254),
    ]  # fmt: skip
    assert all(len(test["tokens_per_second"]["samples"]) == 2 for test in model["tests"])
    memory = model["memory"]
    assert 0 < memory["peak_anonymous_bytes"] < memory["peak_bytes"] < 100e6
    assert 0 < model["loads"]["warm_ms"] < 10_000
    assert record["operators"] == [
        {
            "title": "prefill 8",
            "rows": [{"kind": "experts and router", "seconds": 0.5, "share": 1.0, "calls": 2, "bytes": 10}],
        }
    ]
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    assert record["engine"]["version"] == project["version"]
    # Reading it back loses nothing.
    assert to_json(from_json(BenchmarkDocument, record, where="bench.json")) == record


def test_what_a_phone_writes(validator: Draft202012Validator) -> None:
    """An example for those who write the document elsewhere: only what every device has."""
    record = json.loads(PHONE.read_text(encoding="utf-8"))
    validator.validate(record)
    document = from_json(BenchmarkDocument, record, where=PHONE.name)
    sustained = document.models[0].sustained
    assert sustained is not None
    assert [point.thermal_state for point in sustained.points] == ["nominal", "fair", "serious"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema_version",), 1),
        (("schema",), "other"),
        (("device", "soc"), ""),
        (("models", 0, "artifact", "program_sha256"), "abc"),
        (("models", 0, "tests", 0, "tokens_per_second", "samples"), []),
        (("models", 0, "tests", 0, "phase"), "warm-up"),
        (("models", 0, "tests", 0, "prompt_tokens"), 256),
        (("models", 0, "sustained", "points", 0, "thermal_state"), "hot"),
        (("before", "battery_level"), 80),
        (("models",), []),
    ],
)
def test_the_schema_refuses(
    validator: Draft202012Validator, path: tuple[str | int, ...], value: object
) -> None:
    record: Any = json.loads(PHONE.read_text(encoding="utf-8"))
    target = record
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    with pytest.raises(ValidationError):
        validator.validate(record)


def test_records_and_schema_have_the_same_fields(schema: dict[str, Any]) -> None:
    compared = set[str]()

    def compare(kind: Any, node: dict[str, Any]) -> None:
        compared.add(kind.__name__)
        fields = {field.name: field for field in dataclasses.fields(kind)}
        assert fields.keys() == node["properties"].keys(), kind
        constants = {name for name, value in node["properties"].items() if "const" in value}
        required = {name for name, field in fields.items() if field.default is field.default_factory}
        assert required | constants == set(node["required"]), kind
        for name, hint in typing.get_type_hints(kind).items():
            inner, optional, many = hint, False, False
            if typing.get_origin(inner) is tuple:
                inner, many = typing.get_args(inner)[0], True
            if typing.get_origin(inner) is types.UnionType:
                (inner,) = (each for each in typing.get_args(inner) if each is not types.NoneType)
                optional = True
            value = node["properties"][name]
            value = value["items"] if many else value
            choices = value.get("anyOf", [value])
            nullable = {"type": "null"} in choices or "null" in value.get("type", ())
            assert nullable == optional, (kind, name)
            if dataclasses.is_dataclass(inner):
                first = choices[0]
                if "$ref" in first:
                    first = schema["$defs"][first["$ref"].rpartition("/")[2]]
                compare(inner, first)

    compare(BenchmarkDocument, schema)
    assert len(compared) == 15


def test_the_machine_is_described(tmp_path: Path) -> None:
    assert machine_name()
    assert "\0" not in machine_name()
    assert system_name()
    total = next(
        line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal:")
    )
    assert memory_bytes() == pytest.approx(int(total.split()[1]) * 1024, rel=0.1)
    assert power(tmp_path) == Power()
    for name, capacity, status in (("AC", None, None), ("BAT0", "40", "Discharging\n")):
        (tmp_path / name).mkdir()
        if capacity is not None and status is not None:
            (tmp_path / name / "capacity").write_text(f"{capacity}\n")
            (tmp_path / name / "status").write_text(status)
    assert power(tmp_path) == Power(battery_level=0.4, charging=False)
    (tmp_path / "BAT0" / "status").write_text("Charging\n")
    assert power(tmp_path) == Power(battery_level=0.4, charging=True)
