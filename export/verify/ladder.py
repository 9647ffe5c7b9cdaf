"""Runs the verification ladder: eager float32, exported program, delegated program, `.pte` in the runtime."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from mmoe.backends.base import Backend, Programs
from mmoe.backends.program_file import ProgramFile
from mmoe.backends.tracing import AllLogits
from mmoe.checkpoints.checkpoint import Checkpoint
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.backend import backend_of
from mmoe.export.artifact.verification.limits import Gate, Thresholds
from mmoe.export.artifact.verification.measurements import RouterFlips
from mmoe.export.artifact.verification.report import StageResult, VerificationReport
from mmoe.export.artifact.versions import installed_versions
from mmoe.export.convert.post_training import packed_copy, recipe_of
from mmoe.export.progress import SILENT, Progress
from mmoe.export.verify.float32_gates import evaluate_float32, untied_rows
from mmoe.export.verify.gates import evaluate
from mmoe.export.verify.metrics import LogitComparison
from mmoe.export.verify.reference_checkpoint import open_checkpoint_of
from mmoe.export.verify.regrouped import REGROUPED
from mmoe.export.verify.routing import RoutingRecord, recorded_routing
from mmoe.export.verify.sampling_error import REFERENCE_TOKENS, margins
from mmoe.export.verify.source import source_of
from mmoe.export.verify.stages import (
    Logits,
    Stage,
    padded_window,
    runtime_decode,
    runtime_prefill,
    whole_window,
)
from mmoe.export.verify.text import VerificationText, bundled_text
from mmoe.export.verify.weights_proof import prove_expert_weights
from mmoe.export.verify.windows import Window, windows_for
from mmoe.models.architectures.quantization_config import POST_TRAINING_KEY
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE

DEFAULT_MAX_TOKENS = REFERENCE_TOKENS


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """What to verify on, and how strictly.

    Attributes:
        max_tokens: Tokens of text per stage; with fewer than the default, gates allow for the error of sampling.
        thresholds: Limits of every gated stage.
        compare_regrouped: Whether to report, without a gate, what re-quantised experts would give.
        threads: Threads of the runtime; None for its default.
    """

    max_tokens: int = DEFAULT_MAX_TOKENS
    thresholds: Thresholds = field(default_factory=Thresholds)
    compare_regrouped: bool = False
    threads: int | None = None


def verify(
    artifact: Artifact,
    source: str | Path | None = None,
    text: VerificationText | None = None,
    *,
    revision: str | None = None,
    options: VerifyOptions | None = None,
    progress: Progress = SILENT,
) -> VerificationReport:
    """Verifies an artifact against eager float32 PyTorch on real text.

    Args:
        artifact: What `convert` wrote.
        source: The checkpoint it was made from: a folder, a hub id, or "demo" for the bundled one; None for the one
            that the manifest names.
        text: What to run; None for the bundled held-out text.
        revision: Branch, tag or commit of a hub id.
        options: How to verify; None for the defaults.
        progress: Told of every stage.

    Returns:
        The report; `VerificationReport.passed` is the verdict.

    Raises:
        MmoeError: The artifact, the checkpoint, the text or the options are at fault.
    """
    options = options or VerifyOptions()
    source, revision = source_of(artifact, source, revision)
    text = text or bundled_text()
    original = open_checkpoint_of(artifact, source, revision=revision)
    windows = windows_for(artifact, text, max_tokens=options.max_tokens)
    backend = backend_of(artifact)
    near = artifact.folder.parent
    with packed_copy(
        original, near=near, quantize=recipe_of(artifact.manifest.quantization), progress=progress
    ) as checkpoint:
        ladder = _Ladder(checkpoint, backend, windows, options, progress)
        stages = [*ladder.program_stages(), *ladder.runtime_stages(artifact)]
        if options.compare_regrouped:
            stages.append(ladder.regrouped_stage())
        if POST_TRAINING_KEY in artifact.manifest.quantization:
            stages.append(ladder.original_stage(original))
        progress.phase("Comparing the expert weights")
        return VerificationReport(
            tokens=sum(window.length for window in windows),
            text_source=text.source,
            thresholds=options.thresholds,
            stages=tuple(stages),
            expert_weights=prove_expert_weights(
                checkpoint, backend.read_experts(ProgramFile(artifact.model_path))
            ),
            ran=backend.runs_here,
            versions=installed_versions(),
        )


class _Ladder:
    """Runs stages over the same windows and compares each with the reference."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        backend: Backend,
        windows: list[Window],
        options: VerifyOptions,
        progress: Progress,
    ) -> None:
        self._checkpoint, self._backend, self._windows = checkpoint, backend, windows
        self._options, self._progress = options, progress
        self._context = max(window.length for window in windows)
        decoder = build_decoder(checkpoint, REFERENCE, max_context_len=self._context)
        with recorded_routing(decoder) as self._routing:
            self._reference = self._logits("Eager float32 reference", whole_window(decoder.all_logits))

    def program_stages(self) -> list[StageResult]:
        """The exported and the delegated program, run by PyTorch."""
        variant = build_decoder(self._checkpoint, self._backend.components, max_context_len=self._context)
        # An exported program hides its modules, so the routers are watched in the decoder that it was traced from.
        with recorded_routing(variant) as routing:
            self._logits("Watching the routers", whole_window(variant.all_logits))
        self._progress.phase("Exporting the program")
        programs = self._backend.export(AllLogits(variant), max_seq_len=self._context)
        stages = [self._compare("exported program", self._exported_stage(programs), routing)]
        if not self._backend.runs_here:
            return stages
        self._progress.phase(f"Lowering for {self._backend.name}")
        delegated = self._backend.lower(programs, {}).exported_program()
        stages.append(self._compare("delegated program", whole_window(delegated.module())))
        return stages

    def _exported_stage(self, programs: Programs) -> Stage:
        if "prefill" in programs:
            return padded_window(programs["prefill"].module(), self._context)
        return whole_window(programs["forward"].module())

    def runtime_stages(self, artifact: Artifact) -> list[StageResult]:
        """The written program in the real runtime; none where it cannot run."""
        if not self._backend.runs_here:
            return []
        runner = self._backend.open_runner(artifact.model_path, threads=self._options.threads)
        return [
            self._compare(".pte, prefill", runtime_prefill(runner)),
            self._compare(".pte, decode", runtime_decode(runner)),
        ]

    def regrouped_stage(self) -> StageResult:
        """Experts re-quantised along the input axis, without any activation quantisation; never gated."""
        decoder = build_decoder(self._checkpoint, REGROUPED, max_context_len=self._context)
        with recorded_routing(decoder) as routing:
            return self._compare(
                "(experts re-quantised)", whole_window(decoder.all_logits), routing, gated=False
            )

    def original_stage(self, original: Checkpoint) -> StageResult:
        """The bfloat16 weights before they were quantised; never gated."""
        decoder = build_decoder(original, REFERENCE, max_context_len=self._context)
        with recorded_routing(decoder) as routing:
            return self._compare(
                "(before quantisation)", whole_window(decoder.all_logits), routing, gated=False
            )

    def _logits(self, title: str, stage: Stage) -> list[Logits]:
        self._progress.phase(title)
        logits = []
        for done, window in enumerate(self._windows, start=1):
            logits.append(stage(window))
            self._progress.step(done, len(self._windows))
        return logits

    def _compare(
        self, name: str, stage: Stage, routing: RoutingRecord | None = None, *, gated: bool = True
    ) -> StageResult:
        started = time.perf_counter()
        comparison = LogitComparison()
        logits = self._logits(f"Running: {name}", stage)
        for window, reference, test in zip(self._windows, self._reference, logits, strict=True):
            comparison.add(reference, test, window.targets)
        metrics, thresholds = comparison.result(), self._options.thresholds
        allowed = margins(comparison.token_figures(), min_top1_agreement=thresholds.min_top1_agreement)
        flips: RouterFlips | None = self._routing.flips_of(routing) if routing is not None else None
        gates = evaluate(metrics, thresholds, allowed) if gated else ()
        if gated and self._backend.computes_in_float32:
            gates += self._float32_gates(logits)
        return StageResult(
            name=name,
            metrics=metrics,
            gates=gates,
            router_flips=flips,
            seconds=time.perf_counter() - started,
        )

    def _float32_gates(self, logits: list[Logits]) -> tuple[Gate, ...]:
        untied = untied_rows(self._routing.margins_by_layer(sum(len(rows) for rows in logits)))
        comparison, start = LogitComparison(), 0
        for reference, test in zip(self._reference, logits, strict=True):
            rows = untied[start : start + len(test)]
            comparison.add(reference[rows], test[rows])
            start += len(test)
        return evaluate_float32(comparison.result() if untied.any() else None, tokens=start)
