"""Masks of the core's grammars: against llguidance, and against reading every token's bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import llguidance
import llguidance.hf
import numpy as np
import numpy.typing as npt
import pytest
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from mmoe.export.demo.bundled import bundled_checkpoint
from tests.support.core_grammar import CoreGrammar, CoreMatcher, CoreVocabulary

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 30},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "kind": {"enum": ["king", "priest", "prophet"]},
        "sons": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
        "at": {"type": "string", "pattern": "^[0-9]{1,3}:[0-9]{2}$"},
    },
    "required": ["name", "age", "kind", "sons", "at"],
    "additionalProperties": False,
}
PERSON_TEXT = (
    '{"name":"Mos\u00e8s, son of Amram","age":120,"kind":"prophet","sons":["Gershom","Eliezer"],"at":"12:03"}'
)
TREE = {
    "$defs": {
        "tree": {
            "type": "object",
            "properties": {
                "value": {"type": "number"},
                "next": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]},
            },
            "required": ["value", "next"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/tree",
}
TREE_TEXT = '{"value":-1.5,"next":{"value":20,"next":{"value":3e5,"next":null}}}'
GRAMMAR = r"""
root ::= line{2,3} # of a hymn
line ::= [A-Z] [a-zé ]* ("!" | "." | "\u2026") "\n"
"""
GRAMMAR_TEXT = "Holy holy é!\nLord of hosts\u2026\n"


@pytest.fixture(scope="module")
def tokenizer_json() -> str:
    return (bundled_checkpoint() / "tokenizer.json").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def vocabulary(tokenizer_json: str) -> CoreVocabulary:
    return CoreVocabulary(tokenizer_json)


@pytest.fixture(scope="module")
def oracle(tokenizer_json: str) -> llguidance.LLTokenizer:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(tokenizer_json))
    return llguidance.hf.from_tokenizer(tokenizer, eos_token=0)


def oracle_masks(
    oracle: llguidance.LLTokenizer, grammar: str, ids: list[int]
) -> Iterator[npt.NDArray[np.bool_]]:
    matcher = llguidance.LLMatcher(oracle, grammar)
    for token_id in [*ids, None]:
        assert not matcher.get_error()
        bits = np.unpackbits(np.frombuffer(matcher.compute_bitmask(), np.uint8), bitorder="little")
        yield bits[: oracle.vocab_size].astype(bool)
        if token_id is not None:
            assert matcher.consume_token(token_id)


def own_masks(grammar: CoreGrammar, ids: list[int]) -> Iterator[tuple[npt.NDArray[np.bool_], bool]]:
    matcher = CoreMatcher(grammar)
    for token_id in ids:
        yield matcher.allowed()
        assert matcher.push(token_id)
    yield matcher.allowed()


def token_bytes(oracle: llguidance.LLTokenizer, token_id: int) -> bytes:
    return bytes(oracle.decode_bytes([token_id]))


@pytest.mark.parametrize(
    ("schema", "text"), [(PERSON, PERSON_TEXT), (TREE, TREE_TEXT)], ids=["person", "tree"]
)
def test_what_llguidance_allows_is_allowed(
    schema: dict[str, Any],
    text: str,
    vocabulary: CoreVocabulary,
    oracle: llguidance.LLTokenizer,
    tokenizer_json: str,
) -> None:
    ids = Tokenizer.from_str(tokenizer_json).encode(text, add_special_tokens=False).ids
    compact = json.dumps({**schema, "x-guidance": {"whitespace_flexible": False}})
    theirs = list(oracle_masks(oracle, llguidance.LLMatcher.grammar_from_json_schema(compact), ids))
    ours = list(own_masks(CoreGrammar(json_schema=schema, vocabulary=vocabulary), ids))
    more = set()
    for step, (their, (our, _)) in enumerate(zip(theirs[:-1], ours[:-1], strict=True)):
        missing = np.flatnonzero(their[: len(our)] & ~our)
        assert not len(missing), (step, [token_bytes(oracle, int(each)) for each in missing])
        more |= {token_bytes(oracle, int(each)) for each in np.flatnonzero(our & ~their[: len(our)])}
    assert ours[-1][1]
    assert not ours[-1][0].any()
    # What llguidance masks besides: white space, which it was told not to write, members out of their order, escapes of
    # printable characters, and zeros behind a number's limit.
    assert more


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"json_schema": PERSON}, PERSON_TEXT),
        ({"json_schema": TREE}, TREE_TEXT),
        (
            {"json_schema": True},
            json.dumps({"a": [1, "\u65e5\u672c", {"b": None}]}, indent=1, ensure_ascii=False),
        ),
        ({"grammar": GRAMMAR}, GRAMMAR_TEXT),
    ],
    ids=["person", "tree", "anything", "hymn"],
)
def test_a_token_is_allowed_exactly_if_its_bytes_are(
    options: dict[str, Any],
    text: str,
    vocabulary: CoreVocabulary,
    oracle: llguidance.LLTokenizer,
    tokenizer_json: str,
) -> None:
    tokenizer = Tokenizer.from_str(tokenizer_json)
    special = {token["id"] for token in json.loads(tokenizer_json)["added_tokens"]}
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    grammar = CoreGrammar(**options, vocabulary=vocabulary)
    written = b""
    for token_id, (allowed, ends) in zip([*ids, None], own_masks(grammar, ids), strict=True):
        assert ends == grammar.accepts(written)
        for other in range(vocabulary.size):
            text_so = written + token_bytes(oracle, other)
            fits = other not in special and grammar.read(text_so)[0] == len(text_so) > len(written)
            assert allowed[other] == fits, (written, token_bytes(oracle, other))
        if token_id is not None:
            written += token_bytes(oracle, token_id)
    assert written == text.encode()
