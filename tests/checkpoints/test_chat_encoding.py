"""Ids of rendered text by Hugging Face's tokenizer against the core's, with added tokens of all kinds."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from mmoe.checkpoints.chat_encoding import encode_spans
from mmoe.export.artifact.artifact import Artifact
from mmoe.runtime_bindings.python.conversation import conversation
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.template import CoreTemplate, Span

# A role belongs to the template and a content to a user, so their texts may be anything.
TEMPLATE = "{% for message in messages %}{{ message.role }}{{ message.content }}{% endfor %}"
TOKENS = ("<think>", "<|eot|>", "[INST]", "<s>", "<a", "ztool", "</think>", "<|im_end|>", "qq\u00e9")
PLAIN = (" ", "  ", "\n", "a", "b<", "don't", "x ", "1", "|")


def with_tokens(artifact: Artifact, folder: Path, rng: random.Random) -> Path:
    """The bundled artifact with our template, and added tokens with settings that are drawn."""
    shutil.copytree(artifact.folder, folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["post_processor"] = None
    for token, text in zip(tokenizer["added_tokens"], TOKENS, strict=True):
        settings = {name: rng.random() < 0.3 for name in ("lstrip", "rstrip", "single_word")}
        token |= {"content": text, "special": rng.random() < 0.5, **settings}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    manifest = json.loads((folder / "mmoe.json").read_text())
    for name in ("tokenizer.json", "chat_template.jinja"):
        manifest["files"][name]["bytes"] = (folder / name).stat().st_size
    (folder / "mmoe.json").write_text(json.dumps(manifest))
    return folder


@pytest.mark.parametrize("seed", range(6))
def test_ids_are_the_cores(demo_artifact: Artifact, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    folder = with_tokens(demo_artifact, tmp_path / "artifact", rng)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    template = CoreTemplate(TEMPLATE)

    def text() -> str:
        return "".join(rng.choice(TOKENS + PLAIN) for _ in range(rng.randrange(6)))

    with Model(folder) as model:
        for _ in range(100):
            variables = conversation([(text(), text()) for _ in range(rng.randrange(1, 4))])
            ids = encode_spans(tokenizer, template.spans(variables))
            assert ids == model.chat_json(variables), variables["messages"]


def test_words_reach_over_seams_and_special_tokens_do_not(demo_artifact: Artifact) -> None:
    tokenizer = Tokenizer.from_file(str(demo_artifact.folder / "tokenizer.json"))
    (eot,) = tokenizer.encode("<|eot|>", add_special_tokens=False).ids
    whole = tokenizer.encode("the beginning", add_special_tokens=False).ids
    assert encode_spans(tokenizer, [Span("the beg", False), Span("inning", True)]) == whole
    found = encode_spans(
        tokenizer, [Span("the<|e", False), Span("ot|> beginning<|eot|>", True), Span("<|eot|>", False)]
    )
    assert found.count(eot) == 1
    assert found[-1] == eot
    assert tokenizer.decode(found, skip_special_tokens=False) == "the<|eot|> beginning<|eot|><|eot|>"
