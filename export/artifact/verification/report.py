"""What a verification found, as data and as JSON."""

from dataclasses import dataclass

from mmoe.export.artifact.verification.limits import Gate, Thresholds
from mmoe.export.artifact.verification.measurements import LogitMetrics, RouterFlips
from mmoe.export.files.records import Json, RecordError, from_json, to_json

SCHEMA_VERSION = 1
EXPERT_WEIGHTS = "expert weights"


@dataclass(frozen=True, kw_only=True)
class StageResult:
    """One stage of the ladder, compared with eager float32.

    Attributes:
        name: the stage, for instance ".pte, prefill".
        metrics: the comparison of its logits.
        gates: limits it had to keep; none for a stage that is only reported.
        router_flips: flips of the routers, where the stage lets them be seen.
        seconds: how long the stage ran.
    """

    name: str
    metrics: LogitMetrics
    gates: tuple[Gate, ...]
    router_flips: RouterFlips | None
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every gate passed."""
        return all(gate.passed for gate in self.gates)

    @property
    def failures(self) -> tuple[Gate, ...]:
        """The gates that did not pass."""
        return tuple(gate for gate in self.gates if not gate.passed)


@dataclass(frozen=True, kw_only=True)
class ExpertWeightsProof:
    """Expert weights and scales read back from the program and compared with the checkpoint's.

    Attributes:
        tensors: tensors compared.
        bytes: bytes compared.
        mismatches: names of tensors that differ in any bit, or that were not found.
    """

    tensors: int
    bytes: int
    mismatches: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether something was compared and all of it was equal."""
        return self.tensors > 0 and not self.mismatches


@dataclass(frozen=True, kw_only=True)
class VerificationReport:
    """The outcome of a verification.

    Attributes:
        schema_version: of the JSON form.
        tokens: tokens of text that were compared per stage.
        text_source: where the text is from.
        thresholds: the limits.
        stages: in the order they ran.
        expert_weights: the proof of bit-exactness; None for a model without routed experts.
        versions: of every package that matters.
        ran: whether the written program itself was run; where it cannot be, only what it was made from was.
    """

    schema_version: int = SCHEMA_VERSION
    tokens: int
    text_source: str
    thresholds: Thresholds
    stages: tuple[StageResult, ...]
    expert_weights: ExpertWeightsProof | None
    versions: dict[str, str]
    ran: bool = True

    @property
    def passed(self) -> bool:
        """Whether there were stages, all of them passed, and the expert weights, if there are any, are exact."""
        return bool(self.stages) and all(stage.passed for stage in self.stages) and self._experts_passed

    @property
    def _experts_passed(self) -> bool:
        return self.expert_weights is None or self.expert_weights.passed

    @property
    def first_failing_stage(self) -> str | None:
        """The first stage that missed a gate; `EXPERT_WEIGHTS` if only the proof failed, else None."""
        failing = (stage.name for stage in self.stages if not stage.passed)
        return next(failing, None if self._experts_passed else EXPERT_WEIGHTS)

    def to_dict(self) -> dict[str, Json]:
        """The JSON form, with "passed" and "first_failing_stage" added for readers in a hurry."""
        data = to_json(self)
        assert isinstance(data, dict)
        return {**data, "passed": self.passed, "first_failing_stage": self.first_failing_stage}

    @classmethod
    def from_dict(cls, data: object, *, where: str) -> "VerificationReport":
        """Reads `to_dict`'s result; the two derived entries are computed anew.

        Raises:
            RecordError: another schema version, or a key is missing, unknown or of the wrong kind.
        """
        version = data.get("schema_version") if isinstance(data, dict) else None
        if not isinstance(data, dict) or version != SCHEMA_VERSION:
            raise RecordError(f"{where}: schema_version is {version!r}; this exporter reads {SCHEMA_VERSION}")
        derived = ("passed", "first_failing_stage")
        return from_json(cls, {key: data[key] for key in data if key not in derived}, where=where)
