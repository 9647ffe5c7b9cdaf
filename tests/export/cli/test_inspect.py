"""`mmoe-export inspect` on an artifact, a program, a checkpoint, and on none of them."""

from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact
from tests.export.cli.conftest import Command
from tests.support.gguf_cases import CASES
from tests.support.gguf_models import Q5_1, Q8_0


def test_artifact(mmoe: Command, tiny_artifact: Artifact) -> None:
    data = mmoe("inspect", tiny_artifact.folder, "--json").json
    assert data["kind"] == "artifact"
    assert data["manifest"]["versions"]["executorch"] == "1.5.1"
    assert data["manifest"]["quantization"]["format"] == "mobilemoe-int4-g32"
    assert data["manifest"]["verification"] is None
    assert sum(data["manifest"]["sizes"].values()) == data["program"]["bytes"]
    # 2 layers, 8 experts, 2 panels of each matrix.
    assert data["manifest"]["expert_scales"]["panels"] == 2 * 8 * 4
    assert data["manifest"]["expert_scales"]["wide_panels"] == 0
    run = mmoe("inspect", tiny_artifact.folder)
    assert run.code == 0
    shown = " ".join(run.out.split())  # lines break where the terminal ends
    for text in (
        "not yet; run mmoe-export verify", "mobilemoe-int4-g32", "2 x mmoe::moe_ffn.out", "2 x mmoe::linear_qkv.out",
        "get_max_context_len", "experts and routers", "executorch 1.5.1",
        "0 panels, where tokens may be multiplied as floats",
    ):  # fmt: skip
        assert text in shown


def test_delegates_are_named(mmoe: Command, tiny_delegated_artifact: Artifact) -> None:
    assert "XnnpackBackend" in mmoe("inspect", tiny_delegated_artifact.folder).out


def test_program(mmoe: Command, tiny_artifact: Artifact) -> None:
    data = mmoe("inspect", tiny_artifact.model_path, "--json").json
    assert data["kind"] == "program"
    assert sum(data["bytes_by_part"].values()) == data["bytes"] == tiny_artifact.model_path.stat().st_size
    run = mmoe("inspect", tiny_artifact.model_path)
    assert run.code == 0
    assert "method forward" in run.out
    assert "constants of operators" in run.out


def test_checkpoint(mmoe: Command, tiny_checkpoint: Path) -> None:
    data = mmoe("inspect", tiny_checkpoint, "--json").json
    assert data["kind"] == "checkpoint"
    assert sum(data["bytes_by_class"].values()) == data["total_bytes"]
    run = mmoe("inspect", tiny_checkpoint)
    assert run.code == 0
    assert "active for a token" in run.out
    assert "num_local_experts" in run.out


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.pte", None, "cannot read the program"),
        ("text.pte", b"not a program " * 20, "not an ExecuTorch 1.5 program"),
        ("notes.txt", b"notes", "is a file; give the checkpoint folder"),
        ("absent", None, "absent: no such folder"),
    ],
)
def test_what_cannot_be_inspected(
    mmoe: Command, tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    run = mmoe("inspect", path)
    assert run.code == 1
    assert run.out == ""
    assert run.err.splitlines()[-1].startswith("error: ")
    assert message in run.err


def test_half_an_artifact(mmoe: Command, tmp_path: Path) -> None:
    (tmp_path / "model.pte").write_bytes(b"")
    run = mmoe("inspect", tmp_path)
    assert run.code == 1
    assert "it has no mmoe.json" in run.err


def test_gguf(mmoe: Command, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    CASES["olmoe"].write(path, types={"output.weight": Q8_0}, changes={"general.file_type": 2})
    data = mmoe("inspect", path, "--json").json
    assert data["kind"] == "checkpoint"
    assert data["refused"] is None
    assert data["quantization"]["int8"] == ["lm_head"]
    assert (data["gguf"]["architecture"], data["gguf"]["recipe"]) == ("olmoe", "MOSTLY_Q4_0")
    types = {share["type"]: share for share in data["gguf"]["types"]}
    assert types["Q8_0"]["bytes"] == types["Q8_0"]["weights"] // 32 * 34 == 288 * 68
    assert types["Q4_0"]["bytes"] == types["Q4_0"]["weights"] // 32 * 18
    shown = " ".join(mmoe("inspect", path).out.split())
    for text in ("MOSTLY_Q4_0", "Q8_0 1 tensors", "as int8 and a scale per 32", "active for a token"):
        assert text in shown


def test_gguf_that_cannot_be_converted_is_described_all_the_same(mmoe: Command, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    CASES["olmoe"].write(path, types={"blk.1.ffn_down_exps.weight": Q5_1})
    data = mmoe("inspect", path, "--json").json
    assert "blk.1.ffn_down_exps.weight (Q5_1)" in data["refused"]
    assert "Q5_1" in {share["type"] for share in data["gguf"]["types"]}
    run = mmoe("inspect", path)
    assert run.code == 0
    assert "blk.1.ffn_down_exps.weight (Q5_1)" in " ".join(run.out.split())
