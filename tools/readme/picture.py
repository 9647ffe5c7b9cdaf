"""A picture of what `mmoe-export demo` prints in a terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

_COLUMNS = 100
_PROGRAM = "import sys; from mmoe.export.cli.main import main; sys.exit(main())"
# A live display goes back over its lines; what stands at the end is what counts.
_CURSOR = re.compile(r"\x1b\[(\d*)([AK]|\?25[hl])|\x1b\[2K")


def draw_demo(target: Path, work: Path) -> None:
    """Runs the demo in a pseudo-terminal and draws its output.

    Args:
        target: The SVG file.
        work: Where the artifact goes.
    """
    output = _run_in_terminal([sys.executable, "-c", _PROGRAM, "demo", "--out", "mmoe-demo"], cwd=work)
    console = Console(record=True, width=_COLUMNS, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    for line in settle(output.replace(f"{work}/", "")):
        console.print(Text.from_ansi(line))
    console.save_svg(str(target), title="pip install . && mmoe-export demo")


def _run_in_terminal(command: list[str], *, cwd: Path) -> str:
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(_COLUMNS), "LINES": "50", "TERM": "xterm-256color"}
    with subprocess.Popen(command, cwd=cwd, stdout=follower, stderr=follower, env=environment) as process:
        os.close(follower)
        pieces = []
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:  # how Linux says that the last writer is gone
                break
            if not piece:
                break
            pieces.append(piece)
    os.close(leader)
    if process.returncode != 0:
        raise SystemExit(f"the demo exits with {process.returncode}")
    return b"".join(pieces).decode("utf-8", errors="replace")


def settle(output: str) -> list[str]:
    """The lines that are left on a screen: movements up and erased lines are carried out.

    Args:
        output: What a program wrote to its terminal.
    """
    lines = [""]
    row = 0
    for raw in output.replace("\r\n", "\n").split("\n"):
        text = raw
        ups = sum(int(match[1] or 1) for match in re.finditer(r"\x1b\[(\d*)A", text))
        row = max(0, row - ups)
        text = re.sub(r"\x1b\[(?:\d*A|\d*K|\?25[hl])", "", text).rsplit("\r", 1)[-1]
        while len(lines) <= row:
            lines.append("")
        if text or "\x1b[2K" in raw:
            lines[row] = text
        row += 1
    return lines
