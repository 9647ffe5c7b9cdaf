"""Every Python snippet and every `mmoe-export` line of README and docs runs, in the order of its page."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
# At a terminal, where tests/export/cli/test_chat.py types into it.
INTERACTIVE = ["mmoe-export", "chat"]

pytestmark = pytest.mark.slow


def python_snippets(page: Path) -> list[str]:
    return [
        code for language, code in BLOCK.findall(page.read_text(encoding="utf-8")) if language == "python"
    ]


def commands(page: Path) -> list[list[str]]:
    """The lines of shell blocks that call `mmoe-export` or `mmoe-run`, without comments."""
    found = []
    for language, code in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language in ("", "sh", "console"):
            lines = code.replace("\\\n", " ").splitlines()
            for part in (part for line in lines for part in line.split("&&")):
                words = shlex.split(part, comments=True)
                if words and words[0] in ("mmoe-export", "mmoe-run") and words[:2] != INTERACTIVE:
                    found.append(words)
    return found


def run(command: list[str], folder: Path) -> None:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "COLUMNS": "120"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize(
    "page", [page for page in PAGES if python_snippets(page)], ids=lambda page: page.name
)
def test_python_snippets(page: Path, tmp_path: Path) -> None:
    for snippet in python_snippets(page):
        run([sys.executable, "-c", snippet], tmp_path)


def test_there_are_snippets() -> None:
    assert len(python_snippets(ROOT / "docs" / "python.md")) >= 6
    assert len(commands(ROOT / "README.md")) >= 6


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
def test_commands(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hub ids stand for checkpoints that nobody can have without an account: the bundled one takes their place.

    In this process, as loading PyTorch and ExecuTorch for each line would take longer than what most of them do.
    """
    from mmoe.checkpoints.checkpoint import open_checkpoint
    from mmoe.export.cli.main import main
    from mmoe.export.demo.bundled import bundled_checkpoint
    from mmoe.runtime_bindings.python.library import core_library_path
    from tests.support.unpacked import write_unpacked

    monkeypatch.chdir(tmp_path)
    unpacked = write_unpacked(tmp_path / "unpacked-source", open_checkpoint(bundled_checkpoint()))
    bundled = {"facebook/MobileMoE-S-QAT": "demo", "facebook/MobileMoE-S-SFT": str(unpacked)}
    mmoe_run = core_library_path().parents[1] / "bin" / "mmoe-run"
    for words in commands(page):
        arguments = [bundled.get(word, word) for word in words[1:]]
        if words[0] == "mmoe-run":
            run([str(mmoe_run), *arguments], tmp_path)
        else:
            assert main(arguments) == 0, words
