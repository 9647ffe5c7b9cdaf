"""Puts what `mmoe-export bench` measured into the document that the apps write, too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmoe.export.bench.document import (
    ArtifactRecord,
    BenchmarkDocument,
    ConditionsRecord,
    DeviceRecord,
    EngineRecord,
    LoadsRecord,
    ModelRecord,
    OperatorRowRecord,
    OperatorTimesRecord,
    PeakMemoryRecord,
    PromptKind,
    ProtocolRecord,
    SamplesRecord,
    TrialRecord,
)
from mmoe.export.bench.machine import Power
from mmoe.export.bench.operator_report import OperatorTimes
from mmoe.export.bench.report import BenchReport, ModelResult, Phase, Summary, TrialResult
from mmoe.export.files.records import Json, to_json


def bench_record(report: BenchReport, operators: Sequence[OperatorTimes]) -> dict[str, Json]:
    """The whole report as JSON of `benchmark.schema.json`."""
    record = to_json(benchmark_document(report, operators))
    assert isinstance(record, dict)
    return record


def benchmark_document(report: BenchReport, operators: Sequence[OperatorTimes]) -> BenchmarkDocument:
    """The same as a record."""
    machine, tests = report.machine, report.models[0].tests
    before, after = (
        _conditions(power, load) for power, load in zip(machine.power, machine.load_average, strict=True)
    )
    ratios = [report.ratio(index) for index in range(len(tests))]
    return BenchmarkDocument(
        engine=EngineRecord(version=machine.library, packages=machine.versions),
        device=DeviceRecord(
            name=machine.name,
            soc=machine.cpu,
            system=machine.system,
            cores=machine.cpus,
            memory_bytes=machine.memory_bytes,
        ),
        protocol=ProtocolRecord(
            prompt_lengths=tuple(test.tokens for test in tests if test.phase is Phase.PREFILL),
            depths=tuple(test.tokens for test in tests if test.phase is Phase.DECODE),
            not_fitting=report.not_fitting,
            decode_tokens=report.decode_tokens,
            rounds=len(tests[0].tokens_per_second.samples),
            threads=report.threads,
        ),
        before=before,
        after=after,
        models=tuple(map(_model, report.models)),
        disturbed=report.is_disturbed,
        ratios=tuple(None if ratio is None else _samples(ratio) for ratio in ratios),
        operators=tuple(map(_operator_times, operators)),
    )


def _conditions(power: Power, load_average: float) -> ConditionsRecord:
    return ConditionsRecord(
        thermal_state=None,  # Linux tells temperatures, and no state that would be comparable
        battery_level=power.battery_level,
        charging=power.charging,
        load_average=load_average,
    )


def _model(model: ModelResult) -> ModelRecord:
    return ModelRecord(
        artifact=ArtifactRecord(
            name=Path(model.name).resolve().name,
            backend=model.backend,
            program_sha256=model.program_sha256,
            program_bytes=model.program_bytes,
        ),
        isa=model.isa,
        loads=LoadsRecord(cold_ms=model.cold_load_seconds * 1e3, warm_ms=model.warm_load_seconds * 1e3),
        memory=PeakMemoryRecord(
            peak_bytes=model.peak_bytes,
            peak_anonymous_bytes=model.peak_anonymous_bytes,
            peak_file_bytes=model.peak_file_bytes,
        ),
        tests=tuple(map(_test, model.tests)),
        sustained=None,
        decode_retention=model.decode_retention,
        read_bandwidth=model.read_bandwidth,
        int8_peak=model.int8_peak,
        others=_samples(model.others),
    )


def _test(test: TrialResult) -> TrialRecord:
    return TrialRecord(
        prompt=PromptKind.TEXT,
        phase=test.phase,
        tokens=test.tokens,
        tokens_per_second=_samples(test.tokens_per_second),
        name=test.name,
        seconds=test.seconds,
        bytes_per_token=test.bytes_per_token,
        read_bandwidth=None if test.read_bandwidth is None else _samples(test.read_bandwidth),
        multiply_adds=test.multiply_adds,
        int8_peak=None if test.int8_peak is None else _samples(test.int8_peak),
        roofline_share=test.roofline_share,
    )


def _samples(summary: Summary) -> SamplesRecord:
    return SamplesRecord(
        samples=summary.samples, median=summary.median, mean=summary.mean, deviation=summary.deviation
    )


def _operator_times(times: OperatorTimes) -> OperatorTimesRecord:
    return OperatorTimesRecord(
        title=times.title,
        rows=tuple(
            OperatorRowRecord(
                kind=row.kind.value, seconds=row.seconds, share=row.share, calls=row.calls, bytes=row.bytes
            )
            for row in times.rows
        ),
    )
