"""What a chat template is given: messages, tools, and the JSON that the library takes them in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from mmoe.runtime_bindings.python.core import utf8
from mmoe.runtime_bindings.python.records import Message

Turn: TypeAlias = Message | tuple[str, str] | Mapping[str, object]
"""(role, content), or a mapping with all that the template reads: role, content, tool_calls, ..."""


def conversation(
    messages: Sequence[Turn], *, tools: Sequence[Mapping[str, object]] | None = None
) -> dict[str, object]:
    """What `apply_chat_template` takes for the assistant's next turn.

    Args:
        messages: The turns so far.
        tools: What the assistant may call, as JSON schemas of functions.
    """
    return {
        "messages": [_members(turn) for turn in messages],
        "tools": None if tools is None else list(tools),
        "add_generation_prompt": True,
    }


def json_bytes(variables: Mapping[str, object]) -> bytes:
    """The variables of a template as the library takes them; what cannot be written as UTF-8 becomes U+FFFD."""
    return utf8(json.dumps(dict(variables), ensure_ascii=False)).decode(errors="replace").encode()


def _members(turn: Turn) -> dict[str, object]:
    if isinstance(turn, Mapping):
        return dict(turn)
    role, content = turn
    return {"role": role, "content": content}
