"""`mmoe-export bench`."""

import json
import os
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.bench.document import SCHEMA_FILE
from tests.export.cli.conftest import Command

QUICK = ("--prompt-lengths", "8", "--depths", "4", "--decode-tokens", 2, "--rounds", 2, "--threads", 1)


def test_table_and_operators(mmoe: Command, tiny_artifact: Artifact) -> None:
    run = mmoe("bench", tiny_artifact.folder, *QUICK, "--operators")
    assert run.code == 0
    for text in ("| prefill 8 |", "| decode at 4 |", "peak RssAnon", "experts and router", "load average"):
        assert text in run.out
    assert "Measuring" in run.err
    assert "Measuring" not in run.out


def test_comparison_as_json_and_as_files(mmoe: Command, tiny_artifact: Artifact, tmp_path: Path) -> None:
    files = ("-o", tmp_path / "bench.json", "--output", tmp_path / "bench.svg")
    run = mmoe("bench", tiny_artifact.folder, "--vs", tiny_artifact.folder, *files, *QUICK, "--json", "-q")
    data = run.json
    assert json.loads((tmp_path / "bench.json").read_text(encoding="utf-8")) == data
    assert "<svg" in (tmp_path / "bench.svg").read_text(encoding="utf-8")
    Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))).validate(data)
    assert len(data["models"]) == len(data["ratios"]) == 2
    assert run.err == ""


@pytest.mark.parametrize("suffix", ["json", "csv", "md", "svg"])
def test_files_of_an_artifact_whose_folder_is_not_utf_8(
    mmoe: Command, tiny_artifact: Artifact, tmp_path: Path, suffix: str
) -> None:
    folder, target = tmp_path / os.fsdecode(b"art\xff"), tmp_path / f"bench.{suffix}"
    shutil.copytree(tiny_artifact.folder, folder)
    run = mmoe("bench", folder, "-o", target, *QUICK, "-q")
    assert (run.code, run.err) == (0, "")
    assert r"art\udcff" in target.read_text(encoding="utf-8")


def test_an_artifact_for_another_runtime_is_refused_at_once(mmoe: Command, artifact_copy: Artifact) -> None:
    path = artifact_copy.folder / "mmoe.json"
    path.write_text(
        path.read_text(encoding="utf-8").replace('"name": "xnnpack"', '"name": "mlx"'), encoding="utf-8"
    )
    for arguments in (("bench",), ("generate", "--prompt", "a"), ("profile",)):
        run = mmoe(arguments[0], artifact_copy.folder, *arguments[1:], "--quiet")
        assert run.code == 1
        assert "does not run in libmmoe" in run.err
        assert len(run.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--depths", "near"), 2, "--depths: 'near' is not a list of numbers such as 128,512"),
        (("--depths", "4000"), 1, "exceed the context of 256 tokens"),
        (("--format", "xml"), 2, "'xml'"),
        (("--format", "csv", "--json"), 2, "give --json or --format, not both"),
        (("-o", "bench.xml"), 1, "bench.xml: its suffix is none of md, csv, json, png, svg"),
        (("--rounds", "0"), 2, "'--rounds'"),
    ],
)
def test_wrong_usage(
    mmoe: Command, tiny_artifact: Artifact, arguments: tuple[str, ...], code: int, message: str
) -> None:
    run = mmoe("bench", tiny_artifact.folder, *arguments)
    assert run.code == code
    assert message in run.err
    assert run.out == "" or run.json == {"schema_version": 1, "error": message}
