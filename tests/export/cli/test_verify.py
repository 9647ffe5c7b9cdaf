"""`mmoe-export verify`: where the checkpoint comes from, the outcome, what is recorded."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.verification.limits import Thresholds
from mmoe.export.artifact.verification.report import ExpertWeightsProof, VerificationReport
from tests.export.cli.conftest import Command
from tests.support.reports import sample_report, sample_stage

LOOSE = (
    "--min-sqnr-db", 15, "--min-cosine-mean", 0.9, "--min-cosine-p1", 0.5, "--min-top1-agreement", 0.5,
    "--max-kl-mean", 1, "--max-perplexity-change", 1,
)  # fmt: skip


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A text to verify on."""
    path = tmp_path / "text.txt"
    path.write_text("the quick brown fox jumps over the lazy dog, and then the other things. " * 20)
    return path


class FakeLadder:
    """Stands in for the ladder, which takes half a minute, and remembers what it was asked."""

    def __init__(self, report: VerificationReport) -> None:
        self.report = report
        self.asked: tuple[Any, ...] = ()
        self.options: Any = None
        self.revision: str | None = None

    def __call__(self, *arguments: object, **options: Any) -> VerificationReport:
        self.asked, self.options, self.revision = arguments, options["options"], options["revision"]
        return self.report


@pytest.fixture
def ladder(monkeypatch: pytest.MonkeyPatch) -> FakeLadder:
    """A ladder whose report may be set."""
    fake = FakeLadder(sample_report())
    monkeypatch.setattr("mmoe.export.verify.ladder.verify", fake)
    return fake


@pytest.mark.slow
def test_the_real_ladder(
    mmoe: Command, artifact_copy: Artifact, tiny_checkpoint: Path, text: Path, tmp_path: Path
) -> None:
    report_file = tmp_path / "report.json"
    run = mmoe(
        "verify", artifact_copy.folder, "--checkpoint", tiny_checkpoint, "--text", text, "--max-tokens", 48, "--json",
        "--report", report_file, *LOOSE,
    )  # fmt: skip
    assert run.code == 0, run.err
    assert run.json["passed"]
    assert run.json["tokens"] == 48
    assert [stage["name"] for stage in run.json["stages"]] == [
        "exported program",
        "delegated program",
        ".pte, prefill",
        ".pte, decode",
    ]
    assert run.json["expert_weights"]["mismatches"] == []
    assert json.loads(report_file.read_text()) == run.json
    recorded = Artifact.open(artifact_copy.folder).manifest.verification
    assert recorded is not None
    assert recorded.to_dict() == run.json
    assert run.err.splitlines()[-1] == f"Recorded in {artifact_copy.folder}"
    assert "passed on 48 tokens of text.txt" in mmoe("inspect", artifact_copy.folder).out


def test_a_missed_limit_fails_and_is_recorded(
    mmoe: Command, artifact_copy: Artifact, tiny_checkpoint: Path, text: Path, ladder: FakeLadder
) -> None:
    ladder.report = sample_report(
        sample_stage("first"), sample_stage("second", noise=0.5), sample_stage("third")
    )
    run = mmoe("verify", artifact_copy.folder, "--checkpoint", tiny_checkpoint, "--text", text)
    assert run.code == 1
    assert "FAILED at: second" in run.out
    last = run.err.splitlines()[-1]
    assert last.startswith("error: verification failed at: second: sqnr_db is ")
    assert ", not >= 29" in last
    assert Artifact.open(artifact_copy.folder).manifest.verification == ladder.report
    assert "FAILED at second" in mmoe("inspect", artifact_copy.folder).out


