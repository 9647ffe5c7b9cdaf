"""What else a process does while models are open: many of them, forks, signals, wrong numbers of threads."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.runtime_bindings.python.core import CoreFailure, ModelOptionsStruct, Status, call
from mmoe.runtime_bindings.python.errors import OptionError
from mmoe.runtime_bindings.python.model import Model
from tests.support.subprocesses import run_python

PRELUDE = """
import os, signal, sys, threading, time
from pathlib import Path
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.session import Session
folder = Path(sys.argv[1])
ids = [5, 6, 7, 8]
def tokens(session):
    session.truncate(0)
    session.prefill(ids)
    return [session.next()[0] for _ in range(6)]
"""


def output_of(code: str, *arguments: object) -> str:
    ended = run_python(PRELUDE + code, *arguments)
    assert ended.returncode == 0, ended
    return ended.stdout


MANY_MODELS = """
import shutil
last = Path(sys.argv[2])
shutil.copytree(folder, last)
models = [Model(folder) for _ in range(int(sys.argv[3]) - 1)] + [Model(last)]
sessions = [Session(model) for model in models]
print(len({tuple(tokens(session)) for session in sessions}))
os.truncate(last / "model.pte", 4096)
try:
    tokens(sessions[-1])
except CoreFailure as failure:
    print(failure.status.name)
print(len({tuple(tokens(session)) for session in sessions[:-1]}))
for model in models:
    model.close()
again = Session(Model(folder))  # where a mapping was guarded before
print(len(tokens(again)))
"""


@pytest.mark.parametrize("count", [70, 200])
def test_the_last_of_many_models_is_guarded_too(tiny_artifact: Artifact, tmp_path: Path, count: int) -> None:
    assert output_of(MANY_MODELS, tiny_artifact.folder, tmp_path / "copy", count) == "1\nIO\n1\n6\n"


# `child` runs in the child; the parent goes on afterwards, and neither waits for a thread that is not there.
FORK = """
model = Model(folder, threads=2)
session = Session(model)
before = tokens(session)
child = os.fork()
if child == 0:
    signal.alarm(60)
    try:
        {child}
        print("OK", flush=True)
    except CoreFailure as failure:
        print(failure.status.name, failure, flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(tokens(session) == before)
"""


@pytest.mark.parametrize(
    "child",
    ["session.next()", "session.prefill([5])", "Session(model)", "Model(folder)"],
    ids=["decode", "prefill", "session", "model"],
)
def test_a_forked_child_is_refused(tiny_artifact: Artifact, child: str) -> None:
    refused, parent = output_of(FORK.format(child=child), tiny_artifact.folder).splitlines()
    assert refused.startswith("UNSUPPORTED this process was forked from one that had a model open")
    assert parent == "True"


def test_a_forked_child_may_close(tiny_artifact: Artifact) -> None:
    child = "session.close(), model.close()"
    assert output_of(FORK.format(child=child), tiny_artifact.folder) == "OK\nTrue\n"


FORK_FIRST = """
child = os.fork()
if child == 0:
    signal.alarm(60)
    print(len(tokens(Session(Model(folder, threads=2)))), flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(len(tokens(Session(Model(folder, threads=2)))))
"""


def test_models_may_be_opened_after_a_fork(tiny_artifact: Artifact) -> None:
    assert output_of(FORK_FIRST, tiny_artifact.folder) == "6\n6\n"


SIGNALS = """
number = signal.Signals[sys.argv[2]]
taken = []
signal.signal(number, lambda *_: taken.append(1))
signal.siginterrupt(number, True)  # system calls end with EINTR
session = Session(Model(folder, threads=2))
before = tokens(session)
ended = threading.Event()
def send():
    while not ended.wait(0.0005):
        os.kill(os.getpid(), number)
sender = threading.Thread(target=send)
sender.start()
disturbed = 0
while len(taken) < 500:
    disturbed += tokens(session) != before
ended.set()
sender.join()
print(disturbed)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGALRM", "SIGINT", "SIGUSR1"])
def test_signals_do_not_disturb_a_call(tiny_artifact: Artifact, name: str) -> None:
    assert output_of(SIGNALS, tiny_artifact.folder, name) == "0\n"


OTHER_HANDLER = """
import mmap
Model(folder)  # handles SIGBUS from here on
path = Path(sys.argv[2])
path.write_bytes(bytes(8192))
with open(path, "r+b") as file:
    other = mmap.mmap(file.fileno(), 0)
    os.truncate(path, 0)
    other[4096]
print("survived")
"""


def test_a_fault_in_a_mapping_of_others_is_passed_on(tiny_artifact: Artifact, tmp_path: Path) -> None:
    ended = run_python(PRELUDE + OTHER_HANDLER, tiny_artifact.folder, tmp_path / "file")
    assert (ended.returncode, ended.stdout) == (-7, "")  # SIGBUS


@pytest.mark.parametrize("threads", [1025, 2**31, 2**32 - 1])
def test_threads_have_an_upper_bound(tiny_artifact: Artifact, threads: int) -> None:
    options = ModelOptionsStruct(struct_size=ctypes.sizeof(ModelOptionsStruct), threads=threads)
    folder, handle = str(tiny_artifact.folder).encode(), ctypes.c_uint64()
    with pytest.raises(CoreFailure, match="threads must be at most 1024") as refusal:
        call("model_open", folder, ctypes.byref(options), ctypes.byref(handle))
    assert refusal.value.status == Status.INVALID_ARGUMENT


@pytest.mark.parametrize("threads", [0, 1025, 2**32 + 1])
def test_python_does_not_wrap_a_number_of_threads(tiny_artifact: Artifact, threads: int) -> None:
    with pytest.raises(OptionError, match=f"threads must be from 1 to 1024, not {threads}"):
        Model(tiny_artifact.folder, threads=threads)
