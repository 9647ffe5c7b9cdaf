"""Runs the command in this process, as a shell would see it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.cli.main import main


@dataclass(frozen=True)
class Run:
    """What a command left behind; `out` and `err` hold what native code wrote, too."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Stdout, which must be JSON and nothing else."""
        return json.loads(self.out)


Command = Callable[..., Run]


@pytest.fixture
def mmoe(capfd: pytest.CaptureFixture[str]) -> Command:
    """`mmoe("inspect", folder)` runs `mmoe-export inspect folder`."""

    def run(*arguments: object) -> Run:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Run(code, out, err)

    return run


@pytest.fixture
def artifact_copy(tiny_artifact: Artifact, tmp_path: Path) -> Artifact:
    """A copy of the tiny artifact, free to be written to."""
    return Artifact.open(shutil.copytree(tiny_artifact.folder, tmp_path / "artifact"))
