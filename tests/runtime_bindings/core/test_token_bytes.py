"""Bytes of single tokens, parts of characters too, against the alphabet of bytes and Hugging Face `tokenizers`."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.load import load
from mmoe.export.demo.bundled import bundled_checkpoint
from tests.support.byte_alphabet import byte_level_bytes
from tests.support.native_tokenizer import NativeTokenizer
from tests.support.tokenizer_families import FAMILIES, Family, train

STAND_INS = Path(__file__).parents[2] / "data" / "stand_ins"
FILES = {
    "bundled": bundled_checkpoint() / "tokenizer.json",
    **{path.parent.name: path for path in sorted(STAND_INS.glob("*/tokenizer.json"))},
}


@pytest.mark.parametrize("path", FILES.values(), ids=FILES)
def test_every_token_of_the_alphabet(path: Path) -> None:
    source = path.read_bytes()
    native = NativeTokenizer(source)
    expected = byte_level_bytes(Tokenizer.from_buffer(source))
    for first in (True, False):
        assert {token: native.token_bytes(token, first=first) for token in expected} == expected
    # Every byte has a token, those that no text has by themselves among them.
    assert {bytes([byte]) for byte in range(256)} <= set(expected.values())


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_tokens_that_are_text_have_its_bytes(family: Family) -> None:
    tokenizer = train(family)
    native = NativeTokenizer(tokenizer.to_str().encode())
    for token in tokenizer.get_vocab(with_added_tokens=True).values():
        text = tokenizer.decode([token], skip_special_tokens=False)
        found = native.token_bytes(token, first=True)
        assert found.decode(errors="replace") == text
        assert "\ufffd" in text or found == text.encode()


@pytest.mark.parametrize("text", ["the fox", "caf\u00e9 \u2603 \U0001f98a", " \n\t\u4f60\u597d"])
def test_bytes_of_a_text_are_those_of_its_tokens(tiny_artifact: Artifact, text: str) -> None:
    with load(tiny_artifact.folder) as model:
        ids = model.tokenize(text, add_bos=False)
        pieces = [model.token_bytes(token, first=index == 0) for index, token in enumerate(ids)]
        assert b"".join(pieces) == text.encode()


def test_every_token_of_a_model(tiny_artifact: Artifact) -> None:
    source = (tiny_artifact.folder / "tokenizer.json").read_bytes()
    expected = byte_level_bytes(Tokenizer.from_buffer(source))
    with load(tiny_artifact.folder) as model:
        assert {token: model.token_bytes(token) for token in expected} == expected
        assert [model.token_bytes(token) for token in (-1, max(expected) + 1, 2**31 - 1)] == [b""] * 3
