"""Plain folders, free to be changed into those that users have."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def bundled(tmp_path: Path) -> Path:
    """All of the bundled checkpoint but its weights."""
    from mmoe.export.demo.bundled import bundled_checkpoint

    weights = shutil.ignore_patterns("*.safetensors")
    return Path(shutil.copytree(bundled_checkpoint(), tmp_path / "checkpoint", ignore=weights))


@pytest.fixture(scope="session")
def unpacked_checkpoint(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint in bfloat16; read only."""
    from mmoe.checkpoints.checkpoint import open_checkpoint
    from tests.support.unpacked import write_unpacked

    return write_unpacked(tmp_path_factory.mktemp("tiny") / "unpacked", open_checkpoint(tiny_checkpoint))
