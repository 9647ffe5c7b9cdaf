"""Ids of a conversation in which special tokens are the template's alone, by Hugging Face's libraries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from tests.support.template_oracle import render_chat

# Stands in front of the rest of a special token that data holds. It is printable, or repr() would escape it.
_MARK = "\u2756"


def honest_ids(folder: Path, source: str, variables: Mapping[str, Any]) -> list[int]:
    """What an app sends to the model.

    The data's special tokens are changed before the template is rendered, and changed back in the plain text around
    the template's.

    Args:
        folder: Holds tokenizer.json.
        source: The template.
        variables: What `apply_chat_template` is given; its messages, tools and documents are data.

    Raises:
        Exception: of any kind, as the template fails.
    """
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    specials = {token.content: index for index, token in tokenizer.get_added_tokens_decoder().items()}
    data = {name: variables[name] for name in ("messages", "tools", "documents") if variables.get(name)}
    text = render_chat(source, {**variables, **_marked(data, tuple(specials))})
    tokenizer.encode_special_tokens = True  # as plain text
    ids: list[int] = []
    plain = ""

    def flush() -> None:
        nonlocal plain
        for token in specials:
            plain = plain.replace(_MARK + token[1:], token)
        ids.extend(tokenizer.encode(plain, add_special_tokens=False).ids)
        plain = ""

    while text:
        special = next((token for token in specials if text.startswith(token)), None)
        if special is None:
            plain, text = plain + text[0], text[1:]
        else:
            flush()
            ids.append(specials[special])
            text = text.removeprefix(special)
    flush()
    return ids


def _marked(data: Mapping[str, Any], specials: tuple[str, ...]) -> Any:
    roles = [message["role"] for message in data["messages"]]
    text = json.dumps(dict(data), ensure_ascii=False)
    for token in specials:
        text = text.replace(token, _MARK + token[1:])
    marked = json.loads(text)
    for message, role in zip(marked["messages"], roles, strict=True):
        message["role"] = role  # belongs to the template
    return marked
