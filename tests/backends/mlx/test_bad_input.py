"""What is told when an MLX artifact cannot be read or run."""

import importlib
from pathlib import Path
from typing import Any

import pytest

from mmoe.backends.errors import ArtifactError, BackendError
from mmoe.backends.mlx.payload import DelegateFile
from mmoe.backends.mlx.replay import library, machine
from mmoe.backends.mlx.replay.replayed import ReplayedProgram
from mmoe.backends.program_file import ProgramFile
from mmoe.backends.registry import load_backend
from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.demo.bundled import bundled_checkpoint
from mmoe.export.verify.weights_proof import prove_expert_weights
from mmoe.runtime_bindings.python.errors import RuntimeFailure


def _copy(artifact: Artifact, target: Path) -> Path:
    target.write_bytes(artifact.model_path.read_bytes())
    return target


def test_without_mlx_it_says_what_to_install(mlx_artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def absent(name: str, package: str | None = None) -> Any:
        if name == "mlx.core":
            raise ImportError("No module named 'mlx'")
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", absent)
    library.mlx_core.cache_clear()
    with pytest.raises(BackendError, match=r"pip install 'mmoe-export\[mlx\]'"):
        ReplayedProgram(mlx_artifact.model_path)
    library.mlx_core.cache_clear()


def test_an_unknown_instruction_is_named(mlx_artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    known = dict(machine.instruction_set())
    del known["RopeNode"], known["SdpaNode"]
    monkeypatch.setattr(machine, "instruction_set", lambda: known)
    with pytest.raises(RuntimeFailure, match="does not know RopeNode, SdpaNode"):
        ReplayedProgram(mlx_artifact.model_path)


def test_a_program_that_was_cut_is_refused(mlx_artifact: Artifact, tmp_path: Path) -> None:
    data = mlx_artifact.model_path.read_bytes()
    (tmp_path / "model.pte").write_bytes(data[: len(data) // 2])
    with pytest.raises(ArtifactError, match="cut short"):
        ReplayedProgram(tmp_path / "model.pte")


def test_a_damaged_payload_is_refused(mlx_artifact: Artifact, tmp_path: Path) -> None:
    program = ProgramFile(mlx_artifact.model_path)
    payload = program.delegate_payload(program.plan("forward").delegates[0])
    data = mlx_artifact.model_path.read_bytes()
    for name, broken in {
        "magic": payload[:4] + b"XXXX" + payload[8:],
        "offsets": payload[:24] + b"\xff" * 64 + payload[88:],
    }.items():
        path = tmp_path / name
        path.write_bytes(data.replace(payload, broken))
        with pytest.raises(ArtifactError, match="payload is damaged"):
            DelegateFile(ProgramFile(path))


def test_an_altered_weight_is_found(mlx_demo_artifact: Artifact, tmp_path: Path) -> None:
    path = _copy(mlx_demo_artifact, tmp_path / "model.pte")
    program = ProgramFile(path)
    name = next(
        name
        for name in program.named_data_bytes()
        if name.endswith("layers.3.feed_forward.routed.down.weight")
    )
    weights = bytes(program.named_data(name))
    data = path.read_bytes()
    start = data.index(weights)
    path.write_bytes(data[:start] + bytes([data[start] ^ 1]) + data[start + 1 :])
    proof = prove_expert_weights(
        open_checkpoint(bundled_checkpoint()), load_backend("mlx").read_experts(ProgramFile(path))
    )
    assert proof.mismatches == ("model.layers.3.feed_forward.experts.down_qweight",)


def test_a_program_of_another_backend_is_refused(tiny_artifact: Artifact) -> None:
    with pytest.raises(ArtifactError, match="--backend mlx"):
        ReplayedProgram(tiny_artifact.model_path)
