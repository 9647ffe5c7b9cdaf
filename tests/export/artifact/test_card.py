"""The model card tells where the model is from, how to run it, and its figures once there are some."""

import re
import shlex
import subprocess
import sys
from dataclasses import replace

import pytest
from huggingface_hub import CardData, ModelCard

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.card import render_model_card
from mmoe.export.artifact.manifest import BackendRecord, FileRecord, Manifest
from mmoe.export.artifact.verification.report import ExpertWeightsProof
from tests.export.cli.conftest import Command, mmoe  # noqa: F401 (a fixture)
from tests.support.artifacts import manifest_content
from tests.support.reports import sample_report, sample_stage


def manifest(**changes) -> Manifest:
    content = vars(manifest_content()) | changes
    return Manifest(**content, files={"model.pte": FileRecord(bytes=1, sha256="0")})


def test_origin_size_and_usage():
    card = render_model_card(manifest())
    assert card.startswith("---\nlibrary_name: executorch\nbase_model: someone/MobileMoE-XS-QAT\n")
    for text in (
        "`someone/MobileMoE-XS-QAT` at `c0ffee`",
        "| licence of the weights | other |",
        "| experts, active per token | 8, 2 |",
        "| embedding | 1,234,567 |",
        'mmoe.load(".")',
        "Not verified yet: `mmoe-export verify .` compares",
    ):
        assert text in card


def front_matter(card: str) -> CardData:
    """As the hub's own client reads it."""
    return ModelCard(card).data


@pytest.mark.parametrize(
    ("licence", "files", "entries"),
    [
        ("Apache-2.0", (), {"license": "apache-2.0"}),
        (
            "fair-noncommercial-research-license",
            ("LICENSE",),
            {"license": "fair-noncommercial-research-license"},
        ),
        ("LFM Open: v1", (), {"license": "other", "license_name": "lfm-open-v1"}),
        ("1.0", ("LICENSE",), {"license": "other", "license_name": "1.0", "license_link": "LICENSE"}),
        ("other", (), {"license": "other"}),
        (None, ("LICENSE",), {}),
    ],
)
def test_the_hub_knows_the_licence(licence: str | None, files: tuple[str, ...], entries: dict[str, str]):
    written = manifest(source=replace(manifest_content().source, licence=licence))
    records = {name: FileRecord(bytes=1, sha256="0") for name in files}
    data = front_matter(render_model_card(replace(written, files=records))).to_dict()
    assert {key: value for key, value in data.items() if key.startswith("license")} == entries
    assert (data["pipeline_tag"], data["base_model_relation"]) == ("text-generation", "quantized")


def test_the_hub_reads_the_figures():
    report = sample_report(sample_stage("first", noise=1e-2), sample_stage("last"))
    last = report.stages[-1].metrics
    results = front_matter(render_model_card(manifest().with_verification(report))).eval_results
    values = {result.metric_type: float(result.metric_value) for result in results}
    assert values["perplexity"] == pytest.approx(last.perplexity_test, rel=1e-5)
    assert values["top_1"] == pytest.approx(100 * last.top1_agreement, rel=1e-5)
    assert values["kl_mean"] == pytest.approx(last.kl_mean, rel=1e-5)
    assert {result.dataset_name for result in results} == {"a held-out text"}


def test_there_are_no_figures_of_what_failed():
    failed = sample_report(proof=ExpertWeightsProof(tensors=1, bytes=1, mismatches=("x",)))
    for written in (manifest(), manifest().with_verification(failed)):
        assert front_matter(render_model_card(written)).eval_results is None


def test_a_local_source_is_no_base_model():
    source = replace(manifest_content().source, revision=None, licence=None)
    card = render_model_card(manifest(source=source))
    assert "base_model" not in card
    assert "not stated by the checkpoint" in card
    assert "`mmoe-export verify . --checkpoint FOLDER`" in card
    assert "`mmoe-export verify .`" in render_model_card(manifest(source=replace(source, id="demo")))


@pytest.mark.parametrize(("backend", "device"), [("mlx", "Apple GPUs (Metal)"), ("coreml", "Neural Engine")])
def test_what_does_not_run_in_libmmoe_has_no_snippet_that_would_fail(backend: str, device: str):
    card = render_model_card(manifest(backend=BackendRecord(name=backend, options={})))
    assert device in card
    assert "mmoe.load" not in card
    assert "mmoe-export generate" not in card
    assert "libmmoe" not in card
    assert "mmoe-export inspect ." in card


def blocks(card: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", card, flags=re.DOTALL | re.MULTILINE)


def test_the_snippets_run(
    tiny_artifact: Artifact,
    mmoe: Command,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
):
    card = (tiny_artifact.folder / "README.md").read_text()
    monkeypatch.chdir(tiny_artifact.folder)
    (commands,) = blocks(card, "")
    for command in commands.splitlines():
        program, *arguments = shlex.split(command)
        assert program == "mmoe-export"
        run = mmoe(*arguments)
        assert run.code == 0, run.err
    (snippet,) = blocks(card, "python")
    # A process of its own, as for a reader of the card.
    run = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    expected = mmoe("generate", ".", "--prompt", "Once upon a time", "--max-new-tokens", 64)
    assert run.stdout == expected.out.removesuffix("\n")


def test_figures_of_a_verification():
    card = render_model_card(manifest().with_verification(sample_report(sample_stage("the stage"))))
    assert "Verified on 200 tokens of a held-out text, against eager float32 PyTorch." in card
    (row,) = (line for line in card.splitlines() if line.startswith("| the stage |"))
    assert row.count("|") == 11
    assert "bit for bit: 8 tensors, 4,096 bytes" in card


def test_a_failed_verification_says_so():
    broken = ExpertWeightsProof(tensors=1, bytes=1, mismatches=("x",))
    card = render_model_card(manifest().with_verification(sample_report(proof=broken)))
    assert "**Verification failed** at: expert weights, on 200 tokens" in card
    assert "**not** proven" in card
