"""`mmoe-export profile`."""

import json
import os
import shutil
from pathlib import Path

from mmoe.checkpoints.tokenizer import load_tokenizer
from mmoe.export.artifact.artifact import Artifact
from tests.export.cli.conftest import Command


def test_page_and_json(mmoe: Command, tiny_artifact: Artifact, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    run = mmoe("profile", tiny_artifact.folder, "--tokens", 20, "--threads", 1, "--out", page, "--json", "-q")
    assert run.code == 0
    assert [text["kind"] for text in run.json["texts"]] == ["real", "templated"]
    assert run.json["texts"][0]["tokens"] == 20
    assert run.err == ""
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    run = mmoe("profile", tiny_artifact.folder, "--tokens", 20, "--threads", 1, "--out", page)
    assert "real: 20 tokens used" in run.out
    assert "templated: 20 tokens used" in run.out


def test_a_folder_that_is_not_utf_8(mmoe: Command, tiny_artifact: Artifact, tmp_path: Path) -> None:
    folder, page = tmp_path / os.fsdecode(b"art\xff"), tmp_path / "page.html"
    shutil.copytree(tiny_artifact.folder, folder)
    run = mmoe("profile", folder, "--tokens", 20, "--threads", 1, "--out", page, "--json", "-q")
    assert (run.code, run.err) == (0, "")
    assert run.json["name"] == str(folder)
    assert r"art\udcff" in page.read_text(encoding="utf-8")


def test_missing_prompts(mmoe: Command, tiny_artifact: Artifact, tmp_path: Path) -> None:
    run = mmoe("profile", tiny_artifact.folder, "--prompts", tmp_path / "none.txt")
    assert run.code == 1
    assert "none.txt: cannot be read" in run.err


def test_lines_end_at_newlines_only(mmoe: Command, tiny_artifact: Artifact, tmp_path: Path) -> None:
    prompts = [
        "In the beginning\u2028God\u2029created",
        "And the earth\x85was\x0bwithout\x1cform",
        "and void",
    ]
    lines = [json.dumps({"prompt": prompt}, ensure_ascii=False) for prompt in prompts]
    (tmp_path / "prompts.jsonl").write_bytes("\r\n".join([*lines, ""]).encode())
    arguments = ("--prompts", tmp_path / "prompts.jsonl", "--tokens", 1000, "--threads", 1)
    run = mmoe("profile", tiny_artifact.folder, *arguments, "--out", tmp_path / "page.html", "--json", "-q")
    assert run.code == 0
    tokenizer = load_tokenizer(tiny_artifact.folder, tiny_artifact.config)
    assert run.json["texts"][0]["tokens"] == sum(len(tokenizer.encode(prompt)) for prompt in prompts)
