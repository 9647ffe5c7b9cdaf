"""Every Python snippet and every `mmoe-export` line of README and docs runs, in the order of its page."""

from __future__ import annotations

import re
import shlex
import subprocess
from contextlib import nullcontext
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
# At a terminal, where tests/export/cli/test_chat.py types into it; until somebody stops it (tests/export/serve); with
# data sets of the hub (tests/export/evaluation has its own).
ELSEWHERE = (["mmoe-export", "chat"], ["mmoe-export", "serve"], ["mmoe-export", "eval"])

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
                if words and words[0] in ("mmoe-export", "mmoe-run") and words[:2] not in ELSEWHERE:
                    found.append(words)
    return found


@pytest.mark.parametrize(
    "page", [page for page in PAGES if python_snippets(page)], ids=lambda page: page.name
)
def test_python_snippets(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in a namespace of its own, with the whole included model: one of them waits for JSON to end."""
    monkeypatch.chdir(tmp_path)
    for snippet in python_snippets(page):
        with pytest.raises(SystemExit) if "SystemExit" in snippet else nullcontext() as end:
            exec(compile(snippet, snippet, "exec"), {"__name__": "__main__"})
        assert end is None or end.value.code == 0, snippet


def test_there_are_snippets() -> None:
    assert len(python_snippets(ROOT / "docs" / "python.md")) >= 6
    assert len(commands(ROOT / "README.md")) >= 6


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
def test_commands(page: Path, users_folder: Path) -> None:
    """In this process, as loading PyTorch and ExecuTorch for each line would take longer than what most of them do."""
    from mmoe.export.cli.main import main
    from mmoe.runtime_bindings.python.library import core_library_path

    mmoe_run = core_library_path().parents[1] / "bin" / "mmoe-run"
    for words in commands(page):
        if words[0] == "mmoe-run":
            done = subprocess.run([mmoe_run, *words[1:]], cwd=users_folder, capture_output=True, text=True)
            assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        else:
            assert main(words[1:]) == 0, words
