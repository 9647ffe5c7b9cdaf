"""A benchmark as JSON, the same from `mmoe-export bench`, the Android app and the iOS app: `benchmark.schema.json`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from mmoe.export.bench.report import Phase

SCHEMA = "mmoe-benchmark"
SCHEMA_VERSION = 2
SCHEMA_FILE = Path(__file__).parent / "benchmark.schema.json"
"""JSON Schema 2020-12 of the document; what it says of a field's meaning is not said again here."""


class PromptKind(StrEnum):
    """What the tokens of a test are."""

    TEXT = "text"
    TEMPLATED = "templated"


class ThermalState(StrEnum):
    """How hot a device says it is, in the words of iOS."""

    NOMINAL = "nominal"
    FAIR = "fair"
    SERIOUS = "serious"
    CRITICAL = "critical"


@dataclass(frozen=True, kw_only=True)
class EngineRecord:
    """The library."""

    version: str
    packages: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DeviceRecord:
    """What it ran on."""

    name: str
    soc: str
    system: str
    cores: int
    memory_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class ProtocolRecord:
    """What was measured."""

    prompt_lengths: tuple[int, ...]
    depths: tuple[int, ...]
    not_fitting: tuple[int, ...]
    decode_tokens: int
    rounds: int
    threads: int


@dataclass(frozen=True, kw_only=True)
class ConditionsRecord:
    """How the device was at a moment."""

    thermal_state: ThermalState | None
    battery_level: float | None
    charging: bool | None
    load_average: float | None = None


@dataclass(frozen=True, kw_only=True)
class ArtifactRecord:
    """What was run."""

    name: str
    backend: str
    program_sha256: str
    program_bytes: int


@dataclass(frozen=True, kw_only=True)
class LoadsRecord:
    """Milliseconds of loading."""

    cold_ms: float | None
    warm_ms: float | None


@dataclass(frozen=True, kw_only=True)
class PeakMemoryRecord:
    """Largest resident bytes."""

    peak_bytes: int
    peak_anonymous_bytes: int | None
    peak_file_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class SamplesRecord:
    """One figure, a sample for each round, in the order they were taken."""

    samples: tuple[float, ...]
    median: float | None = None
    mean: float | None = None
    deviation: float | None = None


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """Prefill of a prompt, or decoding behind one."""

    prompt: PromptKind
    phase: Phase
    tokens: int
    tokens_per_second: SamplesRecord
    name: str | None = None
    seconds: float | None = None
    bytes_per_token: int | None = None
    read_bandwidth: SamplesRecord | None = None
    multiply_adds: int | None = None
    int8_peak: SamplesRecord | None = None
    roofline_share: float | None = None


@dataclass(frozen=True, kw_only=True)
class SustainedPoint:
    """Speed over a while that ends at ``seconds``."""

    seconds: float
    tokens_per_second: float
    thermal_state: ThermalState | None


@dataclass(frozen=True, kw_only=True)
class SustainedRecord:
    """Decoding without rest."""

    prompt: PromptKind
    prompt_tokens: int
    points: tuple[SustainedPoint, ...]


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """One artifact's figures."""

    artifact: ArtifactRecord
    isa: str | None
    loads: LoadsRecord
    memory: PeakMemoryRecord
    tests: tuple[TrialRecord, ...]
    sustained: SustainedRecord | None
    decode_retention: float | None = None
    read_bandwidth: float | None = None
    int8_peak: float | None = None
    others: SamplesRecord | None = None


@dataclass(frozen=True, kw_only=True)
class OperatorRowRecord:
    """One class of operators."""

    kind: str
    seconds: float
    share: float
    calls: int
    bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class OperatorTimesRecord:
    """Where the time of one kind of call goes."""

    title: str
    rows: tuple[OperatorRowRecord, ...]


@dataclass(frozen=True, kw_only=True)
class BenchmarkDocument:
    """The whole file."""

    schema: str = SCHEMA
    schema_version: int = SCHEMA_VERSION
    engine: EngineRecord
    device: DeviceRecord
    protocol: ProtocolRecord
    before: ConditionsRecord
    after: ConditionsRecord
    models: tuple[ModelRecord, ...]
    disturbed: bool | None = None
    ratios: tuple[SamplesRecord | None, ...] = ()
    operators: tuple[OperatorTimesRecord, ...] = ()
