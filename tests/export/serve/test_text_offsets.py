"""Where tokens begin in a text, over the tokenizers of every family, parts of characters and broken ones among them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

import pytest
from tokenizers import Tokenizer

from mmoe.export.serve.text_offsets import TextOffsets
from tests.support.native_tokenizer import NativeTokenizer
from tests.support.tokenizer_families import FAMILIES, Family, train

TEXTS = ["the quick fox", "caf\u00e9 \u2603\u2603 \U0001f98a, na\u00efve.", " \n\t\u4f60\u597d 42\n", ""]


class Texts:
    """A tokenizer with the words of a model."""

    def __init__(self, source: str) -> None:
        self._native = NativeTokenizer(source.encode())

    def token_bytes(self, token: int, *, first: bool = True) -> bytes:
        return self._native.token_bytes(token, first=first)

    def detokenize(self, ids: Sequence[int]) -> str:
        return self._native.decode(ids, skip_special=True).decode()


@pytest.fixture(scope="module", params=FAMILIES.values(), ids=list(FAMILIES))
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    """Its tokens of single bytes are text, as in released models; the trainer makes them special."""
    family: Family = request.param
    description = json.loads(train(family).to_str())
    for token in description["added_tokens"]:
        token["special"] = token["special"] and not token["content"].startswith("<0x")
    return Tokenizer.from_str(json.dumps(description))


@pytest.mark.parametrize("text", TEXTS)
def test_a_token_begins_where_the_text_before_it_ends(tokenizer: Tokenizer, text: str) -> None:
    texts = Texts(tokenizer.to_str())
    special = {token for token, added in tokenizer.get_added_tokens_decoder().items() if added.special}
    ids = [token for token in tokenizer.encode(text).ids if token not in special]
    parts = [texts.token_bytes(token, first=place == 0) for place, token in enumerate(ids)]
    assert b"".join(parts).decode() == texts.detokenize(ids)
    offsets = TextOffsets(texts, 7)
    for place, token in enumerate(ids):
        # Whole characters; of one that has several tokens each stands where it does.
        assert offsets.place(token).offset == 7 + len(b"".join(parts[:place]).decode(errors="ignore"))


def test_broken_characters_move_nothing_behind_them(tokenizer: Tokenizer) -> None:
    texts = Texts(tokenizer.to_str())
    numbers = random.Random(7)
    vocabulary = sorted(tokenizer.get_vocab(with_added_tokens=True).values())
    parts = [token for token in vocabulary if "\ufffd" in texts.detokenize([token])]
    found = 0
    for _ in range(60):
        ids = [numbers.choice(parts if parts and numbers.random() < 0.5 else vocabulary) for _ in range(30)]
        whole = texts.detokenize(ids)
        offsets = TextOffsets(texts)
        for token in ids:
            offset, first = offsets.place(token)
            text = texts.token_bytes(token, first=first).decode(errors="replace")
            is_byte = tokenizer.id_to_token(token).startswith("<0x")  # broken with the run that it is in
            if "\ufffd" not in text and not is_byte and texts.detokenize([token]):
                assert whole[offset : offset + len(text)] == text
                found += 1
    assert found > 300
