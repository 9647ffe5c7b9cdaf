"""The whole ladder on a random checkpoint, and what it says when something is wrong."""

import dataclasses
from pathlib import Path

import pytest

from mmoe.backends.errors import ArtifactError
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.verification.limits import Thresholds
from mmoe.export.artifact.verification.report import VerificationReport
from mmoe.export.verify.ladder import VerifyOptions, verify
from mmoe.export.verify.text import VerificationText
from tests.support.checkpoints import write_checkpoint

pytestmark = pytest.mark.slow

TEXT = VerificationText("the quick brown fox jumps over the lazy dog " * 40, "a test")
# Random weights have no confident router and flat logits; what is tested here is the ladder, not the model.
LOOSE = Thresholds(
    min_sqnr_db=10,
    min_cosine_mean=0.9,
    min_cosine_p1=0.5,
    min_top1_agreement=0.5,
    max_kl_mean=0.5,
    max_perplexity_change=0.1,
)
NAMES = ("exported program", "delegated program", ".pte, prefill", ".pte, decode", "(experts re-quantised)")


class Phases:
    def __init__(self) -> None:
        self.titles: list[str] = []

    def phase(self, title: str) -> None:
        self.titles.append(title)

    def step(self, done: int, total: int) -> None:
        assert 1 <= done <= total


@pytest.fixture(scope="module")
def report(tiny_checkpoint: Path, tiny_artifact: Artifact) -> VerificationReport:
    phases = Phases()
    options = VerifyOptions(max_tokens=300, thresholds=LOOSE, compare_regrouped=True)
    result = verify(tiny_artifact, tiny_checkpoint, TEXT, options=options, progress=phases)
    assert len(phases.titles) == len(set(phases.titles)) == 10
    return result


def test_every_stage_runs_on_all_tokens(report: VerificationReport) -> None:
    assert tuple(stage.name for stage in report.stages) == NAMES
    assert {stage.metrics.tokens for stage in report.stages} == {report.tokens}
    assert 290 <= report.tokens <= 300
    assert report.passed
    assert report.expert_weights.tensors == 8


def test_prefill_and_decode_agree(report: VerificationReport) -> None:
    prefill, decode = report.stages[2].metrics, report.stages[3].metrics
    assert prefill.sqnr_db == pytest.approx(decode.sqnr_db, abs=0.05)
    assert prefill.perplexity_test == pytest.approx(decode.perplexity_test, rel=1e-4)


def test_exact_experts_beat_requantised_ones(report: VerificationReport) -> None:
    """Although only the former also quantise every activation to int8."""
    exact, regrouped = report.stages[0].metrics, report.stages[4].metrics
    assert exact.sqnr_db > regrouped.sqnr_db + 3
    assert report.stages[4].gates == ()


def test_first_failing_stage_is_named(tiny_checkpoint: Path, tiny_artifact: Artifact) -> None:
    options = VerifyOptions(max_tokens=40, thresholds=dataclasses.replace(LOOSE, min_sqnr_db=200))
    failed = verify(tiny_artifact, tiny_checkpoint, TEXT, options=options)
    assert not failed.passed
    assert failed.first_failing_stage == "exported program"


def test_another_checkpoint_is_refused(tiny_artifact: Artifact, tmp_path: Path) -> None:
    other = write_checkpoint(tmp_path / "other", {"num_local_experts": 5})
    with pytest.raises(ArtifactError, match="was not made from"):
        verify(tiny_artifact, other, TEXT)


def test_same_shape_with_other_weights_fails_the_proof(tiny_artifact: Artifact, tmp_path: Path) -> None:
    other = write_checkpoint(tmp_path / "other", seed=99)
    report = verify(tiny_artifact, other, TEXT, options=VerifyOptions(max_tokens=40, thresholds=LOOSE))
    assert not report.passed
    assert len(report.expert_weights.mismatches) == 8
    assert report.first_failing_stage == ".pte, prefill"
