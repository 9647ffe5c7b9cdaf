"""What cannot be done ends in one clear error."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mmoe.backends.coreml.payload import CoreMLModel
from mmoe.backends.errors import ArtifactError, BackendError
from mmoe.backends.program_file import ProgramFile
from mmoe.backends.registry import load_backend
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.convert.convert import ConvertOptions, convert
from mmoe.runtime_bindings.python.errors import OptionError
from tests.support.checkpoints import dense_overrides, write_checkpoint


def test_without_coremltools_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "coremltools", None)
    with pytest.raises(BackendError, match=r"needs coremltools.*pip install 'mmoe-export\[coreml\]'"):
        load_backend("coreml")


@pytest.mark.slow
def test_sliding_windows_are_refused(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "dense", dense_overrides())
    with pytest.raises(OptionError, match="coreml backend has no sliding-window attention"):
        convert(checkpoint, tmp_path / "out", options=ConvertOptions(backend="coreml"))
    assert not (tmp_path / "out").exists()


def test_running_is_refused(coreml_artifact: Artifact) -> None:
    with pytest.raises(BackendError, match="run on Apple devices only"):
        load_backend("coreml").open_runner(coreml_artifact.model_path)


def test_a_damaged_model(coreml_artifact: Artifact, tmp_path: Path) -> None:
    program = ProgramFile(coreml_artifact.model_path)
    (key,) = program.named_data_bytes()
    model = bytes(program.named_data(key))
    data = coreml_artifact.model_path.read_bytes()
    damaged = tmp_path / "model.pte"
    damaged.write_bytes(data.replace(model, model[:-1000] + bytes(1000)))
    with pytest.raises(ArtifactError, match="Core ML model is damaged"), CoreMLModel(ProgramFile(damaged)):
        pass
