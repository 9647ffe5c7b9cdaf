"""`mmoe-export bench`."""

import json
from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact
from tests.export.cli.conftest import Command

QUICK = ("--prompt-lengths", "8", "--depths", "4", "--decode-tokens", 2, "--rounds", 2, "--threads", 1)


def test_table_and_profile(mmoe: Command, tiny_artifact: Artifact) -> None:
    run = mmoe("bench", tiny_artifact.folder, *QUICK, "--profile")
    assert run.code == 0
    for text in ("| prefill 8 |", "| decode at 4 |", "peak RssAnon", "experts and router", "load average"):
        assert text in run.out
    assert "Measuring" in run.err
    assert "Measuring" not in run.out


def test_comparison_as_json_and_as_a_folder(mmoe: Command, tiny_artifact: Artifact, tmp_path: Path) -> None:
    vs = ("--vs", tiny_artifact.folder, "--out", tmp_path / "report")
    run = mmoe("bench", tiny_artifact.folder, *vs, *QUICK, "-o", "json", "-q")
    data = json.loads(run.out)
    assert json.loads((tmp_path / "report" / "bench.json").read_text(encoding="utf-8")) == data
    assert len(data["models"]) == len(data["ratios"]) == 2
    assert run.err == ""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--depths", "near"), 2, "--depths: 'near' is not a list of numbers such as 128,512"),
        (("--depths", "4000"), 1, "exceed the context of 256 tokens"),
        (("-o", "xml"), 2, "'xml'"),
    ],
)
def test_wrong_usage(
    mmoe: Command, tiny_artifact: Artifact, arguments: tuple[str, ...], code: int, message: str
) -> None:
    run = mmoe("bench", tiny_artifact.folder, *arguments)
    assert run.code == code
    assert message in run.err
    assert run.out == ""
