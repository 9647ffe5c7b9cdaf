"""`mmoe-export convert`: the plan, the artifact, and what is said on the way."""

import shutil
from pathlib import Path

import pytest

from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.load import load
from mmoe.export.convert import memory
from mmoe.export.demo.bundled import bundled_checkpoint
from tests.export.cli.conftest import Command
from tests.support.unpacked import write_unpacked


def test_dry_run_shows_sizes_and_writes_nothing(mmoe: Command, tmp_path: Path, tiny_checkpoint: Path) -> None:
    target = tmp_path / "artifact"
    run = mmoe("convert", tiny_checkpoint, "--out", target, "--dry-run", "--max-context-len", 128)
    assert run.code == 0
    assert f"{tiny_checkpoint} can be converted into {target}" in run.out
    assert "128 tokens" in run.out
    assert "KV cache in memory" in run.out
    assert "experts" in run.out
    assert list(tmp_path.iterdir()) == []


def test_dry_run_as_json(
    mmoe: Command, tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = mmoe("convert", tiny_checkpoint, "--dry-run", "--json").json
    sizes = plan["plan"]["checkpoint_bytes"]
    assert plan["schema_version"] == 1
    assert plan["artifact"] == "checkpoint-xnnpack"
    assert sum(sizes.values()) == open_checkpoint(tiny_checkpoint).total_bytes
    assert plan["plan"]["artifact_bytes"] == sum(sizes.values())
    # K and V, 2 layers, 2 heads of 16, 256 tokens of float32.
    assert plan["plan"]["kv_cache_bytes"] == 2 * 2 * 2 * (16 + 4) * 256
    assert plan["free_bytes"] > 0
    twice = mmoe("convert", tiny_checkpoint, "--linears", "xnnpack", "--dry-run", "--json").json["plan"]
    assert twice["artifact_bytes"] == sum(sizes.values()) + sizes["embedding"]


def test_the_bundled_checkpoint_has_a_name(
    mmoe: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path)
    run = mmoe("convert", "demo", "--dry-run", "--json")
    assert run.code == 0, run.err
    assert (
        sum(run.json["plan"]["checkpoint_bytes"].values())
        == open_checkpoint(bundled_checkpoint()).total_bytes
    )
    assert run.json["artifact"] == "demo-xnnpack"
    assert run.err.startswith("demo is the bundled checkpoint; the folder of that name is ./demo\n")
    assert mmoe("inspect", "demo", "--json").json["kind"] == "checkpoint"


def test_convert(mmoe: Command, tmp_path: Path, tiny_checkpoint: Path, tiny_artifact: Artifact) -> None:
    target = tmp_path / "new" / "artifact"
    run = mmoe("convert", tiny_checkpoint, "--out", target, "--json")
    assert run.code == 0
    artifact = Artifact.open(target, check_hashes=True)
    assert run.json["schema_version"] == 1
    assert run.json["artifact"] == str(target)
    assert run.json["manifest"]["expert_scales"]["wide_panels"] == 0
    assert run.json["manifest"]["files"]["model.pte"]["bytes"] == artifact.model_path.stat().st_size
    # The same input gives the same program.
    assert artifact.model_path.read_bytes() == tiny_artifact.model_path.read_bytes()
    *phases, following, verify, generate = run.err.splitlines()
    assert [line.split(" s  ")[1] for line in phases] == [
        "Checking the checkpoint",
        "Loading PyTorch and ExecuTorch",
        "Checking the values",
        "Packing the weights",
        "Exporting the program",
        "Lowering for xnnpack",
        "Writing the program",
        "Finishing the artifact",
    ]
    assert following == "Next:"
    assert verify == f"  mmoe-export verify {target} --checkpoint {tiny_checkpoint}"
    assert generate.startswith(f"  mmoe-export generate {target} ")


def test_summary_for_people(
    mmoe: Command,
    tmp_path: Path,
    tiny_checkpoint: Path,
    tiny_artifact: Artifact,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mmoe.export.convert.convert.convert", lambda *_, **__: tiny_artifact)
    run = mmoe("convert", tiny_checkpoint, "--out", tmp_path / "artifact", "--quiet")
    assert run.code == 0
    assert run.out.startswith(f"Wrote {tiny_artifact.folder} in ")
    assert "experts and routers" in run.out
    assert run.err == ""


@pytest.mark.slow
def test_bfloat16_is_quantised_on_request_and_packed_weights_are_not(
    mmoe: Command, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    source = write_unpacked(tmp_path / "released", open_checkpoint(tiny_checkpoint))
    target = tmp_path / "artifact"
    refused = mmoe("convert", source, "--out", target)
    assert refused.code == 1
    assert "--quantize int4-g32" in refused.err
    done = mmoe("convert", source, "--out", target, "--quantize", "int4-g32")
    assert done.code == 0
    assert "(100.00%), recovered exactly" in done.out
    again = mmoe("convert", tiny_checkpoint, "--out", tmp_path / "again", "--quantize", "int4-g32")
    assert again.code == 1
    assert "is packed already" in again.err
    assert mmoe("convert", source, "--out", target, "--quantize", "int8").code == 2


def test_too_little_memory_is_told_before_any_work(
    mmoe: Command, tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 500_000_000)
    run = mmoe("convert", tiny_checkpoint, "--out", tmp_path / "artifact", "--quiet")
    assert run.code == 1
    assert run.err.startswith(f"error: converting {tiny_checkpoint} needs about 70")
    assert "only 500,000,000 are available" in run.err
    assert list(tmp_path.iterdir()) == []


def test_dry_run_knows_what_a_delegate_holds(mmoe: Command, tiny_checkpoint: Path) -> None:
    mapped = mmoe("convert", tiny_checkpoint, "--dry-run", "--json").json["plan"]
    for held in (("--backend", "mlx"), ("--linears", "xnnpack")):
        plan = mmoe("convert", tiny_checkpoint, "--dry-run", "--json", *held).json["plan"]
        assert plan["peak_memory_bytes"] == mapped["peak_memory_bytes"] + plan["artifact_bytes"]


def test_what_cannot_run_here_is_not_suggested(
    mmoe: Command,
    tmp_path: Path,
    tiny_checkpoint: Path,
    tiny_artifact: Artifact,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = tmp_path / "artifact"
    monkeypatch.setattr("mmoe.export.convert.convert.convert", lambda *_, **__: tiny_artifact)
    run = mmoe("convert", tiny_checkpoint, "--out", target, "--backend", "coreml")
    assert run.code == 0
    assert run.err.endswith(f"Next:\n  mmoe-export verify {target} --checkpoint {tiny_checkpoint}\n"
                            f"  mmoe-export inspect {target}\n")  # fmt: skip


@pytest.mark.slow
def test_templates_are_chosen_by_name(mmoe: Command, tmp_path: Path, tiny_checkpoint: Path) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint"))
    (folder / "chat_template.jinja").unlink()
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "rag.jinja").write_text("{{ messages[0].content | upper }}")
    run = mmoe("convert", folder, "--dry-run")
    assert (run.code, run.out) == (1, "")
    assert "choose with --template NAME: rag" in run.err
    run = mmoe("convert", folder, "--dry-run", "--template", "rag")
    assert run.code == 0
    assert "note:" not in run.err
    run = mmoe("convert", folder, "--template", "rag", "--json", "--quiet", "--out", tmp_path / "artifact")
    assert run.err == ""
    assert run.json["notes"] == []
    with load(tmp_path / "artifact") as model:
        assert model.chat([("user", "abc")]) == model.tokenize("ABC", add_bos=False)


def test_the_built_in_template_is_said_aloud(mmoe: Command, tmp_path: Path, tiny_checkpoint: Path) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint"))
    (folder / "chat_template.jinja").unlink()
    run = mmoe("convert", folder, "--dry-run")
    assert run.code == 0
    assert "note: The checkpoint has no chat template; the built-in one" in run.err
