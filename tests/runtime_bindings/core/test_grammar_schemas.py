"""The core's JSON schemas on the JSON Schema Test Suite: what its instances are, and what is generated."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import numpy as np
import numpy.typing as npt
import pytest

from mmoe.export.demo.bundled import bundled_checkpoint
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from tests.support.core_grammar import CoreGrammar, CoreMatcher, CoreVocabulary

SUITE = Path(__file__).parents[2] / "data" / "json_schema_suite"

# Valid instances that are masked, and why.
MASKED = {
    "leap second": "it depends on the day and the offset, and a program that parses times may refuse it",
    "a component with many digits": "a model that repeats a digit would never come to an end",
    "a quoted string with": "only the dotted form of an address is written",
    "address-literal after the @": "only names stand behind the @",
}


class Case(NamedTuple):
    file: str
    description: str
    schema: Any
    tests: list[dict[str, Any]]

    @property
    def name(self) -> str:
        return f"{self.file}: {self.description}"


def cases() -> Iterator[Case]:
    for path in sorted(SUITE.rglob("*.json")):
        for case in json.loads(path.read_text(encoding="utf-8")):
            yield Case(path.stem, case["description"], case["schema"], case["tests"])


CASES = list(cases())


def canonical(value: Any) -> Any:
    """With numbers as ECMAScript writes them: 1 for 1.0 (RFC 8785)."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return int(value)
    if isinstance(value, list):
        return [canonical(each) for each in value]
    if isinstance(value, dict):
        return {name: canonical(each) for name, each in value.items()}
    return value


def spellings(value: Any) -> list[str]:
    """An instance as programs write it: with ASCII only, compact, over several lines."""
    value = canonical(value)
    return [
        json.dumps(value),
        json.dumps(value, separators=(",", ":"), ensure_ascii=False),
        json.dumps(value, indent=2),
        json.dumps(value, indent="\t", sort_keys=True),
    ]


def compiled(case: Case, vocabulary: CoreVocabulary | None = None) -> CoreGrammar | None:
    """The grammar of a case; None for a schema outside the subset, and for one that nothing satisfies."""
    try:
        return CoreGrammar(json_schema=case.schema, vocabulary=vocabulary)
    except CoreFailure as failure:
        has_valid = any(test["valid"] for test in case.tests)
        names_place = "the JSON schema: #" in str(failure)
        if names_place if failure.status is Status.UNSUPPORTED else not has_valid:
            return None
        raise


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_instances_are_accepted_exactly_if_they_are_valid(case: Case) -> None:
    grammar = compiled(case)
    if grammar is None:
        return
    for test in case.tests:
        masked = any(part in test["description"] for part in MASKED)
        for text in spellings(test["data"]):
            assert grammar.accepts(text) == (test["valid"] and not masked), (test["description"], text)


def test_most_of_the_suite_is_within_the_subset() -> None:
    outside = [case for case in CASES if compiled(case) is None and any(test["valid"] for test in case.tests)]
    assert len(CASES) == 176
    assert len(outside) == 28
    # Not of these keywords but of others that the cases use beside them.
    assert {case.file for case in outside} == {
        "additionalProperties",
        "allOf",
        "oneOf",
        "pattern",
        "properties",
        "ref",
    }


@pytest.fixture(scope="module")
def vocabulary() -> CoreVocabulary:
    return CoreVocabulary((bundled_checkpoint() / "tokenizer.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def texts() -> list[bytes]:
    """The bytes of the bundled tokenizer's tokens, by id."""
    from tokenizers import Tokenizer
    from tokenizers.decoders import ByteLevel

    tokenizer = Tokenizer.from_file(str(bundled_checkpoint() / "tokenizer.json"))
    alphabet = {character: byte for byte, character in _byte_alphabet().items()}
    assert isinstance(tokenizer.decoder, ByteLevel)
    found = []
    for token_id in range(tokenizer.get_vocab_size()):
        token = tokenizer.id_to_token(token_id)
        known = all(character in alphabet for character in token)
        found.append(bytes(alphabet[character] for character in token) if known else b"")
    return found


def _byte_alphabet() -> dict[int, str]:
    """GPT-2's: printable Latin-1 stands for itself, the other bytes for U+0100 onwards."""
    itself = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in itself]
    return {byte: chr(byte) for byte in itself} | {
        byte: chr(256 + index) for index, byte in enumerate(others)
    }


def drawn(grammar: CoreGrammar, names: set[bytes], texts: list[bytes], random: np.random.Generator) -> str:
    """A text of a model whose logits are random, at temperature 1.5.

    With each token, what ends a text grows likelier: quotes, brackets, and the names of members that may be required.
    """
    matcher = CoreMatcher(grammar)
    # A quote first: within a string a bracket closes nothing.
    closing = np.array([{b'"': 3.0, b"}": 2.0, b"]": 2.0, b",": -1.0}.get(text, 0.0) for text in texts])
    blank = np.array([-4.0 if text and not text.strip() else 0.0 for text in texts])
    written = b""
    for step in range(2000):
        allowed, may_end = matcher.allowed()
        if may_end and (not allowed.any() or random.random() < 0.3):
            return written.decode()
        ending = closing.copy()
        begun = re.split(rb'(?<!\\)"', written)[-1]
        for name in names:
            is_there = re.search(re.escape(b'"' + name + b'"') + rb"\s*:", written)
            if name.startswith(begun) and not is_there:
                rest = name[len(begun) :] + b'"'
                ending += [4.0 if text and rest.startswith(text) else 0.0 for text in texts]
        logits = random.normal(0, 2, len(texts)) + blank + ending * step / 8
        token_id = _sample(np.where(allowed, logits, -np.inf) / 1.5, random)
        assert matcher.push(token_id)
        written += texts[token_id]
    raise AssertionError(f"no end: {written!r}")


def names_of(schema: Any) -> set[bytes]:
    """Names that a schema requires anywhere, as JSON writes them."""
    if isinstance(schema, list):
        return set().union(*map(names_of, schema))
    if not isinstance(schema, dict):
        return set()
    required = schema.get("required")
    own = required if isinstance(required, list) else []
    return {json.dumps(name)[1:-1].encode() for name in own}.union(*map(names_of, schema.values()))


def _sample(logits: npt.NDArray[np.float64], random: np.random.Generator) -> int:
    weights = np.exp(logits - logits.max())
    return int(random.choice(len(weights), p=weights / weights.sum()))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_text_at_a_high_temperature_is_valid(
    case: Case, vocabulary: CoreVocabulary, texts: list[bytes]
) -> None:
    grammar = compiled(case, vocabulary)
    if grammar is None:
        return
    validator = jsonschema.Draft202012Validator(
        case.schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    names = names_of(case.schema)
    random = np.random.default_rng(len(case.name))
    for _ in range(3):
        text = drawn(grammar, names, texts, random)
        validator.validate(json.loads(text))
