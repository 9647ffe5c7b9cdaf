"""Checkpoints that somebody prepared: refused in one message before the work, and nothing of the user's is touched."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.tokenizer import load_tokenizer
from mmoe.export.convert.carried import carried_files, licence, require_own_files
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
        text = (folder / name).read_bytes() if (folder / name).exists() else b'{"a": "secret"}'
        private.write_bytes(text)
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(private)

    return spoil


def linked_folder(folder: Path) -> None:
    (folder.parent / "prompts").mkdir()
    (folder.parent / "prompts" / "secret.jinja").write_text("a secret")
    (folder / "additional_chat_templates").symlink_to(folder.parent / "prompts")


def larger_than(name: str) -> Spoil:
    """Holes take no room on the disk, nor in an archive."""

    def spoil(folder: Path) -> None:
        with (folder / name).open("ab") as file:
            file.truncate((128 << 20) + 1)

    return spoil


def long_template(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("x" * 300_000)


def tensor_named(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        save_file({name: torch.zeros(1)}, folder / "model.safetensors")

    return spoil


JSON_FILES = ("config.json", "tokenizer_config.json", "generation_config.json", INDEX)
TEXTS = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json",
         "chat_template.jinja", "chat_template.json", "LICENSE", "LICENSE.txt")  # fmt: skip
READ_FILES = (*JSON_FILES, "tokenizer.json", "chat_template.jinja", "model.safetensors", "LICENSE")


@pytest.mark.slow
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
        pytest.param(many_shards, "names 200,000 files", id="200,000 shards", marks=pytest.mark.slow),
        pytest.param(many_tensors, "unexpected: model.layers", id="200,000 tensors", marks=pytest.mark.slow),
        *[
            pytest.param(linked_out(name), f"{name}: is a link out of the checkpoint", id=f"link {name}")
            for name in TEXTS
        ],
        pytest.param(linked_folder, "templates: is a link out of the checkpoint", id="link to a folder"),
        *[
            pytest.param(larger_than(name), f"{name}: .*is larger than 128 MiB", id=f"large {name}")
            for name in (*JSON_FILES, "tokenizer.json", "chat_template.jinja", "LICENSE")
        ],
        pytest.param(long_template, "a chat template of 300,000 characters", id="long template"),
        pytest.param(tensor_named("a\nnote: b"), r"a tensor's name is 'a\\nnote: b'", id="two lines"),
        pytest.param(tensor_named("x" * 10**6), "a tensor's name is 'xxx", id="name of a megabyte"),
        pytest.param(
            edited("config.json", eos_token_id=[1] * 10**6), "at most 1000 token ids", id="10**6 ends"
        ),
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
    require_own_files(snapshot)
    (repository / "private").write_text("a secret")
    (snapshot / "LICENSE").unlink()
    (snapshot / "LICENSE").symlink_to("../../private")
    with pytest.raises(CheckpointError, match="link out of the checkpoint"):
        require_own_files(snapshot)
    # Blobs are the repository's only if they are there, and not behind another link.
    (repository / "blobs").rename(repository / "elsewhere")
    (repository / "blobs").symlink_to(repository / "elsewhere")
    with pytest.raises(CheckpointError, match="link out of the checkpoint"):
        require_own_files(snapshot)


def test_the_licence_of_a_card_behind_a_link_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "private.md").write_text("---\nlicense: a secret\n---\n")
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "README.md").symlink_to(tmp_path / "private.md")
    assert licence(folder) is None


def test_weights_behind_a_link_are_told(mmoe: Command, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint")
    linked_out("model.safetensors")(folder)
    run = mmoe("convert", folder, "--out", tmp_path / "artifact", "--dry-run")
    assert run.code == 0
    assert f"note: {folder / 'model.safetensors'} is a link to {tmp_path / 'private.txt'}" in run.err


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
