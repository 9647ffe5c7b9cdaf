"""Verification reports for tests: one that passes, and its parts to bend."""

import numpy as np

from mmoe.export.artifact.verification.limits import Thresholds
from mmoe.export.artifact.verification.measurements import LogitMetrics, RouterFlips
from mmoe.export.artifact.verification.report import ExpertWeightsProof, StageResult, VerificationReport
from mmoe.export.verify.gates import evaluate
from mmoe.export.verify.metrics import compare_logits

EXACT = ExpertWeightsProof(tensors=8, bytes=4096, mismatches=())


def sample_metrics(*, noise: float) -> LogitMetrics:
    """Metrics of 200 tokens with 50 logits of unit variance and Gaussian noise of this deviation."""
    random = np.random.default_rng(0)
    reference = random.normal(size=(200, 50))
    targets = random.integers(0, 50, 200)
    return compare_logits(reference, reference + random.normal(scale=noise, size=(200, 50)), targets)


def sample_stage(name: str, *, noise: float = 1e-3, flips: RouterFlips | None = None) -> StageResult:
    """A stage; it passes the default thresholds with the default noise."""
    metrics = sample_metrics(noise=noise)
    gates = evaluate(metrics, Thresholds())
    return StageResult(name=name, metrics=metrics, gates=gates, router_flips=flips, seconds=1.5)


def sample_report(*stages: StageResult, proof: ExpertWeightsProof = EXACT) -> VerificationReport:
    """A report of the given stages, or of two that pass."""
    return VerificationReport(
        tokens=200,
        text_source="a held-out text",
        thresholds=Thresholds(),
        stages=stages or (sample_stage("exported program"), sample_stage(".pte, prefill")),
        expert_weights=proof,
        versions={"torch": "2.13.0"},
    )
