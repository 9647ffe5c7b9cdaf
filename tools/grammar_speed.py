"""What JSON schemas and grammars cost: `python -m tools.grammar_speed [TOKENIZER_JSON]`.

Prints milliseconds of building and of a step (the tokens that are allowed, and taking one), for texts that are drawn
from all that is allowed. The first text meets the grammar's places for the first time; later ones find what it left.
Without a file the vocabulary is that of a synthetic checkpoint with 128,256 tokens.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmoe.checkpoints.tokenizer import TOKENIZER_FILE
from mmoe.export.synthesize.sizes import read_size
from mmoe.export.synthesize.tokenizer import tokenizer_files
from mmoe.models.architectures.registry import parse_config
from tests.support.core_grammar import CoreGrammar, CoreMatcher, CoreVocabulary

STEPS = 300
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "email": {"type": "string", "format": "email"},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 20}, "maxItems": 5},
        "kind": {"enum": ["red", "green", "blue"]},
        "address": {
            "type": "object",
            "properties": {
                "street": {"type": "string", "maxLength": 200},
                "zip": {"type": "string", "pattern": "^[0-9]{5}$"},
            },
            "required": ["street"],
            "additionalProperties": False,
        },
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
GRAMMARS: dict[str, Mapping[str, Any]] = {
    "an object": {"json_schema": PERSON},
    "a string": {"json_schema": {"type": "string"}},
    "strings of 3 to 16": {
        "json_schema": {"type": "array", "items": {"type": "string", "minLength": 3, "maxLength": 16}}
    },
    "2,000 constants": {"json_schema": {"enum": [f"number {number**2}" for number in range(2000)]}},
    "words": {"grammar": 'root ::= ([a-z]+ " ")*'},
    "any text": {"grammar": "root ::= .*"},
}


def main() -> None:
    """Prints the table."""
    tokenizer = Path(sys.argv[1]).read_text(encoding="utf-8") if sys.argv[1:] else _synthetic()
    begin = time.perf_counter()
    vocabulary = CoreVocabulary(tokenizer)
    print(f"{vocabulary.size} tokens, read with their trie in {1e3 * (time.perf_counter() - begin):.0f} ms")
    print("grammar              build   first: median  largest   later: median  largest (ms)")
    for name, options in GRAMMARS.items():
        begin = time.perf_counter()
        grammar = CoreGrammar(**options, vocabulary=vocabulary)
        build = 1e3 * (time.perf_counter() - begin)
        first, later = (_steps(grammar, vocabulary) for _ in range(2))
        print(
            f"{name:20} {build:5.1f}   {np.median(first):13.3f} {first.max():8.3f}"
            f"   {np.median(later):13.3f} {later.max():8.3f}"
        )


def _synthetic() -> str:
    return tokenizer_files(parse_config(read_size("S"), where="S"))[TOKENIZER_FILE]


def _steps(grammar: CoreGrammar, vocabulary: CoreVocabulary) -> Any:
    random = np.random.default_rng(1)
    matcher = CoreMatcher(grammar)
    milliseconds = []
    for _ in range(STEPS):
        begin = time.perf_counter()
        allowed, _ends = matcher.allowed()
        middle = time.perf_counter()
        ids = np.flatnonzero(allowed)
        if not len(ids):
            break
        chosen = int(random.choice(ids))
        before = time.perf_counter()
        matcher.push(chosen)
        milliseconds.append(1e3 * (middle - begin + time.perf_counter() - before))
    return np.array(milliseconds)


if __name__ == "__main__":
    main()
