"""`mmoe-export demo`, with the tiny artifact in place of the bundled checkpoint's."""

from pathlib import Path
from typing import Any

import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.verification.report import VerificationReport
from mmoe.export.demo.bundled import bundled_checkpoint
from tests.export.cli.conftest import Command
from tests.support.reports import sample_report, sample_stage


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, artifact_copy: Artifact) -> dict[str, Any]:
    """What the demo asked of the long-running functions; `asked["report"]` is what verification finds."""
    asked: dict[str, Any] = {"report": sample_report()}

    def convert(source: Path, target: Path, **arguments: Any) -> Artifact:
        asked["convert"] = (source, target, arguments["options"])
        return artifact_copy

    def verify(*arguments: object, options: Any, progress: object) -> VerificationReport:
        asked["verify"] = (arguments, options)
        report: VerificationReport = asked["report"]
        return report

    monkeypatch.setattr("mmoe.export.convert.convert.convert", convert)
    monkeypatch.setattr("mmoe.export.verify.ladder.verify", verify)
    return asked


def test_demo(mmoe: Command, tmp_path: Path, artifact_copy: Artifact, asked: dict[str, Any]) -> None:
    run = mmoe("demo", "--out", tmp_path / "demo")
    assert run.code == 0
    source, target, options = asked["convert"]
    assert (source, target, options.overwrite) == (bundled_checkpoint(), tmp_path / "demo", False)
    arguments, options = asked["verify"]
    assert arguments[:2] == (artifact_copy, bundled_checkpoint())
    assert options.compare_regrouped
    assert options.max_tokens >= 2000
    assert "passed" in run.out
    assert "In the beginning" in run.out
    assert "Step 3 of 3" in run.err
    assert f"mmoe-export inspect {tmp_path / 'demo'}" in run.err
    assert Artifact.open(artifact_copy.folder).manifest.verification == asked["report"]


def test_demo_as_json(mmoe: Command, asked: dict[str, Any]) -> None:
    run = mmoe("demo", "--json", "--quiet")
    assert run.code == 0
    assert run.err == ""
    assert run.json["schema_version"] == 1
    assert run.json["verification"]["passed"]
    assert len(run.json["generations"]) == 3
    assert all(generation["ids"] for generation in run.json["generations"])


def test_a_demo_that_fails_its_verification(mmoe: Command, asked: dict[str, Any]) -> None:
    asked["report"] = sample_report(sample_stage("first", noise=0.5))
    run = mmoe("demo", "--quiet")
    assert run.code == 1
    assert "error: verification failed at: first" in run.err


def test_an_earlier_demo_is_not_overwritten(mmoe: Command, tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    run = mmoe("demo", "--out", tmp_path / "demo", "--quiet")
    assert run.code == 1
    assert "exists already; choose another folder or pass --overwrite" in run.err