def test_weights_that_are_not_exact_fail(
    mmoe: Command, artifact_copy: Artifact, tiny_checkpoint: Path, text: Path, ladder: FakeLadder
) -> None:
    ladder.report = sample_report(proof=ExpertWeightsProof(tensors=8, bytes=4096, mismatches=("layers.0",)))
    run = mmoe("verify", artifact_copy.folder, "--checkpoint", tiny_checkpoint, "--text", text, "--quiet")
    assert run.code == 1
    assert "NOT proven: layers.0" in run.out
    assert run.err == "error: verification failed at: expert weights\n"


def test_no_record_leaves_the_artifact_alone(
    mmoe: Command, artifact_copy: Artifact, tiny_checkpoint: Path, text: Path, ladder: FakeLadder
) -> None:
    before = {path.name: path.read_bytes() for path in artifact_copy.folder.iterdir()}
    run = mmoe(
        "verify",
        artifact_copy.folder,
        "--checkpoint",
        tiny_checkpoint,
        "--text",
        text,
        "--no-record",
        "--quiet",
    )
    assert run.code == 0
    assert run.err == ""
    assert {path.name: path.read_bytes() for path in artifact_copy.folder.iterdir()} == before


def test_a_shorter_run_does_not_replace_a_longer_record(
    mmoe: Command, artifact_copy: Artifact, tiny_checkpoint: Path, text: Path, ladder: FakeLadder
) -> None:
    arguments = ("verify", artifact_copy.folder, "--checkpoint", tiny_checkpoint, "--text", text)

    def recorded() -> int:
        report = Artifact.open(artifact_copy.folder).manifest.verification
        assert report is not None
        return report.tokens

    assert mmoe(*arguments).code == 0
    assert recorded() == 200
    ladder.report = dataclasses.replace(sample_report(), tokens=64)
    run = mmoe(*arguments)
    assert run.code == 0
    assert "Not recorded" in run.err
    assert "200 tokens instead of 64; --record replaces it" in run.err
    assert recorded() == 200
    assert "Recorded in" in mmoe(*arguments, "--record").err
    assert recorded() == 64
    ladder.report = sample_report()
    assert "Recorded in" in mmoe(*arguments).err
    assert recorded() == 200


def test_too_few_tokens_are_not_judged(
    mmoe: Command, artifact_copy: Artifact, tiny_checkpoint: Path, text: Path
) -> None:
    known = ("--checkpoint", tiny_checkpoint, "--text", text, "--max-tokens", 31)
    for more in ((), ("--against", artifact_copy.folder)):
        run = mmoe("verify", artifact_copy.folder, *known, *more)
        assert run.code == 1
        assert "31 tokens of text cannot tell a good artifact from a bad one" in run.err


def test_flags_reach_the_ladder(
    mmoe: Command, artifact_copy: Artifact, tiny_checkpoint: Path, text: Path, ladder: FakeLadder
) -> None:
    arguments = ("verify", artifact_copy.folder, "--checkpoint", tiny_checkpoint, "--text", text, "--quiet")
    assert mmoe(*arguments).code == 0
    assert ladder.options.thresholds == Thresholds()
    assert ladder.options.max_tokens == 2048
    assert (ladder.options.compare_regrouped, ladder.options.threads) == (False, None)
    assert mmoe(*arguments, "--max-tokens", 64, "--threads", 2, "--compare-regrouped", *LOOSE).code == 0
    assert (ladder.options.max_tokens, ladder.options.threads) == (64, 2)
    assert ladder.options.compare_regrouped
    assert ladder.options.thresholds == Thresholds(
        min_sqnr_db=15,
        min_cosine_mean=0.9,
        min_cosine_p1=0.5,
        min_top1_agreement=0.5,
        max_kl_mean=1,
        max_perplexity_change=1,
    )


