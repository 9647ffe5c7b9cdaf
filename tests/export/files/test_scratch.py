"""Folders of work in progress: removed when done, and by others only once their process is gone."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.files.scratch import MARKER, remove_abandoned, scratch_folder
from tests.support.subprocesses import start_command
from tests.support.unpacked import write_unpacked

HOLDER = """
import sys, time
from pathlib import Path
from mmoe.export.files.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1]), ".work-") as folder:
    (folder / "file").write_text("half")
    print(folder, flush=True)
    time.sleep(600)
"""


@contextmanager
def holder(parent: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that works in a folder."""
    command = [sys.executable, "-c", HOLDER, str(parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(str(parent))
        yield process
        process.kill()


def wait_for(condition: Callable[[], object], process: "subprocess.Popen[str]") -> None:
    while not condition():
        assert process.poll() is None, "it ended too early"
        time.sleep(0.02)


def test_the_folder_is_there_while_the_block_runs(tmp_path: Path) -> None:
    with scratch_folder(tmp_path, ".work-", ".partial") as folder:
        assert folder.is_dir()
        assert folder.name.startswith(".work-")
        remove_abandoned(tmp_path, ".work-", ".partial")
        assert folder.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_a_living_process_stays_and_of_a_killed_one_goes(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        remove_abandoned(tmp_path, ".work-")
        (folder,) = tmp_path.iterdir()
        assert (folder / "file").read_text() == "half"
        process.kill()
        process.wait()
        assert folder.is_dir()
        remove_abandoned(tmp_path, ".work-")
        assert list(tmp_path.iterdir()) == []


def test_only_folders_with_such_names_are_removed(tmp_path: Path) -> None:
    kept = {".work-notes", ".work-0123456", ".work-012345678", ".other-01234567", "work-01234567"}
    with scratch_folder(tmp_path, "model") as made:
        for name in kept | {".work-01234567"}:
            shutil.copytree(made, tmp_path / name)
    remove_abandoned(tmp_path, ".work-")
    assert {path.name for path in tmp_path.iterdir()} == kept


def test_only_marked_folders_are_removed(tmp_path: Path) -> None:
    with scratch_folder(tmp_path, "model") as made:
        marked = tmp_path / "elsewhere"
        shutil.copytree(made, marked)
    users = tmp_path / ".work-deadbeef"
    users.mkdir()
    (users / "photo").write_text("a summer")
    for number, content in enumerate(("{}", "[]", "?", "[" * 100_000)):
        other = tmp_path / f".work-0000000{number}"
        other.mkdir()
        (other / MARKER).write_text(content)
    (tmp_path / ".work-0000000a").mkdir()
    os.mkfifo(tmp_path / ".work-0000000a" / MARKER)
    os.mkfifo(tmp_path / ".work-0000000b")
    (tmp_path / ".work-0000000c").symlink_to(marked)
    before = sorted(tmp_path.rglob("*"))
    remove_abandoned(tmp_path, ".work-")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.extended),
        pytest.param(signal.SIGHUP, marks=pytest.mark.extended),
    ],
)
def test_a_conversion_that_is_asked_to_stop_leaves_nothing(
    tmp_path: Path, tiny_checkpoint: Path, number: signal.Signals
) -> None:
    process = start_command("convert", tiny_checkpoint, "--out", tmp_path / "new" / "artifact", "--quiet")
    wait_for(lambda: list(tmp_path.glob("new/.artifact.*.partial/new/model.pte")), process)
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 128 + number, err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_next_conversion_removes_what_a_killed_one_left(tmp_path: Path, tiny_checkpoint: Path) -> None:
    source, out = write_unpacked(tmp_path / "bfloat16", open_checkpoint(tiny_checkpoint)), tmp_path / "out"
    arguments = ("convert", source, "--quantize", "int4-g32", "--out", out / "artifact", "--quiet")
    process = start_command(*arguments)
    wait_for(lambda: list(out.glob(".artifact.*.partial/new/model.pte")), process)
    process.kill()
    process.communicate()
    assert {path.name.split(".")[1][:9] for path in out.iterdir()} == {"artifact", "quantised"}
    process = start_command(*arguments)
    process.communicate(timeout=600)
    assert process.returncode == 0
    assert [path.name for path in out.iterdir()] == ["artifact"]
    Artifact.open(out / "artifact", check_hashes=True)
