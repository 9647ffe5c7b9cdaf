"""`mmoe-run` and `mmoe-bench` on PATH: the native programs of the package, in place of this process."""

import os
import sys

from mmoe.runtime_bindings.python.errors import RuntimeFailure
from mmoe.runtime_bindings.python.library import program_path


def mmoe_run() -> None:
    """Generates from an artifact without Python."""
    _become("mmoe-run")


def mmoe_bench() -> None:
    """Measures a program without Python; `mmoe-export bench` asks it for figures."""
    _become("mmoe-bench")


def _become(name: str) -> None:
    try:
        program = str(program_path(name))
    except RuntimeFailure as error:
        sys.exit(f"{name}: {error}")
    os.execv(program, [name, *sys.argv[1:]])
