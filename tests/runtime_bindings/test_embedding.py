"""What an app asks of a model beside text: how far loading is, a warm-up, and what a session will take."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.progress import LoadProgress, LoadStage
from mmoe.runtime_bindings.python.session import Session
from tests.support.state_kinds import STATE_KINDS, artifact_with

PAGE = 4096
STEP = 8 << 20


@pytest.fixture(scope="module")
def model(demo_artifact: Artifact) -> Iterator[Model]:
    with Model(demo_artifact.folder) as opened:
        yield opened


def stages(told: list[LoadProgress]) -> list[LoadStage]:
    """In their order; of each the first is 0 of its total, the last all of it, and none goes back."""
    order = list(dict.fromkeys(each.stage for each in told))
    for stage in order:
        done = [each.done for each in told if each.stage is stage]
        (total,) = {each.total for each in told if each.stage is stage}
        assert (done[0], done[-1]) == (0, total)
        assert done == sorted(done)
    return order


def with_large_file(artifact: Artifact, folder: Path, size: int) -> Path:
    """The artifact with one more file of so many bytes."""
    shutil.copytree(artifact.folder, folder)
    content = bytes(range(251)) * (size // 251 + 1)
    (folder / "more.bin").write_bytes(content[:size])
    manifest = json.loads((folder / "mmoe.json").read_text())
    digest = hashlib.sha256(content[:size]).hexdigest()
    manifest["files"]["more.bin"] = {"bytes": size, "sha256": digest}
    (folder / "mmoe.json").write_text(json.dumps(manifest))
    return folder


def test_opening_tells_its_stages(demo_artifact: Artifact) -> None:
    told: list[LoadProgress] = []
    Model(demo_artifact.folder, on_progress=told.append).close()
    assert stages(told) == [LoadStage.TOKENIZER, LoadStage.PROGRAM]
    assert {each.total for each in told} == {1}


def test_checksums_are_told_by_the_bytes_of_all_files(demo_artifact: Artifact, tmp_path: Path) -> None:
    told: list[LoadProgress] = []
    folder = with_large_file(demo_artifact, tmp_path / "artifact", 2 * STEP + 100)
    Model(folder, verify_checksums=True, on_progress=told.append).close()
    assert stages(told) == [LoadStage.CHECKSUMS, LoadStage.TOKENIZER, LoadStage.PROGRAM]
    sums = [each for each in told if each.stage is LoadStage.CHECKSUMS]
    listed = json.loads((folder / "mmoe.json").read_text())["files"]
    assert sums[0].total == sum((folder / name).stat().st_size for name in listed)
    assert len(sums) == 2 + sum(-(-(folder / name).stat().st_size // STEP) - 1 for name in listed)


@pytest.mark.parametrize("stage", [LoadStage.CHECKSUMS, LoadStage.PROGRAM])
def test_an_exception_ends_the_opening(demo_artifact: Artifact, stage: LoadStage) -> None:
    told: list[LoadProgress] = []

    def tell(progress: LoadProgress) -> None:
        told.append(progress)
        if progress.stage is stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Model(demo_artifact.folder, verify_checksums=True, on_progress=tell)
    assert [each.stage for each in told].count(stage) == 1
    Model(demo_artifact.folder).close()


def test_another_failure_stays_what_it_is(demo_artifact: Artifact, tmp_path: Path) -> None:
    folder = with_large_file(demo_artifact, tmp_path / "artifact", 100)
    (folder / "more.bin").write_bytes(bytes(100))
    told: list[LoadProgress] = []
    with pytest.raises(CoreFailure, match="SHA-256") as refusal:
        Model(folder, verify_checksums=True, on_progress=told.append)
    assert refusal.value.status is Status.CORRUPT
    assert told[-1].done < told[-1].total


def test_a_warm_up_tells_the_bytes_of_the_program(model: Model) -> None:
    told: list[LoadProgress] = []
    model.warm_up(told.append)
    assert stages(told) == [LoadStage.WEIGHTS, LoadStage.FIRST_CALL]
    assert told[0].total == model.info.program_bytes

    def refuse(_: LoadProgress) -> None:
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        model.warm_up(refuse)


def test_a_warm_up_changes_no_text(demo_artifact: Artifact) -> None:
    texts = []
    for warm in (False, True):
        with Model(demo_artifact.folder) as opened:
            if warm:
                opened.warm_up()
            texts.append("".join(opened.generate("In the beginning", max_new_tokens=20)))
    assert texts[0] == texts[1]


_FIRST_ANSWER = """
import sys
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.records import memory
with Model(sys.argv[1]) as model:
    if sys.argv[2] == "warm":
        model.warm_up()
    before = memory().file_bytes
    "".join(model.generate("In the beginning", max_new_tokens=20))
    print(model.info.program_bytes, before, memory().file_bytes)
