"""One artifact under measurement, in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from mmoe.export.artifact.artifact import MODEL_FILE, Artifact
from mmoe.export.artifact.load import require_libmmoe
from mmoe.export.bench.arithmetic import prefill_multiply_adds
from mmoe.export.bench.neighbours import undisturbed
from mmoe.export.bench.plan import BenchOptions, Trial
from mmoe.export.bench.report import ModelResult, Phase, Summary, TrialResult
from mmoe.export.bench.text_ids import text_ids
from mmoe.export.bench.traffic import CacheTraffic, active_weight_bytes, cache_traffic
from mmoe.export.bench.worker import Worker


@dataclass
class Subject:
    """One artifact under measurement."""

    artifact: Artifact
    worker: Worker
    cold_load_seconds: float
    ids: list[int]
    cache: CacheTraffic
    samples: dict[Trial, list[float]] = field(default_factory=dict)
    bandwidth: dict[Trial, list[float]] = field(default_factory=dict)
    peak: dict[Trial, list[float]] = field(default_factory=dict)
    others: list[float] = field(default_factory=list)
    filled: int = 0
    peak_anonymous: int = 0
    peak_file: int = 0
    peak_both: int = 0

    def run(self, trial: Trial, decode_tokens: int) -> float:
        """Tokens per second of one sample."""
        if trial.phase is Phase.PREFILL:
            seconds = self.worker.prefill(self.ids[: trial.tokens])
            self.filled = max(self.filled, trial.tokens)
            count = trial.tokens
        else:
            # Every run is of the same text from its beginning on, so rows written once stay valid, but in a ring.
            if self.filled < trial.tokens or (any(self.cache.windows) and self.filled > trial.tokens):
                self.worker.prefill(self.ids[: trial.tokens])
                self.filled = trial.tokens
            seconds = sum(self.worker.decode(trial.tokens, self.ids[trial.tokens :][:decode_tokens]))
            count = decode_tokens
        memory = self.worker.memory()
        self.peak_anonymous = max(self.peak_anonymous, memory.anonymous)
        self.peak_file = max(self.peak_file, memory.file)
        self.peak_both = max(self.peak_both, memory.peak)
        return count / seconds

    def measure(self, trial: Trial, options: BenchOptions) -> None:
        """Takes one sample, and one of the bandwidth or the int8 peak that bounds it."""
        speed, others = undisturbed(
            lambda: self.run(trial, options.decode_tokens), pid=self.worker.pid, attempts=options.attempts
        )
        self.samples.setdefault(trial, []).append(speed)
        self.others.append(others)
        if trial.phase is Phase.DECODE:
            self.bandwidth.setdefault(trial, []).append(self.worker.read_bandwidth())
        elif (peak := self.worker.int8_peak()) is not None:
            self.peak.setdefault(trial, []).append(peak)

    def result(self, trials: Sequence[Trial], decode_tokens: int) -> ModelResult:
        """All samples, with the bytes and the multiply-adds that bound them."""
        weights = sum(active_weight_bytes(self.artifact.config).values())

        def trial_result(trial: Trial) -> TrialResult:
            speed = Summary(tuple(self.samples[trial]))
            if trial.phase is Phase.PREFILL:
                return TrialResult(
                    phase=trial.phase,
                    tokens=trial.tokens,
                    tokens_per_second=speed,
                    multiply_adds=prefill_multiply_adds(
                        self.artifact.config,
                        trial.tokens,
                        max_seq_len=self.artifact.manifest.runtime.max_seq_len,
                    ),
                    int8_peak=Summary(tuple(self.peak[trial])) if trial in self.peak else None,
                )
            return TrialResult(
                phase=trial.phase,
                tokens=trial.tokens,
                tokens_per_second=speed,
                # The cache grows while tokens are decoded.
                bytes_per_token=weights + self.cache.bytes_at(trial.tokens + decode_tokens // 2),
                read_bandwidth=Summary(tuple(self.bandwidth[trial])),
            )

        manifest = self.artifact.manifest
        return ModelResult(
            name=str(self.artifact.folder),
            backend=manifest.backend.name,
            program_sha256=manifest.files[MODEL_FILE].sha256,
            program_bytes=manifest.files[MODEL_FILE].bytes,
            isa=self.worker.isa,
            cold_load_seconds=self.cold_load_seconds,
            warm_load_seconds=self.worker.load_seconds,
            peak_anonymous_bytes=self.peak_anonymous,
            peak_file_bytes=self.peak_file,
            peak_bytes=self.peak_both,
            others=Summary(tuple(self.others)),
            tests=tuple(map(trial_result, trials)),
        )


def load_subject(
    artifact: Artifact, trials: Sequence[Trial], options: BenchOptions, stack: ExitStack
) -> Subject:
    """Loads an artifact twice, cold and warm, and keeps the second process until the stack is closed.

    Raises:
        MmoeError: It cannot be run.
    """
    require_libmmoe(artifact)
    ids = text_ids(artifact.folder, max(trial.tokens for trial in trials) + options.decode_tokens)
    _drop_from_page_cache(artifact.model_path)
    with Worker(artifact.model_path, threads=options.threads) as cold:
        cold_load_seconds = cold.load_seconds
    worker = stack.enter_context(Worker(artifact.model_path, threads=options.threads))
    return Subject(artifact, worker, cold_load_seconds, ids, cache_traffic(artifact.model_path))


def _drop_from_page_cache(path: Path) -> None:
    """Asks the system to forget the file's pages, so that the next load is a cold one."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
