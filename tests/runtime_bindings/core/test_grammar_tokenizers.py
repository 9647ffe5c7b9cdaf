"""Texts within a grammar have the bytes that every family's tokenizer writes, the first token's among them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tokenizers import Tokenizer

from tests.support.core_grammar import CoreGrammar, CoreMatcher, CoreVocabulary
from tests.support.tokenizer_families import FAMILIES, train

WORDS = "root ::= [a-zA-Zé, .]{20,60}"
LEADING_SPACE = 'root ::= " " [a-z ]{10,30}'
RECORD = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "maxLength": 12},
        "n": {"type": "integer", "maximum": 99, "minimum": 0},
    },
    "required": ["text", "n"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module", params=FAMILIES.values(), ids=FAMILIES)
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return train(request.param)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [{"grammar": WORDS}, {"grammar": LEADING_SPACE}, {"json_schema": RECORD}],
    ids=["words", "space", "record"],
)
def test_a_drawn_text_is_what_the_library_decodes(tokenizer: Tokenizer, options: dict[str, object]) -> None:
    source = tokenizer.to_str()
    grammar = CoreGrammar(**options, vocabulary=CoreVocabulary(source))
    special = [token["id"] for token in json.loads(source)["added_tokens"] if token["special"]]
    for seed in range(5):
        random = np.random.default_rng(seed)
        matcher = CoreMatcher(grammar)
        ids: list[int] = []
        while True:
            allowed, ends = matcher.allowed()
            assert not allowed[special].any()
            if not allowed.any() and not ends:
                # Some vocabularies that are trained here lack a character and have no bytes instead.
                assert tokenizer.model.unk_token is not None
                return
            if ends and (not allowed.any() or random.random() < 0.2):
                break
            ids.append(int(random.choice(np.flatnonzero(allowed))))
            assert matcher.push(ids[-1])
        text = tokenizer.decode(ids, skip_special_tokens=False)
        assert grammar.accepts(text), (ids, text)
