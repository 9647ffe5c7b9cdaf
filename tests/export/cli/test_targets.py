"""Files that a command is told to write: what is in the way is told before the work, and never replaced."""

from __future__ import annotations

import os
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact
from tests.export.cli.conftest import Command
from tests.export.cli.test_bad_input import assert_single_message

VERBS = {
    "profile": ("profile", "--out"),
    "verify": ("verify", "--report"),
    "bench": ("bench", "--format", "md", "--output"),
}


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


IN_THE_WAY: dict[str, Callable[[Path], object]] = {
    "folder": lambda path: path.mkdir(),
    "pipe": os.mkfifo,
    "socket": make_socket,
    "link to a device": lambda path: path.symlink_to("/dev/null"),
    "loop of links": lambda path: path.symlink_to(path.name),
}


def refused(mmoe: Command, artifact: Artifact, verb: str, target: str | Path, message: str) -> None:
    name, *options = VERBS[verb]
    started = time.process_time()
    run = mmoe(name, artifact.folder, *options, target, "--quiet")
    assert run.code == 1
    assert_single_message(run.err, message)
    assert time.process_time() - started < 10


@pytest.mark.parametrize("kind", IN_THE_WAY)
@pytest.mark.parametrize("verb", VERBS)
def test_what_is_no_file_stays(
    mmoe: Command, tiny_artifact: Artifact, tmp_path: Path, verb: str, kind: str
) -> None:
    target = tmp_path / "report.md"
    IN_THE_WAY[kind](target)
    before = target.lstat()
    refused(mmoe, tiny_artifact, verb, target, "is no regular file|is not a path that the system allows")
    assert (target.lstat().st_ino, target.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_device_stays(mmoe: Command, tiny_artifact: Artifact, verb: str) -> None:
    refused(mmoe, tiny_artifact, verb, "/dev/full", "/dev/full: is there and is no regular file")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("x" * 240 + ".md", "its name is too long"),
        ("x" * 5000, "is not a path that the system allows"),
        ("file/report.md", "file is not a folder"),
        (".", "is no regular file"),
    ],
    ids=["long", "longer", "below a file", "this folder"],
)
@pytest.mark.parametrize("verb", VERBS)
def test_places_where_no_file_can_be(
    mmoe: Command,
    tiny_artifact: Artifact,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    target: str,
    message: str,
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    refused(mmoe, tiny_artifact, verb, target, message)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_link_to_a_file_stays_a_link(mmoe: Command, tiny_artifact: Artifact, tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    link = tmp_path / "profile.html"
    link.symlink_to(Path("pages") / "profile.html")
    assert mmoe("profile", tiny_artifact.folder, "--tokens", "8", "--out", link, "--quiet").code == 0
    assert link.is_symlink()
    assert [path.name for path in (tmp_path / "pages").iterdir()] == ["profile.html"]
