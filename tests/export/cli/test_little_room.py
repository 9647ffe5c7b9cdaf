"""Every command that writes, on a disk that is full, and conversions with little memory and few files: one message."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact
from tests.export.cli.test_bad_input import assert_single_message
from tests.support.little_room import run_limited, run_on_full_disk

SHORT = ("--quiet", "--max-tokens", "32")
# ARTIFACT, CHECKPOINT and PLACE stand for folders; PLACE is on the full disk.
WRITERS = {
    "convert": ("convert", "CHECKPOINT", "--out", "PLACE/new/artifact", "--quiet"),
    "verify": ("verify", "ARTIFACT", "--checkpoint", "CHECKPOINT", "--report", "PLACE/report.json", *SHORT),
    "bench": ("bench", "ARTIFACT", "--prompt-lengths", "8", "--depths", "8", "--decode-tokens", "1",
              "--rounds", "1", "--quiet", "--output", "PLACE/new/bench.md"),
    "profile": ("profile", "ARTIFACT", "--tokens", "8", "--quiet", "--out", "PLACE/profile.html"),
    "synthesize": ("synthesize", "--size", "CHECKPOINT", "--out", "PLACE/new/synthetic", "--quiet"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("verb", WRITERS)
def test_a_full_disk(tiny_artifact: Artifact, tiny_checkpoint: Path, tmp_path: Path, verb: str) -> None:
    place = tmp_path / "place"
    place.mkdir()
    folders = {"ARTIFACT": tiny_artifact.folder, "CHECKPOINT": tiny_checkpoint, "PLACE": place}
    arguments = []
    for word in WRITERS[verb]:
        name, slash, rest = word.partition("/")
        arguments.append(f"{folders.get(name, name)}{slash}{rest}")
    ended = run_on_full_disk(place, *arguments)
    assert ended.returncode == 1, ended
    assert_single_message(ended.stderr, "the disk is full|bytes are free|are free on this disk")
    assert ended.stdout.splitlines()[-1] == "filler"
    assert "new" not in ended.stdout.splitlines()


@pytest.mark.slow
def test_a_record_that_does_not_fit_leaves_the_artifact_as_it_was(
    tiny_artifact: Artifact, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_artifact.folder, tmp_path / "artifact")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    ended = run_limited("-f 1", "verify", folder, "--checkpoint", tiny_checkpoint, "--record", *SHORT)
    assert ended.returncode == 1
    assert_single_message(ended.stderr, "artifact: a file became too large.*ulimit -f")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "cure"),
    [
        ("-v 300000", "ulimit -v"),  # the libraries do not fit
        ("-v 970000", "ulimit -v"),  # just not
        ("-v 980000", "ulimit -v"),  # nor does the work
        pytest.param("-n 6", "ulimit -n", marks=pytest.mark.extended),
        ("-n 9", "ulimit -n"),
    ],
)
def test_little_room_for_a_conversion(tiny_checkpoint: Path, tmp_path: Path, limit: str, cure: str) -> None:
    ended = run_limited(limit, "convert", tiny_checkpoint, "--out", tmp_path / "new" / "artifact", "--quiet")
    assert ended.returncode == 1, ended
    assert_single_message(ended.stderr, cure)
    assert list(tmp_path.iterdir()) == []
