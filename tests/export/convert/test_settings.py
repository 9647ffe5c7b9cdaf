"""What a checkpoint's settings become in an artifact, and what is refused before or after the work."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models

from mmoe.backends.errors import ArtifactError
from mmoe.checkpoints.errors import CheckpointError, TokenizerError
from mmoe.checkpoints.tokenizer import Message, load_tokenizer
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.convert.carried import licence
from mmoe.export.convert.convert import ConvertOptions, convert, dry_run
from mmoe.export.convert.trial_run import require_running
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.sampling import SamplingConfig
from tests.support.tokenizers import BOS, EOT

RAG = "{{ bos_token }}{% for m in messages %}{{ m.content | upper }}{% endfor %}"


@pytest.fixture
def checkpoint(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy, free to be written to."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint"))


def write(path: Path, **values: object) -> None:
    path.write_text(json.dumps(values))


@pytest.mark.slow
def test_settings_reach_the_artifact(checkpoint: Path, tmp_path: Path) -> None:
    write(
        checkpoint / "generation_config.json", do_sample=True, temperature=0.6, top_k=20, eos_token_id=[9, 8]
    )
    write(checkpoint / "special_tokens_map.json", pad_token=EOT)
    templates = checkpoint / "additional_chat_templates"
    templates.mkdir()
    (templates / "rag.jinja").write_text(RAG)
    (checkpoint / "README.md").write_bytes("---\nlicense: mit\n---\n# Modèle\n".encode("latin-1"))
    notes: list[str] = []
    artifact = convert(
        checkpoint, tmp_path / "artifact", options=ConvertOptions(template="rag"), tell=notes.append
    )
    runtime = Artifact.open(artifact.folder, check_hashes=True).manifest.runtime
    with Model(artifact.folder) as model:
        assert model.sampling == SamplingConfig(temperature=0.6, top_k=20)
    assert runtime.stop_ids == (1, 4, 8, 9)
    assert runtime.special_tokens == {"bos_token": BOS, "eos_token": EOT, "pad_token": EOT}
    assert artifact.manifest.source.licence == "mit"
    assert notes == []
    # Whoever reads the artifact finds the chosen template in one place, and the same settings.
    assert (artifact.folder / "chat_template.jinja").read_text() == RAG
    tokenizer = load_tokenizer(artifact.folder, artifact.config)
    assert tokenizer.render_chat([Message("user", "why")]) == BOS + "WHY"
    assert tokenizer.sampling == SamplingConfig(temperature=0.6, top_k=20)
    assert tokenizer.stop_ids == set(runtime.stop_ids)


@pytest.mark.slow
def test_the_built_in_template_is_said_aloud_and_written_down(checkpoint: Path, tmp_path: Path) -> None:
    (checkpoint / "chat_template.jinja").unlink()
    (checkpoint / "tokenizer_config.json").unlink()
    notes: list[str] = []
    artifact = convert(checkpoint, tmp_path / "artifact", tell=notes.append)
    assert [note.split(";")[0] for note in notes] == ["The checkpoint has no chat template"]
    tokenizer = load_tokenizer(artifact.folder, artifact.config)
    assert not tokenizer.template_is_built_in
    assert tokenizer.render_chat([Message("user", "why")]).startswith(BOS + "<|header_start|>user")


def test_what_is_rounded_is_said(checkpoint: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    options = ConvertOptions(backend_options={"linears": "xnnpack"})
    dry_run(checkpoint, tmp_path / "artifact", options=options, tell=notes.append)
    assert ["bfloat16" in note for note in notes] == [True]


@pytest.mark.parametrize("run", [convert, dry_run])
def test_a_tokenizer_that_the_runtime_lacks_is_refused_before_the_work(
    checkpoint: Path, tmp_path: Path, run: object
) -> None:
    assert callable(run)
    Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a")).save(str(checkpoint / "tokenizer.json"))
    (checkpoint / "tokenizer_config.json").unlink()
    with pytest.raises(TokenizerError, match="the runtime cannot read this tokenizer"):
        run(checkpoint, tmp_path / "artifact")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_an_unreadable_licence_is_refused_before_the_work(checkpoint: Path, tmp_path: Path) -> None:
    (checkpoint / "LICENSE").symlink_to("nowhere")
    with pytest.raises(CheckpointError, match=r"LICENSE: cannot be read .is a link to nowhere"):
        dry_run(checkpoint, tmp_path / "artifact")


def test_a_card_never_stops_anything(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    assert licence(tmp_path) is None
    card.symlink_to("nowhere")
    assert licence(tmp_path) is None
    card.unlink()
    os.mkfifo(card)
    assert licence(tmp_path) is None
    card.unlink()
    card.write_bytes(b"---\r\ntitle: \xe8\r\nlicense: apache-2.0 \r\n---\r\n")
    assert licence(tmp_path) == "apache-2.0"


@pytest.mark.parametrize(
    ("entries", "name"),
    [
        ("license: 'mit'", "mit"),
        ("license: other\nlicense_name: fair-noncommercial-research", "fair-noncommercial-research"),
        ("license_name: ours\nlicense: other", "ours"),
        ("license: other", "other"),
        ("license: mit\nlicense_name: ours", "mit"),
        ("license_name: ours", None),
    ],
)
def test_the_name_of_a_licence(entries: str, name: str | None, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(f"---\n{entries}\n---\n")
    assert licence(tmp_path) == name


def changed(artifact: Artifact, folder: Path, change: Callable[[dict[str, Any]], object]) -> Artifact:
    """A copy of the artifact with other words for the runtime in `mmoe.json`."""
    copy = Path(shutil.copytree(artifact.folder, folder))
    manifest = json.loads((copy / "mmoe.json").read_text())
    change(manifest["runtime"])
    (copy / "mmoe.json").write_text(json.dumps(manifest))
    return Artifact.open(copy)


def test_what_does_not_run_is_not_kept(tiny_artifact: Artifact, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(tiny_artifact.folder, tiny_artifact.config)
    require_running(tiny_artifact.folder, tokenizer, tiny_artifact.manifest.runtime)
    copy = changed(tiny_artifact, tmp_path / "copy", lambda runtime: runtime.update(vocab_size=64))
    with pytest.raises(ArtifactError, match="libmmoe cannot run what was converted"):
        require_running(copy.folder, tokenizer, copy.manifest.runtime)


def test_another_conversation_than_the_templates_is_not_kept(tiny_artifact: Artifact, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(tiny_artifact.folder, tiny_artifact.config)
    copy = changed(tiny_artifact, tmp_path / "copy", lambda runtime: None)
    template = copy.folder / "chat_template.jinja"
    # As long as before, because sizes are compared.
    template.write_text(template.read_text().replace("assistant", "assistans"))
    with pytest.raises(ArtifactError, match="gives other ids than Hugging Face's libraries"):
        require_running(copy.folder, tokenizer, copy.manifest.runtime)


def test_manifests_from_before_the_settings_are_read(tiny_artifact: Artifact, tmp_path: Path) -> None:
    added = ("special_tokens", "top_k", "top_p", "min_p", "repetition_penalty")

    def age(runtime: dict[str, Any]) -> None:
        for key in added:
            del runtime[key]
        runtime["chat"] = {"begin": BOS, "turns": {}, "end": "", "trim": False}

    old = changed(tiny_artifact, tmp_path / "copy", age)
    with Model(old.folder) as model, Model(tiny_artifact.folder) as new:
        assert model.sampling == SamplingConfig()
        # The special tokens are then those of tokenizer_config.json.
        assert model.chat([("user", "why")]) == new.chat([("user", "why")])
    assert old.manifest.runtime.stop_ids == tiny_artifact.manifest.runtime.stop_ids


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("temperature", -1),
        ("temperature", 1e39),
        ("top_k", -1),
        ("top_p", 0),
        ("min_p", 1),
        ("repetition_penalty", 0),
    ],
)
def test_sampling_out_of_range_is_corrupt(
    tiny_artifact: Artifact, tmp_path: Path, key: str, value: float
) -> None:
    bad = changed(tiny_artifact, tmp_path / "copy", lambda runtime: runtime.update({key: value}))
    with pytest.raises(CoreFailure, match=r"mmoe\.json") as refusal:
        Model(bad.folder)
    assert refusal.value.status is Status.CORRUPT


@pytest.mark.slow
def test_special_tokens_are_the_manifests(checkpoint: Path, tmp_path: Path) -> None:
    """Whatever file they are from, and also when it is none of those that an artifact carries."""
    (checkpoint / "tokenizer_config.json").unlink()
    write(checkpoint / "special_tokens_map.json", bos_token=BOS, eos_token=EOT)
    artifact = convert(checkpoint, tmp_path / "artifact")
    with Model(artifact.folder) as model:
        turns = [("user", "why")]
        assert model.chat(turns) == load_tokenizer(checkpoint, artifact.config).encode_chat(turns)
        assert model.chat_text({"messages": []}).startswith(BOS)
