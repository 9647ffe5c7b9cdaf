"""Files that change under a model that is open: MMOE_IO, in processes of their own since a fault would be a signal."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact
from tests.support.subprocesses import run_python

PAGE = 4096

# `fault(path)` stands for what happens to model.pte; the status and the message follow on stdout.
BETWEEN_MODEL_AND_SESSION = """
model = Model(folder)
fault(path)
session = Session(model)
"""
BETWEEN_CALLS = """
session = Session(Model(folder))
session.prefill([5, 6, 7])
session.next()
fault(path)
session.next()
"""
WHILE_IT_DECODES = """
session = Session(Model(folder))
thread = threading.Timer(0.02, fault, [path])
thread.start()
end = time.monotonic() + {seconds}
while time.monotonic() < end:
    session.truncate(0)
    session.prefill(list(range(5, 69)))
    session.next()
    session.next()
"""
MOMENTS = {
    "before the session": BETWEEN_MODEL_AND_SESSION,
    "between calls": BETWEEN_CALLS,
    "in a call": WHILE_IT_DECODES.format(seconds=20),
    "in a call that goes on": WHILE_IT_DECODES.format(seconds=1),
}

CUT = "def fault(path): os.truncate(path, {size})"
OVERWRITE = """
def fault(path):  # as `cp NEW model.pte` does: the same inode, cut to nothing and written again
    new = path.read_bytes()[::-1]
    with open(path, "wb") as file:
        file.write(new)
"""
APPEND = """
def fault(path):
    with open(path, "ab") as file:
        file.write(bytes(4096))
"""
ONE_BYTE = """
def fault(path):
    with open(path, "r+b") as file:
        file.seek(20000)
        file.write(b"x")
"""
RENAME = """
def fault(path):
    path.with_name("new").write_bytes(path.read_bytes()[::-1])
    os.replace(path.with_name("new"), path)
"""
DELETE = "def fault(path): path.unlink()"
CHMOD = "def fault(path): path.chmod(0)"

SCRIPT = """
import os, sys, threading, time
from pathlib import Path
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.session import Session
folder = Path(sys.argv[1])
path = folder / "model.pte"
{fault}
try:
    {moment}
    print("OK")
except CoreFailure as failure:
    print(failure.status.name, failure)
"""


def end_of(folder: Path, fault: str, moment: str) -> str:
    code = SCRIPT.format(fault=fault, moment=moment.strip().replace("\n", "\n    "))
    ended = run_python(code, folder)
    assert ended.returncode == 0, ended
    return ended.stdout


@pytest.fixture(params=["own linears", pytest.param("delegated linears", marks=pytest.mark.slow)])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    name = "tiny_artifact" if request.param == "own linears" else "tiny_delegated_artifact"
    artifact: Artifact = request.getfixturevalue(name)
    return shutil.copytree(artifact.folder, tmp_path / "artifact")


@pytest.mark.parametrize("moment", ["before the session", "between calls", "in a call"])
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (CUT.format(size=0), "was cut"),
        (CUT.format(size=PAGE), "was cut"),
        (OVERWRITE, "was (cut|written to)"),
        (APPEND, "was written to"),
        (ONE_BYTE, "was written to"),
    ],
    ids=["cut to nothing", "cut to a page", "written over", "appended to", "one byte"],
)
def test_a_file_that_changes_is_an_io_error(folder: Path, fault: str, message: str, moment: str) -> None:
    ended = end_of(folder, fault, MOMENTS[moment])
    assert re.match(rf"IO .*model\.pte: {message} while it was in use; open the model again", ended), ended


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before the session", "between calls", "in a call that goes on"])
@pytest.mark.parametrize("fault", [RENAME, DELETE, CHMOD], ids=["replaced", "deleted", "chmod"])
def test_a_file_that_is_still_there_goes_on_working(folder: Path, fault: str, moment: str) -> None:
    assert end_of(folder, fault, MOMENTS[moment]) == "OK\n"


CUT_AT_EVERY_PAGE = """
import os, sys
from pathlib import Path
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.session import Session
folder = Path(sys.argv[1])
path = folder / "model.pte"
whole = path.read_bytes()
for size in range(0, len(whole), 4096):
    for early in (True, False):
        path.unlink(missing_ok=True)
        path.write_bytes(whole)
        model = Model(folder)
        try:
            if early:
                os.truncate(path, size)
            session = Session(model)
            session.prefill([5, 6, 7])
            os.truncate(path, size)
            session.next()  # chooses by the logits that are there
            session.next()
            print("nothing was noticed", size, early)
        except CoreFailure as failure:
            if failure.status is not Status.IO or "was cut" not in str(failure):
                print(size, early, failure)
print(len(whole) // 4096 + 1, "sizes")
"""


def test_a_cut_at_any_page_is_an_io_error(folder: Path) -> None:
    pages = (folder / "model.pte").stat().st_size // PAGE + 1
    ended = run_python(CUT_AT_EVERY_PAGE, folder)
    assert (ended.returncode, ended.stdout) == (0, f"{pages} sizes\n"), ended


CUT_BEHIND_THE_CHECK = """
import os, sys, threading
from pathlib import Path
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.session import Session
folder = Path(sys.argv[1])
path = folder / "model.pte"
whole = path.read_bytes()
statuses = set()
for delay in range(60):
    path.unlink(missing_ok=True)
    path.write_bytes(whole)
    model = Model(folder)
    thread = threading.Timer(delay * 5e-5, os.truncate, [path, delay % 3 * 4096])
    thread.start()
    try:
        for _ in range(1000):
            Session(model).prefill([5, 6, 7])
    except CoreFailure as failure:
        statuses.add(failure.status.name)
    thread.join()
print(statuses)
"""


def test_a_cut_at_any_moment_of_opening_a_session_is_an_io_error(folder: Path) -> None:
    ended = run_python(CUT_BEHIND_THE_CHECK, folder)
    assert (ended.returncode, ended.stdout) == (0, "{'IO'}\n"), ended