"""


def test_behind_a_warm_up_an_answer_reads_next_to_nothing(demo_artifact: Artifact) -> None:
    """By the mapped pages of files in a process of its own; without it the answer reads the weights that it uses."""
    read = {}
    for how in ("cold", "warm"):
        command = [sys.executable, "-c", _FIRST_ANSWER, str(demo_artifact.folder), how]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        program_bytes, before, after = map(int, output.split())
        read[how] = after - before
    assert read["cold"] > program_bytes / 2
    assert read["warm"] < program_bytes / 20


def mapped_bytes() -> int:
    """Of the process's private mappings without a file."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    ranges = [line.split()[0].split("-") for line in lines if re.fullmatch(r"\S+ rw-p 0+ 00:00 0\s*", line)]
    return sum(int(end, 16) - int(begin, 16) for begin, end in ranges)


def check_prediction(folder: Path) -> int:
    """That a session maps what was predicted; returns the bytes of a full context's caches."""
    with Model(folder) as opened:
        predicted = opened.session_memory()
        with Session(opened):  # what the first one makes for all
            before = mapped_bytes()
            with Session(opened):
                mapped = mapped_bytes() - before
        # Each of its two buffers ends with a page that it fills in part.
        assert 0 <= mapped - predicted.planned_bytes < 2 * PAGE
        context = opened.info.max_context_len
        assert predicted.cache_bytes <= predicted.planned_bytes
        assert opened.session_memory(context) == predicted
        assert opened.session_memory(0).cache_bytes == 0
        return predicted.cache_bytes


def test_a_session_maps_what_was_predicted(demo_artifact: Artifact) -> None:
    check_prediction(demo_artifact.folder)


_HEADS, _WIDTH = 2, 16
_WINDOW_ROWS = 2 * 1024 + 2 * 256  # of two layers with the whole context and two with rings
# Keys and values; a scale for each head's row of int8. Its keys lie in blocks of 16 rows: 608 for 600.
_CACHE_BYTES = {
    "float32 windows": _WINDOW_ROWS * _HEADS * 2 * _WIDTH * 4,
    "float16 windows": _WINDOW_ROWS * _HEADS * 2 * _WIDTH * 2,
    "int8 windows": _WINDOW_ROWS * _HEADS * 2 * (_WIDTH + 4),
    "convolutions": _HEADS * ((608 + 600) * _WIDTH + 600 * 2 * 4) + 2 * 256 * 64 * 4,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", STATE_KINDS)
def test_with_every_kind_of_state(kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Caches of each dtype with windows, and one with the rings of two convolutions over 64 channels."""
    artifact = artifact_with(kind, tmp_path_factory)
    assert check_prediction(artifact.folder) == _CACHE_BYTES[kind]


def test_more_tokens_than_the_context_holds_are_refused(model: Model) -> None:
    with pytest.raises(CoreFailure, match="max_context_len"):
        model.session_memory(model.info.max_context_len + 1)
    with pytest.raises(CoreFailure, match="max_context_len"):
        model.session_memory(-2)
