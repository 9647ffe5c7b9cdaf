"""Artifacts that tests share: converting takes long enough that each is made once in a session."""

from pathlib import Path

import pytest

from mmoe.export.artifact import Artifact
from mmoe.export.bundled import bundled_checkpoint
from mmoe.export.convert import ConvertOptions, convert
from tests.support.checkpoints import write_checkpoint


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random checkpoint of two layers in the released format; read only."""
    return write_checkpoint(tmp_path_factory.mktemp("tiny") / "checkpoint")


@pytest.fixture(scope="session")
def tiny_artifact(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """`tiny_checkpoint`, converted; read only."""
    return convert(tiny_checkpoint, tmp_path_factory.mktemp("tiny") / "artifact")


@pytest.fixture(scope="session")
def demo_artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The bundled trained checkpoint, converted; read only. Its chunk is shorter than its context."""
    return convert(
        bundled_checkpoint(),
        tmp_path_factory.mktemp("demo") / "artifact",
        options=ConvertOptions(max_seq_len=128),
    )
