"""Importing the library says nothing of what other packages could not load."""

import subprocess
import sys

import pytest


def stderr_of(program: str) -> str:
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return run.stderr


@pytest.mark.slow
def test_importing_the_exporter_says_nothing() -> None:
    assert stderr_of("import mmoe.export.convert.convert, mmoe.backends.xnnpack.backend") == ""


def test_other_messages_of_the_same_loggers_are_shown() -> None:
    program = """
import logging, mmoe.backends
from mmoe.backends.quiet import show_known_messages
logging.getLogger("torchao").warning("Failed to load x")
logging.getLogger("torchao").warning("news")
show_known_messages()
logging.getLogger("torchao").warning("Failed to load y")
"""
    assert stderr_of(program) == "news\nFailed to load y\n"
