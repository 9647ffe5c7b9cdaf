"""What a text must be: JSON that satisfies a schema, or a text of a grammar."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeAlias

from mmoe.runtime_bindings.python.core import utf8
from mmoe.runtime_bindings.python.errors import OptionError

JsonSchema: TypeAlias = str | bool | Mapping[str, Any]
"""A JSON schema: its text, or what `json.loads` gives for it."""


class GrammarKind(IntEnum):
    """`mmoe_grammar_kind`."""

    NONE = 0
    JSON_SCHEMA = 1
    GBNF = 2


@dataclass(frozen=True)
class Grammar:
    """What a text must be. The default is any text.

    Attributes:
        kind: What `text` is.
        text: A JSON schema (draft 2020-12), or a grammar in llama.cpp's GBNF whose root is the rule ``root``.
    """

    kind: GrammarKind = GrammarKind.NONE
    text: str = ""

    @classmethod
    def of(cls, json_schema: JsonSchema | None, grammar: str | None) -> Grammar:
        """What `generate` and `send` are given, of which one at most is not None.

        Raises:
            OptionError: Both are there.
        """
        if json_schema is not None and grammar is not None:
            raise OptionError("give json_schema or grammar, not both")
        if grammar is not None:
            return cls(GrammarKind.GBNF, grammar)
        if json_schema is None:
            return cls()
        return cls(
            GrammarKind.JSON_SCHEMA, json_schema if isinstance(json_schema, str) else _dumped(json_schema)
        )

    @property
    def arguments(self) -> tuple[int, bytes, int]:
        """As the library takes it: kind, text, bytes."""
        data = utf8(self.text)
        return self.kind, data, len(data)


def _dumped(schema: bool | Mapping[str, Any]) -> str:
    try:
        return json.dumps(schema if isinstance(schema, bool) else dict(schema))
    except (TypeError, ValueError) as error:
        raise OptionError(f"json_schema cannot be written as JSON ({error})") from error
