"""Two artifacts compared with each other."""

from pathlib import Path

import numpy as np
import pytest

from mmoe.backends.errors import ArtifactError
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.convert.convert import convert
from mmoe.export.verify import agreement
from mmoe.export.verify.agreement import AgreementReport, compare_artifacts
from mmoe.export.verify.stages import Logits, Stage
from mmoe.export.verify.text import VerificationText
from mmoe.export.verify.windows import Window
from tests.support.checkpoints import write_checkpoint

TEXT = VerificationText("the quick brown fox jumps over the lazy dog " * 20, "a test")


def _compare(artifact: Artifact, against: Artifact, *, min_top1_agreement: float = 0.98) -> AgreementReport:
    return compare_artifacts(artifact, against, TEXT, max_tokens=40, min_top1_agreement=min_top1_agreement)


def test_an_artifact_agrees_with_itself(tiny_artifact: Artifact) -> None:
    report = _compare(tiny_artifact, tiny_artifact)
    assert report.passed
    assert report.same_experts
    assert [stage.name for stage in report.stages] == ["prefill", "decode"]
    for stage in report.stages:
        assert stage.metrics.tokens == report.tokens == 40
        assert stage.metrics.max_abs_diff == 0


def test_other_logits_miss_the_limit(tiny_artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    def shifted(runner: object) -> Stage:
        nonlocal calls
        calls += 1
        top = calls  # another one for each artifact

        def run(window: Window) -> Logits:
            return np.eye(tiny_artifact.config.vocab_size, dtype=np.float32)[[top] * window.length]

        return run

    monkeypatch.setattr(agreement, "runtime_decode", shifted)
    report = _compare(tiny_artifact, tiny_artifact)
    assert not report.passed
    assert [stage.passed for stage in report.stages] == [True, False]


@pytest.mark.slow
def test_other_weights_are_no_agreement(tiny_artifact: Artifact, tmp_path: Path) -> None:
    other = convert(write_checkpoint(tmp_path / "checkpoint", seed=99), tmp_path / "artifact")
    report = _compare(tiny_artifact, other, min_top1_agreement=0)
    assert all(stage.passed for stage in report.stages)
    assert not report.same_experts
    assert not report.passed


def test_other_models_are_refused(tiny_artifact: Artifact, demo_artifact: Artifact) -> None:
    with pytest.raises(ArtifactError, match="different models"):
        _compare(tiny_artifact, demo_artifact)
