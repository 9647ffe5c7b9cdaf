"""Runs the command in this process, as a shell would see it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

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
