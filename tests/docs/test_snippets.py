"""Every Python snippet and every `mmoe-export` line of README and docs runs, in the order of its page."""

from __future__ import annotations

import json
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
# At a terminal, where tests/export/cli/test_chat.py types into it, and until somebody stops it (tests/export/serve).
ENDLESS = (["mmoe-export", "chat"], ["mmoe-export", "serve"])

ONE_AFTER_ANOTHER = """
import json, sys
for snippet in json.load(open(sys.argv[1])):
    try:
        exec(compile(snippet, snippet, "exec"), {"__name__": "__main__"})
    except SystemExit as exit:
        if exit.code:
            raise
"""

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
                if words and words[0] in ("mmoe-export", "mmoe-run") and words[:2] not in ENDLESS:
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
    """Each in a namespace of its own, in one process, as PyTorch is imported once then."""
    snippets = tmp_path / "snippets.json"
    snippets.write_text(json.dumps(python_snippets(page)), encoding="utf-8")
    run([sys.executable, "-c", ONE_AFTER_ANOTHER, str(snippets)], tmp_path)


def test_there_are_snippets() -> None:
    assert len(python_snippets(ROOT / "docs" / "python.md")) >= 6
    assert len(commands(ROOT / "README.md")) >= 6


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
def test_commands(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's cache has layers of the bundled model under the names of the released ones.

    In this process, as loading PyTorch and ExecuTorch for each line would take longer than what most of them do.
    """
    from mmoe.checkpoints.checkpoint import open_checkpoint
    from mmoe.export.cli.main import main
    from mmoe.export.demo.bundled import bundled_checkpoint
    from mmoe.runtime_bindings.python.library import core_library_path
    from tests.support.first_layers import write_first_layers
    from tests.support.hub_cache import snapshot_folder, use_hub_cache
    from tests.support.unpacked import write_unpacked

    monkeypatch.chdir(tmp_path)
    home = tmp_path / "hub-home"
    use_hub_cache(monkeypatch, home)
    packed = snapshot_folder(home, "facebook/MobileMoE-S-QAT")
    write_first_layers(packed, bundled_checkpoint(), 2)
    write_unpacked(snapshot_folder(home, "facebook/MobileMoE-S-SFT"), open_checkpoint(packed))
    (tmp_path / "my-text.txt").write_text(
        "In the beginning God created the heaven and the earth.\n", encoding="utf-8"
    )
    mmoe_run = core_library_path().parents[1] / "bin" / "mmoe-run"
    for words in commands(page):
        if words[0] == "mmoe-run":
            run([str(mmoe_run), *words[1:]], tmp_path)
        else:
            assert main(words[1:]) == 0, words
