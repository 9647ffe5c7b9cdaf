"""A folder is refused before the work or converted: `--dry-run` says which, and nothing is written but an artifact."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mmoe.export.convert.convert import ConvertOptions, convert, dry_run
from mmoe.export.convert.quantize_option import Quantize
from mmoe.runtime_bindings.python.errors import MmoeError
from tests.support.users_folders import FOLDERS, UsersFolder, edit, edit_tensors, single_experts

SOON = 10.0  # of this process, since other tests run beside it
TEMPLATES = "additional_chat_templates"


def options_of(kind: UsersFolder) -> ConvertOptions:
    quantize = Quantize.INT4_G32 if kind.unpacked else None
    return ConvertOptions(quantize=quantize, **kind.options)


@pytest.fixture
def plain(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[UsersFolder], Path]:
    """Makes a kind's folder of the tiny checkpoint."""

    def make(kind: UsersFolder) -> Path:
        source = request.getfixturevalue("unpacked_checkpoint" if kind.unpacked else "tiny_checkpoint")
        folder = Path(shutil.copytree(source, tmp_path / "checkpoint"))
        kind.change(folder)
        return folder

    return make


@pytest.mark.parametrize("name", FOLDERS)
def test_a_users_folder_is_accepted(tmp_path: Path, plain: Callable[[UsersFolder], Path], name: str) -> None:
    folder = plain(FOLDERS[name])
    dry_run(folder, tmp_path / "artifact", options=options_of(FOLDERS[name]))
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def sparse(name: str) -> Callable[[Path], None]:
    """A file of 20 GiB that takes no room."""

    def change(folder: Path) -> None:
        with open(folder / name, "wb") as file:
            file.truncate(20 << 30)

    return change


def card(make: Callable[[Path], object]) -> UsersFolder:
    """A model card that is none."""
    return UsersFolder(lambda folder: make(folder / "README.md"))


@pytest.mark.parametrize(
    "kind",
    [
        card(Path.mkdir),
        card(lambda path: path.symlink_to("nowhere")),
        card(lambda path: path.symlink_to(path.name)),
        card(os.mkfifo),
        card(lambda path: sparse(path.name)(path.parent)),
        card(lambda path: path.write_bytes(b"---\nlicense: [mit\n")),
        card(lambda path: path.write_bytes("\ufeff---\r\nlicense: mit\r\n---\r\n".encode("utf-16"))),
    ],
)
def test_a_model_card_is_decoration(
    tmp_path: Path, plain: Callable[[UsersFolder], Path], kind: UsersFolder
) -> None:
    dry_run(plain(kind), tmp_path / "artifact")


def tensors(
    change: Callable[[dict[str, Tensor]], dict[str, Tensor]], *, unpacked: bool = True
) -> UsersFolder:
    return UsersFolder(lambda folder: edit_tensors(folder, change), unpacked=unpacked)


def without_one_expert(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    single = single_experts(weights)
    del single["model.layers.0.feed_forward.experts.3.up_proj.weight"]
    return single


def additional(make: Callable[[Path], object], template: str | None = None) -> UsersFolder:
    """Something in the folder of further templates."""

    def change(folder: Path) -> None:
        (folder / TEMPLATES).mkdir()
        make(folder / TEMPLATES / "rag.jinja")

    return UsersFolder(change, options={"template": template})


def settings(name: str, text: bytes) -> UsersFolder:
    return UsersFolder(lambda folder: (folder / name).write_bytes(text))


REFUSED = {
    "a missing expert": (tensors(without_one_expert), r"missing: .*experts\.3\.up_proj\.weight"),
    "only the tied head": (
        tensors(
            lambda weights: {name.replace("model.embed_tokens", "lm_head"): w for name, w in weights.items()}
        ),
        r"missing: model\.embed_tokens\.weight",
    ),
    "float64": (
        tensors(lambda weights: {name: weight.double() for name, weight in weights.items()}),
        "wrong type: .* is F64",
    ),
    "weights beyond int4": (
        tensors(lambda weights: {name: weight.float() * 1e30 for name, weight in weights.items()}),
        "float16 scale holds 458528 at most",
    ),
    "a negative scale": (
        tensors(
            lambda parts: {name: -p if name.endswith("scale") else p for name, p in parts.items()},
            unpacked=False,
        ),
        "a scale is -",
    ),
    "not a number": (
        tensors(lambda weights: weights | {"model.norm.weight": torch.full((64,), torch.nan)}),
        r"model\.norm\.weight\[0\]: a value is nan",
    ),
    "named templates without a default": (
        UsersFolder(
            lambda folder: (
                (folder / "chat_template.jinja").unlink(),
                edit(
                    folder / "tokenizer_config.json",
                    chat_template=[{"name": "rag", "template": "x"}, {"name": "tools", "template": "y"}],
                ),
            )
        ),
        "choose with --template NAME: rag, tools",
    ),
    "no template of that name": (additional(Path.touch, "tools"), "there is: default, rag"),
    "a broken further template": (
        additional(lambda path: path.write_text("{{ messages["), "rag"),
        r"rag\.jinja: .*a tag is not closed",
    ),
    "a link to no template": (
        additional(lambda path: path.symlink_to("nowhere")),
        r"rag\.jinja: cannot be read",
    ),
    "a file in place of the folder": (
        UsersFolder(lambda folder: (folder / TEMPLATES).touch()),
        f"{TEMPLATES}: cannot be read as a folder",
    ),
    "a template that refuses everybody": (
        UsersFolder(
            lambda folder: (folder / "chat_template.jinja").write_text("{{ raise_exception('no') }}")
        ),
        "every other conversation that was tried",
    ),
    "a byte order mark": (settings("tokenizer_config.json", b"\xef\xbb\xbf{}"), "UTF-8 BOM"),
    "UTF-16": (settings("generation_config.json", '{"a": 1}'.encode("utf-16")), "can't decode byte 0xff"),
    "a huge file of settings": (
        UsersFolder(sparse("tokenizer_config.json")),
        "tokenizer_config.json: .*is larger than 128 MiB",
    ),
    "a huge licence": (UsersFolder(sparse("LICENSE")), "LICENSE: cannot be read .is larger than 128 MiB"),
    "a tokenizer of another kind": (
        UsersFolder(lambda folder: edit(folder / "tokenizer.json", normalizer={"type": "Nmt"})),
        "a normalizer of type Nmt",
    ),
}


@pytest.mark.parametrize(("kind", "told"), REFUSED.values(), ids=REFUSED)
def test_both_refuse_with_the_same_words_before_the_work(
    tmp_path: Path, plain: Callable[[UsersFolder], Path], kind: UsersFolder, told: str
) -> None:
    folder = plain(kind)
    started, messages = time.process_time(), []
    for run in (convert, dry_run):
        with pytest.raises(MmoeError, match=told) as caught:
            run(folder, tmp_path / "artifact", options=options_of(kind))
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert str(folder) in messages[0]
    assert time.process_time() - started < SOON
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_settings_that_are_not_applied_are_said(tmp_path: Path, plain: Callable[[UsersFolder], Path]) -> None:
    kind = settings("generation_config.json", json.dumps({"num_beams": 4, "typical_p": 0.9}).encode())
    notes: list[str] = []
    dry_run(plain(kind), tmp_path / "artifact", tell=notes.append)
    assert [note for note in notes if "num_beams, typical_p" in note and "does not have" in note] == notes
    assert len(notes) == 1
