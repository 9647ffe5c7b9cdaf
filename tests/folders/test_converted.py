"""One folder of each kind becomes an artifact that generates, in Python and in `mmoe-run` alike."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.convert.convert import ConvertOptions, convert
from mmoe.export.convert.quantize_option import Quantize
from mmoe.runtime_bindings.python.library import library_path
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.sampling import SamplingConfig
from tests.support.extended import mostly_extended
from tests.support.users_folders import FOLDERS, theirs, write_template

PROGRAM = library_path().parents[1] / "bin" / "mmoe-run"
QUESTION = [{"role": "user", "content": "the quick 1234 café?"}]
TOKENS = 8
# Folders that hold the tiny checkpoint's weights in another way.
SAME_MODEL = (
    "rope-parameters",
    "tied-head-stored-twice",
    "float16",
    "one-tensor-per-expert",
    "rotary-buffer",
    "card-latin1",
)
# Both ways of telling what is right, on one kind each.
QUICK = ("float16", "think-stripping")
OTHERS = (
    "generation-tag",
    "think-stripping",
    "template-without-bos",
    "generation-config",
    "digits-split",
    "zero-scale",
)


def converted(name: str, request: pytest.FixtureRequest, folder: Path) -> tuple[Path, Artifact]:
    """A kind's folder of the tiny checkpoint, and the artifact that it becomes."""
    kind = FOLDERS[name]
    source = request.getfixturevalue("unpacked_checkpoint" if kind.unpacked else "tiny_checkpoint")
    checkpoint = Path(shutil.copytree(source, folder / "checkpoint"))
    kind.change(checkpoint)
    quantize = Quantize.INT4_G32 if kind.unpacked else None
    return checkpoint, convert(
        checkpoint, folder / "artifact", options=ConvertOptions(quantize=quantize, **kind.options)
    )


def by_program(artifact: Artifact, ids: list[int]) -> list[int]:
    """What `mmoe-run` generates."""
    given = ",".join(map(str, ids))
    arguments = (
        "--ids",
        given,
        "--max-new-tokens",
        str(TOKENS),
        "--temperature",
        "0",
        "--repetition-penalty",
        "1",
    )
    run = subprocess.run(
        [PROGRAM, artifact.folder, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return [int(part) for part in run.stdout.split(",") if part.strip()]


def by_library(artifact: Artifact, ids: list[int]) -> list[int]:
    """What Python generates."""
    with Model(artifact.folder) as model:
        stream = model.generate(ids, max_new_tokens=TOKENS, sampling=SamplingConfig())
        "".join(stream)
        return list(stream.ids)


@pytest.mark.slow
@pytest.mark.parametrize("name", mostly_extended([*SAME_MODEL, *OTHERS], always=QUICK))
def test_an_artifact_generates(
    request: pytest.FixtureRequest, tmp_path: Path, tiny_artifact: Artifact, name: str
) -> None:
    checkpoint, artifact = converted(name, request, tmp_path)
    with Model(artifact.folder) as model:
        ids = model.chat([(message["role"], message["content"]) for message in QUESTION])
    assert ids == theirs(checkpoint, QUESTION)
    generated = by_library(artifact, ids)
    assert generated == by_program(artifact, ids)
    assert generated
    if name in SAME_MODEL:
        assert generated == by_library(tiny_artifact, ids)


@pytest.mark.slow
def test_a_named_template_goes_into_the_artifact(tiny_checkpoint: Path, tmp_path: Path) -> None:
    checkpoint = Path(shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint"))
    more = checkpoint / "additional_chat_templates"
    more.mkdir()
    (more / "rag.jinja").write_text(
        "{{ bos_token }}{% for m in messages %}<{{ m.content | upper }}>{% endfor %}"
    )
    artifact = convert(checkpoint, tmp_path / "artifact", options=ConvertOptions(template="rag"))
    write_template((more / "rag.jinja").read_text())(checkpoint)
    with Model(artifact.folder) as model:
        found = model.chat([(message["role"], message["content"]) for message in QUESTION])
    assert found == theirs(checkpoint, QUESTION)
    assert not (artifact.folder / more.name).exists()
