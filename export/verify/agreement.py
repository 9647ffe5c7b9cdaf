"""Whether two artifacts of one checkpoint, for instance for a CPU and for a GPU, agree with each other."""

import time
from dataclasses import dataclass
from itertools import zip_longest

from mmoe.backends.errors import ArtifactError
from mmoe.backends.program_file import ProgramFile
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.backend import backend_of
from mmoe.export.artifact.verification.limits import Bound, check
from mmoe.export.artifact.verification.report import SCHEMA_VERSION, StageResult
from mmoe.export.files.records import Json, to_json
from mmoe.export.progress import SILENT, Progress
from mmoe.export.verify.metrics import LogitComparison
from mmoe.export.verify.sampling_error import share_margin
from mmoe.export.verify.stages import Logits, Stage, runtime_decode, runtime_prefill
from mmoe.export.verify.text import VerificationText
from mmoe.export.verify.weights_proof import same_experts
from mmoe.export.verify.windows import Window, windows_for


@dataclass(frozen=True, kw_only=True)
class AgreementReport:
    """How far the logits of one artifact are from another's.

    Attributes:
        schema_version: Of the JSON form.
        artifact: Folder of the artifact under test.
        against: Folder of the artifact that takes the reference's part.
        tokens: Tokens of text compared per stage.
        text_source: Where the text is from.
        stages: Prefill and decode, each program in its own runtime.
        same_experts: Whether both programs hold the same expert weights, bit for bit.
    """

    schema_version: int = SCHEMA_VERSION
    artifact: str
    against: str
    tokens: int
    text_source: str
    stages: tuple[StageResult, ...]
    same_experts: bool

    @property
    def passed(self) -> bool:
        """Whether the expert weights are the same and every stage kept its limit."""
        return self.same_experts and all(stage.passed for stage in self.stages)

    def to_dict(self) -> dict[str, Json]:
        """The JSON form, with "passed" added."""
        data = to_json(self)
        assert isinstance(data, dict)
        return {**data, "passed": self.passed}


def compare_artifacts(
    artifact: Artifact,
    against: Artifact,
    text: VerificationText,
    *,
    max_tokens: int,
    min_top1_agreement: float,
    threads: int | None = None,
    progress: Progress = SILENT,
) -> AgreementReport:
    """Runs both artifacts over the same text; no checkpoint is needed.

    Args:
        artifact: The one under test.
        against: The one that takes the reference's part.
        text: What to run.
        max_tokens: Tokens of text per stage.
        min_top1_agreement: Least share of tokens whose most probable next token is the same.
        threads: Threads of the runtimes; None for their default.
        progress: Told of every stage.

    Raises:
        MmoeError: An artifact cannot be run here, or they are of different models.
    """
    if artifact.config != against.config:
        raise ArtifactError(
            f"{artifact.folder} and {against.folder} are of different models: their configs differ"
        )
    shorter = min(artifact, against, key=lambda one: one.manifest.runtime.max_context_len)
    windows = windows_for(shorter, text, max_tokens=max_tokens)
    backends = [backend_of(one) for one in (artifact, against)]
    runners = [
        backend.open_runner(one.model_path, threads=threads)
        for backend, one in zip(backends, (artifact, against), strict=True)
    ]
    stages = []
    for name, stage in (("prefill", runtime_prefill), ("decode", runtime_decode)):
        progress.phase(f"Running both: {name}")
        test, reference = (stage(runner) for runner in runners)
        stages.append(_compare(name, test, reference, windows, min_top1_agreement, progress))
    progress.phase("Comparing the expert weights")
    experts = [
        backend.read_experts(ProgramFile(one.model_path))
        for backend, one in zip(backends, (artifact, against), strict=True)
    ]
    return AgreementReport(
        artifact=str(artifact.folder),
        against=str(against.folder),
        tokens=sum(window.length for window in windows),
        text_source=text.source,
        stages=tuple(stages),
        same_experts=all(
            a is not None and b is not None and same_experts(a, b) for a, b in zip_longest(*experts)
        ),
    )


def _compare(
    name: str,
    test: Stage,
    reference: Stage,
    windows: list[Window],
    min_top1_agreement: float,
    progress: Progress,
) -> StageResult:
    started = time.perf_counter()
    comparison = LogitComparison()
    for done, window in enumerate(windows, start=1):
        expected: Logits = reference(window)
        comparison.add(expected, test(window), window.targets)
        progress.step(done, len(windows))
    metrics = comparison.result()
    return StageResult(
        name=name,
        metrics=metrics,
        gates=(
            check(
                "top1_agreement",
                metrics.top1_agreement,
                Bound.AT_LEAST,
                min_top1_agreement,
                margin=share_margin(metrics.tokens, min_top1_agreement),
            ),
        ),
        router_flips=None,
        seconds=time.perf_counter() - started,
    )
