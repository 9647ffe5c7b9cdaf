"""Tokenizers on which Hugging Face's library panics, ends its process or never ends: one message, in this process."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from mmoe.checkpoints.tokenizer import load_tokenizer
from mmoe.models.architectures.registry import load_config
from tests.export.cli.conftest import Command
from tests.support.checkpoints import write_checkpoint

SOON = 10.0


def changed_tokenizer(folder: Path, parts: dict[str, Any], *, model: dict[str, Any] | None = None) -> None:
    path = folder / "tokenizer.json"
    data = json.loads(path.read_text())
    data["model"].update(model or {})
    path.write_text(json.dumps(data | parts))


def replaced(pattern: dict[str, str], content: str) -> dict[str, object]:
    return {"type": "Replace", "pattern": pattern, "content": content}


def normalizers(*steps: dict[str, object]) -> dict[str, object]:
    return {"normalizer": {"type": "Sequence", "normalizers": list(steps)}}


def split(pattern: str) -> dict[str, object]:
    rule = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return {"pre_tokenizer": rule}


def seconds_of_work() -> float:
    """Of this process and its children on the CPU, so that other work of the machine does not count."""
    return sum(os.times()[:4])


@pytest.mark.parametrize(
    ("parts", "model", "message"),
    [
        pytest.param({}, {"continuing_subword_prefix": "\u00e9" * 4}, "is not a readable", id="panics"),
        pytest.param(
            normalizers({"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
            {},
            "Cannot parse precompiled_charsmap",
            id="panics in a callback",
        ),
        pytest.param(
            normalizers({"type": "Precompiled", "precompiled_charsmap": "/////wAAAAAAAAAA"}),
            {},
            "ends its process",
            id="aborts",
        ),
        pytest.param(
            normalizers(*[replaced({"String": "a"}, "a" * 100)] * 8),
            {},
            "more than 64 bytes of one",
            id="grows without end",
        ),
        pytest.param(
            normalizers({"type": "Prepend", "prepend": "x" * 1_000_000}),
            {},
            "more than 64 bytes of one",
            id="begins with a megabyte",
        ),
        pytest.param(
            normalizers(*[replaced({"String": "a"}, "a" * 100)] * 4, {"type": "StripAccents"}),
            {},
            "ends its process, or does not come to an end",
            id="grows without end, of a kind that only the library has",
            marks=pytest.mark.slow,
        ),
        # Linear in the runtime, exponential in the library.
        pytest.param(split("(?:a|a)+[^a]"), {}, "retry-limit-in-match", id="searches without end"),
        pytest.param(split("("), {}, "unmatched parenthesis", id="is no regular expression"),
    ],
)
def test_a_hostile_tokenizer(
    mmoe: Command, tmp_path: Path, parts: dict[str, Any], model: dict[str, Any], message: str
) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint")
    changed_tokenizer(folder, parts, model=model)
    started = seconds_of_work()
    run = mmoe("convert", folder, "--out", tmp_path / "artifact", "--quiet")
    assert run.code == 1
    # A panic would print a page of Rust before the message.
    assert re.fullmatch(rf"error: \S+tokenizer\.json: [^\n]*{message}[^\n]*\n", run.err), run.err
    assert seconds_of_work() - started < SOON
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_no_module_is_taken_from_the_folder_in_which_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint")
    with (folder / "tokenizer.json").open("a") as file:
        file.write("\n")  # not the text that has passed in this process before
    for name in ("json.py", "tokenizers.py", "resource.py"):
        (folder / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    monkeypatch.chdir(folder)
    load_tokenizer(folder, load_config(folder))
    assert not (tmp_path / "ran").exists()
