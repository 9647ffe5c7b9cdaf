"""The command with standard streams that are full, closed or left by their reader: one message, no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact
from tests.support.subprocesses import PROGRAM

VERBS = (
    ("inspect", "ARTIFACT"),
    ("inspect", "ARTIFACT", "--json"),
    ("generate", "ARTIFACT", "--prompt", "abc", "--max-new-tokens", "8"),
    ("--help",),
)


def run(verb: tuple[str, ...], artifact: Artifact, redirection: str) -> subprocess.CompletedProcess[str]:
    """Runs the command in a shell that redirects its streams."""
    given = [str(artifact.folder) if word == "ARTIFACT" else word for word in verb]
    return subprocess.run(
        ["bash", "-c", f'set -o pipefail; "$@" {redirection}', "bash", sys.executable, "-c", PROGRAM, *given],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        # As a service starts it, whatever this terminal is like.
        env={name: value for name, value in os.environ.items() if name not in ("TERM", "COLUMNS")},
    )


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_a_full_disk_behind_stdout(tiny_artifact: Artifact, verb: tuple[str, ...]) -> None:
    ended = run(verb, tiny_artifact, "> /dev/full")
    assert ended.returncode == 1
    assert ended.stderr.count("error:") == 1
    assert "No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_failure_whose_json_cannot_be_written(tiny_artifact: Artifact) -> None:
    ended = run(("nonsense", "--json"), tiny_artifact, "> /dev/full")
    assert ended.returncode == 2
    assert "error: No such command 'nonsense'." in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_a_reader_that_has_gone(tiny_artifact: Artifact, verb: tuple[str, ...]) -> None:
    ended = run(verb, tiny_artifact, "| true")
    assert ended.returncode in (0, 1)
    assert "Error" not in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(tiny_artifact: Artifact, verb: tuple[str, ...], closed: str) -> None:
    ended = run(verb, tiny_artifact, closed)
    assert (ended.returncode, ended.stderr.count("Traceback")) == (0, 0), ended


@pytest.mark.slow
def test_what_a_library_prints_does_not_land_in_the_artifact(
    tiny_artifact: Artifact, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    verb = ("convert", str(tiny_checkpoint), "--out", str(tmp_path / "artifact"))
    ended = run(verb, tiny_artifact, "<&- >&- 2>&-")
    assert ended.returncode == 0
    written = tmp_path / "artifact" / "model.pte"
    assert written.read_bytes() == tiny_artifact.model_path.read_bytes()


@pytest.mark.slow
def test_an_error_is_one_message_whatever_it_quotes(tmp_path: Path) -> None:
    (tmp_path / "a\nerror: another").write_text("")
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, "inspect", str(tmp_path / "a\nerror: another"), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert [line for line in ended.stderr.splitlines() if not line.startswith("  ")] == [
        f"error: {tmp_path}{os.sep}a"
    ]
    assert "\nerror: another" in json.loads(ended.stdout)["error"]
