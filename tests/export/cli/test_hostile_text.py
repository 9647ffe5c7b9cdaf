"""What a stranger's files say never moves a terminal's cursor, and never becomes part of a page's structure."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.card import render_model_card
from mmoe.export.artifact.manifest import Manifest
from mmoe.export.cli.ui.console import SafeConsole
from mmoe.export.cli.ui.tables import field_table
from mmoe.export.cli.ui.visible import visible, visible_json
from mmoe.export.expert_usage.svg import Series, line_chart
from mmoe.models.architectures.registry import parse_config
from tests.export.cli.conftest import Command
from tests.support.checkpoints import checkpoint_config, random_tensors, write_checkpoint, write_tensors

CLEAR = "\x1b[2J"
RAW = ("\x1b", "\x9b", "\x07", "\u202e")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (CLEAR, "\\x1b[2J"),
        ("a\tb\nc", "a\tb\nc"),
        ("\x9b31m\x7f\r", "\\x9b31m\\x7f\\x0d"),
        ("abc\u202edcb", "abc\\u202edcb"),
        ("\udc80", "\\udc80"),
        ("caf\u00e9 \U0001f600", "caf\u00e9 \U0001f600"),
    ],
)
def test_what_is_unsafe_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_json_stays_the_same_document() -> None:
    document = {"a\x9b": ["\x1b", "\x7f", "\u202e", "\ud800", "\u00e9"]}
    text = visible_json(json.dumps(document, ensure_ascii=False))
    assert visible(text) == text
    assert json.loads(text) == document


def test_a_table_shows_escapes_and_takes_no_text_for_markup(capsys: pytest.CaptureFixture[str]) -> None:
    SafeConsole(width=100).print(
        field_table({f"name{CLEAR}": "[/x] [red]red[/red]\x9b"}, title=f"title{CLEAR}")
    )
    out = capsys.readouterr().out
    assert not any(character in out for character in RAW)
    assert "name\\x1b[2J" in out
    assert "title\\x1b[2J" in out
    assert "[/x] [red]red[/red]\\x9b" in out


def test_names_of_tensors(tmp_path: Path, mmoe: Command) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint")
    tensors = random_tensors(parse_config(checkpoint_config(), where="the test's config"))
    write_tensors(folder, tensors | {f"extra{CLEAR}\x9b": torch.zeros(1)})
    run = mmoe("convert", folder, "--out", tmp_path / "artifact", "--dry-run")
    assert run.code == 1
    assert "a tensor's name is 'extra\\x1b[2J\\x9b', which is no name for one" in run.err
    assert not any(character in run.err for character in RAW)


def test_names_of_shards(tmp_path: Path, mmoe: Command) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint", shards=2)
    path = folder / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    index["weight_map"][next(iter(index["weight_map"]))] = f"model{CLEAR}.safetensors"
    path.write_text(json.dumps(index))
    run = mmoe("convert", folder, "--out", tmp_path / "artifact", "--dry-run", "--json")
    assert run.code == 1
    assert "'model\\x1b[2J.safetensors', which is not a file name" in run.err
    assert "model\\x1b[2J" in run.json["error"]
    assert not any(character in run.err + run.out for character in RAW)


def hostile_manifest(artifact: Artifact) -> None:
    path = artifact.folder / "mmoe.json"
    data = json.loads(path.read_text())
    data["source"] = {
        "id": f"evil{CLEAR}/`x`|<script>alert(1)</script>\n# heading",
        "revision": "a" * 40,
        "licence": "MIT\u202e](javascript:alert(1)) | <b>",
    }
    data["versions"][f"torch{CLEAR}"] = "\x9b2J"
    path.write_text(json.dumps(data))


def test_a_manifest(artifact_copy: Artifact, mmoe: Command) -> None:
    hostile_manifest(artifact_copy)
    run = mmoe("inspect", artifact_copy.folder)
    assert run.code == 0
    assert "evil\\x1b[2J" in run.out
    assert not any(character in run.out + run.err for character in RAW)


def test_a_model_card_quotes(artifact_copy: Artifact) -> None:
    hostile_manifest(artifact_copy)
    text = (artifact_copy.folder / "mmoe.json").read_text()
    card = render_model_card(Manifest.from_json_text(text, where="mmoe.json"))
    assert not any(character in card for character in RAW)
    front_matter, body = card.removeprefix("---\n").split("\n---\n", 1)
    assert [line.split(":")[0] for line in front_matter.splitlines()] == [
        "library_name",
        "base_model",
        "base_model_relation",
        "license",
        "license_name",
        "pipeline_tag",
        "tags",
    ]
    assert 'license_name: "mit-javascript-alert-1-b"' in front_matter.splitlines()
    assert json.loads(front_matter.splitlines()[1].removeprefix("base_model: ")).startswith("evil")
    assert "\n# heading" not in body
    assert "](javascript" not in body
    # HTML may stand in code only, where Markdown takes it for text.
    assert "<script>" not in "".join(body.split("`")[::2])
    row = next(line for line in body.splitlines() if line.startswith("| source |"))
    assert row.count("|") == 3


def test_a_page_escapes_the_names_of_its_lines() -> None:
    hostile = '"><script>alert(1)</script>'
    page = line_chart([Series(hostile, hostile, [(1, 1.0)])], x_label=hostile, y_label=hostile, top=1.0)
    # Parsed, and not searched: the whole of it is one well-formed element without another inside by that name.
    names = {element.tag for element in ElementTree.fromstring(page).iter()}
    assert names <= {"svg", "line", "text", "polyline", "circle", "title"}
