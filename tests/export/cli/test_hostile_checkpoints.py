"""Checkpoints that somebody prepared: refused in one message before the work, and nothing of the user's is touched."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.tokenizer import load_tokenizer
from mmoe.export.convert.carried import carried_files, licence
from mmoe.models.architectures.registry import load_config
from tests.export.cli.conftest import Command
from tests.support.checkpoints import write_checkpoint

INDEX = "model.safetensors.index.json"
SOON = 10.0  # of this process, since other tests run beside it
DEEP = "[" * 100_000 + "]" * 100_000
Spoil = Callable[[Path], None]


def edited(name: str, **changes: object) -> Spoil:
    def spoil(folder: Path) -> None:
        path = folder / name
        data = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(data | changes))

    return spoil


def inserted(name: str, text: str) -> Spoil:
    """Adds a key that has the given JSON text as its value."""

    def spoil(folder: Path) -> None:
        path = folder / name
        rest = path.read_text().lstrip()[1:] if path.exists() else "}"
        path.write_text('{"x": ' + text + (", " if rest.strip() != "}" else "") + rest)

    return spoil


def shard_named(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / INDEX).write_text(json.dumps({"weight_map": {"a": name}}))

    return spoil


def many_shards(folder: Path) -> None:
    names = {f"tensor{index}": f"model-{index}.safetensors" for index in range(200_000)}
    (folder / INDEX).write_text(json.dumps({"weight_map": names}))
    (folder / "model.safetensors").unlink()


def many_tensors(folder: Path) -> None:
    """200,000 tensors without a byte, none of which the config promises."""
    entry = {"dtype": "BF16", "shape": [0], "data_offsets": [0, 0]}
    header = json.dumps({f"model.layers.{index}.x": entry for index in range(200_000)}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)


def replaced_by_folder(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).mkdir()

    return spoil


def replaced_by_pipe(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)

    return spoil


def linked_out(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        private = folder.parent / "private.txt"
        text = (folder / name).read_bytes() if (folder / name).exists() else b"a secret"
        private.write_bytes(text)
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(private)

    return spoil


JSON_FILES = ("config.json", "tokenizer_config.json", "generation_config.json", INDEX)
READ_FILES = (*JSON_FILES, "tokenizer.json", "chat_template.jinja", "model.safetensors", "LICENSE")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        *[
            pytest.param(inserted(name, text), f"{name}: .*{message}", id=f"{kind} {name}")
            for name in JSON_FILES
            for kind, text, message in (
                ("deep", DEEP, "nested more than 100 deep"),
                ("400 digits", "1" * 400, "an integer of 400 digits"),
                ("5000 digits", "1" * 5000, "an integer of 5,000 digits"),
                ("surrogate", r'"\ud800"', "half of a surrogate pair"),
            )
        ],
        *[
            pytest.param(replace(name), f"{name}: .*{message}", id=f"{replace.__name__} {name}")
            for name in READ_FILES
            for replace, message in (
                (replaced_by_folder, "is a folder, not a file"),
                (replaced_by_pipe, "not a regular file"),
            )
        ],
        pytest.param(
            inserted("tokenizer.json", DEEP), "tokenizer.json: is not a readable", id="deep tokenizer"
        ),
        *[
            pytest.param(shard_named(name), "which is not a file name", id=f"shard {name[:12]!r}")
            for name in ("", ".", "..", "/etc/passwd", "a/b.safetensors", "x" * 300, "a\0b")
        ],
        pytest.param(many_shards, "names 200,000 files", id="200,000 shards"),
        pytest.param(many_tensors, "unexpected: model.layers", id="200,000 tensors"),
        pytest.param(linked_out("LICENSE"), "LICENSE: is a link out of the checkpoint", id="link LICENSE"),
        pytest.param(linked_out("tokenizer.json"), "is a link out of the checkpoint", id="link tokenizer"),
        pytest.param(edited("config.json", num_hidden_layers=10**9), "at most 2000", id="10**9 layers"),
        pytest.param(
            edited("config.json", num_local_experts=10**300), "at most 2147483647", id="10**300 experts"
        ),
        pytest.param(edited("config.json", vocab_size=2**40), "at most 2147483647", id="2**40 tokens"),
    ],
)
def test_a_hostile_checkpoint(mmoe: Command, tmp_path: Path, spoil: Spoil, message: str) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint")
    spoil(folder)
    before, started = sorted(tmp_path.iterdir()), time.process_time()
    run = mmoe("convert", folder, "--out", tmp_path / "artifact", "--quiet")
    assert run.code == 1
    assert run.err.count("error:") == 1
    assert "Traceback" not in run.err
    assert re.search(message, run.err, flags=re.DOTALL), run.err[:1000]
    assert time.process_time() - started < SOON
    assert sorted(tmp_path.iterdir()) == before


def test_links_into_the_hubs_blobs_are_the_checkpoints_own(tmp_path: Path) -> None:
    repository = tmp_path / "models--owner--name"
    snapshot = write_checkpoint(repository / "snapshots" / ("0" * 40))
    (snapshot / "LICENSE").write_text("free")
    (snapshot / "README.md").write_text("---\nlicense: mit\n---\n")
    (repository / "blobs").mkdir()
    for path in list(snapshot.iterdir()):
        path.rename(repository / "blobs" / path.name)
        path.symlink_to(Path("..") / ".." / "blobs" / path.name)
    tokenizer = load_tokenizer(snapshot, load_config(snapshot))
    assert carried_files(snapshot, tokenizer)["LICENSE"] == b"free"
    assert licence(snapshot) == "mit"
    (repository / "private").write_text("a secret")
    (snapshot / "LICENSE").unlink()
    (snapshot / "LICENSE").symlink_to("../../private")
    with pytest.raises(CheckpointError, match="link out of the checkpoint"):
        carried_files(snapshot, tokenizer)


@pytest.mark.parametrize("out", ["x" * 300, "file/artifact", "y" * 5000])
@pytest.mark.parametrize("flags", [(), ("--dry-run",)])
def test_a_place_that_the_system_refuses(
    mmoe: Command, tmp_path: Path, tiny_checkpoint: Path, out: str, flags: tuple[str, ...]
) -> None:
    (tmp_path / "file").touch()
    run = mmoe("convert", tiny_checkpoint, "--out", tmp_path / out, "--quiet", *flags)
    assert run.code == 1
    assert run.err.count("error:") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("source", ["a\0b", "x" * 5000, "~no-such-user-here/checkpoint"])
@pytest.mark.parametrize("verb", ["convert", "inspect"])
def test_a_source_that_is_no_path(mmoe: Command, source: str, verb: str) -> None:
    run = mmoe(verb, source)
    assert run.code == 1
    assert run.err.count("error:") == 1


def test_a_dry_run_touches_nothing(mmoe: Command, tmp_path: Path, tiny_checkpoint: Path) -> None:
    for name in (".S.my-photos.old", ".S.deadbeef.partial", ".quantised-deadbeef", ".S.deadbeef.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "photo.jpg").write_bytes(b"a summer")
    before = sorted(tmp_path.rglob("*"))
    assert mmoe("convert", tiny_checkpoint, "--out", tmp_path / "S", "--dry-run").code == 0
    assert mmoe("convert", tiny_checkpoint, "--out", tmp_path / "new" / "S", "--dry-run").code == 0
    assert sorted(tmp_path.rglob("*")) == before
