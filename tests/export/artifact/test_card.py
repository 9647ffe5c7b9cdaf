"""The model card tells where the model is from, how to run it, and its figures once there are some."""

from dataclasses import replace

from mmoe.export.artifact.card import render_model_card
from mmoe.export.artifact.manifest import BackendRecord, FileRecord, Manifest
from mmoe.export.artifact.verification.report import ExpertWeightsProof
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
        'with mmoe.load(".") as model:',
        "Not verified yet",
    ):
        assert text in card


def test_a_program_for_another_runtime_is_not_said_to_run_in_libmmoe():
    card = render_model_card(replace(manifest(), backend=BackendRecord(name="mlx")))
    assert "mmoe.load" not in card
    assert "mmoe-export generate" not in card
    assert "its `mlx` backend, on a device that has it" in card
    assert "1, 2 are the tokens to stop on" in card


def test_a_local_source_is_no_base_model():
    source = replace(manifest_content().source, revision=None, licence=None)
    card = render_model_card(manifest(source=source))
    assert "base_model" not in card
    assert "not stated by the checkpoint" in card


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
