"""The command, or a script, in a process of its own, for what only a real process shows: imports, signals, pipes."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = "import sys; from mmoe.export.cli.main import main; sys.exit(main())"


def start_command(
    *arguments: object,
    cwd: Path | None = None,
    environment: dict[str, str] | None = None,
    typed: bytes | None = None,
) -> "subprocess.Popen[str]":
    """Starts `mmoe-export` with pipes for stdout and stderr.

    Args:
        arguments: what follows the program's name.
        cwd: where it runs.
        environment: variables to add to this process's own.
        typed: what stdin holds; None for nothing.
    """
    with tempfile.TemporaryFile() as stdin:
        stdin.write(typed or b"")
        stdin.seek(0)
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=stdin,
            text=True,
            encoding="utf-8",
            cwd=cwd,
            env={**os.environ, **(environment or {})},
        )


def run_python(code: str, *arguments: object, timeout: float = 300) -> "subprocess.CompletedProcess[str]":
    """Runs a script to its end; `arguments` are its ``sys.argv[1:]``."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
