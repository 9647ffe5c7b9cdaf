"""Requests to stop that Python or a library loses."""

import signal
import subprocess
import sys

import pytest

_LOST = """
import os, signal, sys
from mmoe.export.cli import main as command
from mmoe.export.cli.ui.signals import StoppableProgress
from mmoe.export.progress import SILENT

class Dropped:
    def __del__(self):  # what a handler raises here is printed and forgotten
        os.kill(os.getpid(), {number})

class Broken(Exception):
    pass

def work():
    progress = StoppableProgress(SILENT)
    progress.phase("first")
    Dropped()
    print("went on")
    {then}
    print("never here")

class Group:
    def main(self, **_):
        try:
            work()
        except KeyboardInterrupt:
            return command.INTERRUPTED

command.get_command = lambda app: Group()
sys.exit(command.main([]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("then", ['progress.phase("second")', "progress.step(1, 2)", "raise Broken"])
def test_a_request_that_python_drops_still_ends_the_command(number: signal.Signals, then: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOST.format(number=int(number), then=then)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "went on\n"
    assert done.returncode == 128 + number
    assert done.stderr == ("interrupted\n" if number == signal.SIGINT else "")


def test_an_error_without_a_request_is_not_hidden() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOST.format(number=0, then="raise Broken")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Broken" in done.stderr
