"""The examples run: the conversation, the C program, the notebook's cells, the workflow's commands."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mmoe.runtime_bindings.python.library import core_library_path

if TYPE_CHECKING:
    from mmoe.export.artifact.artifact import Artifact

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def run(*command: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True)


def test_chat(demo_artifact: Artifact) -> None:
    done = run(sys.executable, EXAMPLES / "chat.py", demo_artifact.folder, "Who art thou?", "And he?")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("> ") == 2
    assert len(re.findall(r"\[(stop_token|length|context_full), \d+ tokens/s\]", done.stdout)) == 2


def test_chat_without_an_artifact(tmp_path: Path) -> None:
    done = run(sys.executable, EXAMPLES / "chat.py", tmp_path / "nothing", "Hello")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")


def build(source: Path, program: Path) -> None:
    """Compiles a C program against libmmoe."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler is not None, "a C compiler is needed, as for the kernels"
    library = core_library_path().parent
    options = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-I", ROOT / "runtime_bindings" / "cpp" / "core"]
    # libmmoe finds its own libraries by its own run path, which the linker does not follow for an executable.
    links = ["-L", library, "-lmmoe", f"-Wl,-rpath,{library}", "-Wl,--allow-shlib-undefined"]
    built = run(compiler, source, *options, *links, "-o", program)
    assert built.returncode == 0, built.stderr


def test_the_program_of_the_runtimes_page_says_what_python_says(
    demo_artifact: Artifact, tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "runtime.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```c\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "answer.c").write_text(code, encoding="utf-8")
    build(tmp_path / "answer.c", tmp_path / "answer")
    assert run(tmp_path / "answer", cwd=tmp_path).returncode == 1, "there is no artifact yet"
    (tmp_path / "artifact").symlink_to(demo_artifact.folder)
    done = run(tmp_path / "answer", cwd=tmp_path)
    assert done.returncode == 0, done.stderr

    import mmoe

    with mmoe.load(demo_artifact.folder) as model:
        ids = model.chat([("user", "Who made the heaven and the earth?")])
        assert done.stdout == "".join(model.generate(ids))


def test_the_c_program_says_what_python_says(demo_artifact: Artifact, tmp_path: Path) -> None:
    program = tmp_path / "generate"
    build(EXAMPLES / "generate.c", program)
    done = run(program, demo_artifact.folder, "In the beginning")
    assert done.returncode == 0, done.stderr

    import mmoe

    with mmoe.load(demo_artifact.folder) as model:
        expected = "".join(model.generate("In the beginning", max_new_tokens=100))
    assert done.stdout == expected + "\n"
    assert run(program, tmp_path, "x").stderr.startswith("error: ")
    assert run(program).returncode == 2


@pytest.mark.slow
@pytest.mark.usefixtures("users_folder")
def test_the_notebook_runs(capsys: pytest.CaptureFixture[str]) -> None:
    notebook = json.loads((EXAMPLES / "numerics.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(cells) >= 4
    exec("\n".join(cells), {"__name__": "__main__"})
    assert "top-1 agreement" in capsys.readouterr().out


@pytest.mark.slow
def test_the_workflow_guards_numerics(users_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its two commands in this process, each as a shell would take it apart."""
    from mmoe.export.cli.main import main

    text = (EXAMPLES / "guard-numerics.yml").read_text(encoding="utf-8")
    (source,) = re.findall(r"CHECKPOINT: (\S+)", text)
    monkeypatch.setenv("CHECKPOINT", source)
    convert, verify = re.findall(r"- run: mmoe-export (.*)$", text, flags=re.MULTILINE)
    assert main(shlex.split(os.path.expandvars(convert))) == 0
    verify, target = verify.split(" > ")
    with (users_folder / target).open("w", encoding="utf-8") as file, redirect_stdout(file):
        assert main(shlex.split(os.path.expandvars(verify))) == 0
    assert json.loads((users_folder / "verification.json").read_text())["passed"]