def test_a_hub_checkpoint_is_found_by_its_commit(
    mmoe: Command, artifact_copy: Artifact, text: Path, ladder: FakeLadder, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = artifact_copy.folder / "mmoe.json"
    data = json.loads(manifest.read_text())
    data["source"] = {"id": "facebook/MobileMoE-S-QAT", "revision": "0123abcd", "licence": None}
    manifest.write_text(json.dumps(data))
    monkeypatch.setattr("mmoe.export.cli.verify.fetch", lambda source, revision, terminal, **_: revision)
    assert mmoe("verify", artifact_copy.folder, "--text", text, "--no-record").code == 0
    assert ladder.asked[1] == "facebook/MobileMoE-S-QAT"
    assert ladder.revision == "0123abcd"


def test_the_bundled_checkpoint_is_found_by_its_name(
    mmoe: Command, artifact_copy: Artifact, text: Path, ladder: FakeLadder
) -> None:
    manifest = artifact_copy.folder / "mmoe.json"
    data = json.loads(manifest.read_text())
    data["source"] = {"id": "demo", "revision": None, "licence": None}
    manifest.write_text(json.dumps(data))
    run = mmoe("verify", artifact_copy.folder, "--text", text, "--no-record")
    assert run.code == 0, run.err
    assert "hub" not in run.err
    assert ladder.asked[1] == "demo"


def test_what_is_missing_is_said(
    mmoe: Command, artifact_copy: Artifact, tiny_checkpoint: Path, text: Path, tmp_path: Path
) -> None:
    (tmp_path / "latin.txt").write_bytes("caf\xe9".encode("latin-1"))
    known = ("--checkpoint", tiny_checkpoint)
    for arguments, message in (
        ((tmp_path, *known), "not an artifact: it has no mmoe.json"),
        ((artifact_copy.folder,), "from a local folder named checkpoint; say where it is with --checkpoint"),
        ((artifact_copy.folder, *known, "--text", tmp_path / "absent.txt"), "absent.txt: cannot be read"),
        (
            (artifact_copy.folder, *known, "--text", tmp_path / "latin.txt"),
            "latin.txt: cannot be read as UTF-8",
        ),
        ((artifact_copy.folder, "--checkpoint", text), "is a file; give the checkpoint folder"),
    ):
        run = mmoe("verify", *arguments)
        assert run.code == 1
        assert run.out == ""
        assert message in run.err
        assert run.err.count("error:") == 1


def test_a_damaged_artifact(mmoe: Command, artifact_copy: Artifact, tiny_checkpoint: Path) -> None:
    artifact_copy.model_path.write_bytes(artifact_copy.model_path.read_bytes()[:-64])
    run = mmoe("verify", artifact_copy.folder, "--checkpoint", tiny_checkpoint)
    assert run.code == 1
    assert "damaged artifact: model.pte has" in run.err


def test_the_folder_of_a_report_is_made(
    mmoe: Command,
    artifact_copy: Artifact,
    tiny_checkpoint: Path,
    text: Path,
    ladder: FakeLadder,
    tmp_path: Path,
) -> None:
    report = tmp_path / "absent" / "report.json"
    arguments = ("--checkpoint", tiny_checkpoint, "--text", text, "--report", report)
    assert mmoe("verify", artifact_copy.folder, *arguments).code == 0
    assert json.loads(report.read_text())["passed"]


def test_against_another_artifact(
    mmoe: Command, artifact_copy: Artifact, tiny_artifact: Artifact, text: Path, tmp_path: Path
) -> None:
    report_file = tmp_path / "report.json"
    arguments = ("verify", artifact_copy.folder, "--against", tiny_artifact.folder, "--text", text)
    run = mmoe(*arguments, "--max-tokens", 40, "--json", "--report", report_file)
    assert run.code == 0, run.err
    assert run.json["passed"]
    assert run.json["against"] == str(tiny_artifact.folder)
    assert json.loads(report_file.read_text()) == run.json
    assert Artifact.open(artifact_copy.folder).manifest.verification is None
    run = mmoe(*arguments, "--max-tokens", 40, "--min-top1-agreement", 1.5)
    assert run.code == 1
    assert "disagree in prefill: top1_agreement is 1, not >= 1.5" in run.err
    assert "the same, bit for bit" in run.out
