"""Artifacts that break before or while they are open, and processes with little room: codes, never a signal."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.cli.ui.visible import visible
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.session import Session
from tests.support.subprocesses import run_python
from tests.support.toy_program import replace_program, write_toy_artifact


@pytest.fixture
def folder(tiny_artifact: Artifact, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_artifact.folder, tmp_path / "artifact")


def cut(name: str) -> Callable[[Path], object]:
    return lambda folder: os.truncate(folder / name, (folder / name).stat().st_size // 2)


def replace(name: str, old: str, new: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text((folder / name).read_text().replace(old, new, 1))


@pytest.mark.parametrize(
    ("fault", "status", "message"),
    [
        (shutil.rmtree, Status.NOT_FOUND, "no such folder"),
        (lambda folder: (folder / "mmoe.json").unlink(), Status.NOT_FOUND, "mmoe.json"),
        (lambda folder: (folder / "model.pte").unlink(), Status.NOT_FOUND, "model.pte"),
        (cut("model.pte"), Status.CORRUPT, "model.pte: has"),
        (cut("mmoe.json"), Status.CORRUPT, "mmoe.json"),
        (cut("tokenizer.json"), Status.CORRUPT, "tokenizer.json: has"),
        (lambda folder: (folder / "mmoe.json").write_text(""), Status.CORRUPT, "empty"),
        (
            replace("mmoe.json", '"format_version": 1', '"format_version": 7'),
            Status.VERSION,
            "format 7.*format 1",
        ),
        (replace("mmoe.json", '"files"', '"flies"'), Status.CORRUPT, 'no "files"'),
        (replace("mmoe.json", '"model.pte": {', '"../model.pte": {'), Status.CORRUPT, "name"),
    ],
)
def test_a_broken_artifact_is_refused(
    folder: Path, fault: Callable[[Path], object], status: Status, message: str
) -> None:
    fault(folder)
    with pytest.raises(CoreFailure, match=message) as refusal:
        Model(folder)
    assert refusal.value.status == status


def test_a_changed_byte_is_found_by_the_checksums(folder: Path) -> None:
    data = bytearray((folder / "model.pte").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "model.pte").write_bytes(data)
    with pytest.raises(CoreFailure, match=r"model\.pte: its SHA-256") as refusal:
        Model(folder, verify_checksums=True)
    assert refusal.value.status == Status.CORRUPT


@pytest.mark.parametrize("name", ["model.pte", "tokenizer.json"])
def test_a_file_that_the_manifest_does_not_list_cannot_be_verified(folder: Path, name: str) -> None:
    manifest = json.loads((folder / "mmoe.json").read_text())
    del manifest["files"][name]
    (folder / "mmoe.json").write_text(json.dumps(manifest))
    Model(folder).close()
    with pytest.raises(CoreFailure, match=rf"mmoe\.json: lists no digest of {name}") as refusal:
        Model(folder, verify_checksums=True)
    assert refusal.value.status == Status.CORRUPT


def test_checksums_of_a_good_artifact_hold(folder: Path) -> None:
    Model(folder, verify_checksums=True).close()


def test_a_deleted_artifact_goes_on_and_a_cut_one_ends(folder: Path) -> None:
    model = Model(folder)
    session = Session(model)
    session.prefill([5, 6])
    copy = folder / "copy.pte"
    os.link(folder / "model.pte", copy)  # the same file under another name
    for name in ("model.pte", "mmoe.json", "tokenizer.json"):
        (folder / name).unlink()
    session.next()
    session.next()
    os.truncate(copy, 4096)
    with pytest.raises(CoreFailure, match="was cut while it was in use") as refusal:
        session.next()
    assert refusal.value.status == Status.IO


@pytest.mark.slow
def test_a_damaged_program_is_a_code_where_the_runtime_would_abort(tmp_path: Path) -> None:
    path = write_toy_artifact(tmp_path)
    program = path.read_bytes()
    statuses, messages = set(), []
    for at in range(0, min(len(program), 8192), 5):
        replace_program(tmp_path, program[:at] + bytes([program[at] ^ 0x1F]) + program[at + 1 :])
        try:
            Model(tmp_path).close()
        except CoreFailure as failure:
            statuses.add(failure.status)
            messages.append(str(failure))
    assert Status.CORRUPT in statuses
    assert any("is damaged (" in message for message in messages)


LITTLE_ROOM = """
import resource, sys
from pathlib import Path
from mmoe.runtime_bindings.python.core import CoreFailure
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.session import Session
folder = Path(sys.argv[1])
Model(folder).close()  # everything is loaded now
limit()
try:
    sessions = [Session(Model(folder)) for _ in range(1000)]
    print("no limit was met")
except CoreFailure as failure:
    print(failure.status.name)
"""
FEW_FILES = """
import os
def limit():
    used = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 10, used + 10))
"""
LITTLE_MEMORY = """
def limit():
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), used + (64 << 20)))
"""


@pytest.mark.parametrize("limit", [FEW_FILES, LITTLE_MEMORY], ids=["files", "address space"])
def test_little_room_is_a_code(folder: Path, limit: str) -> None:
    ended = run_python(
        LITTLE_ROOM.replace("Model(folder).close()", limit + "\nModel(folder).close()"), folder
    )
    assert (ended.returncode, ended.stdout) == (0, "OUT_OF_RESOURCES\n"), ended.stderr


@pytest.mark.parametrize("name", ["\x1b[2J", "a\nerror: another", "\u202edcb", "\x9b31m", "caf\u00e9"])
def test_a_message_is_one_line_that_no_terminal_obeys(folder: Path, name: str) -> None:
    replace("mmoe.json", '"files": {', f'"files": {{{json.dumps(name)}: {{"bytes": 1, "sha256": ""}},')(
        folder
    )
    with pytest.raises(CoreFailure, match="file missing") as refusal:
        Model(folder)
    assert visible(str(refusal.value)) == str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert name in str(refusal.value) or not name.isprintable()
