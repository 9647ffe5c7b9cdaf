"""Real prompts and templated ones, as token ids."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mmoe.export.verify.text import bundled_text, read_text
from mmoe.runtime_bindings.python.errors import OptionError

Encode = Callable[[str], list[int]]


class EncodeChat(Protocol):
    """Ids of a conversation by a chat template, as `Model.chat` gives them."""

    def __call__(
        self, messages: Sequence[Mapping[str, object]], *, tools: Sequence[Mapping[str, object]] | None
    ) -> list[int]: ...


@dataclass(frozen=True)
class Conversation:
    """What a line of a file says under "messages" and "tools"."""

    messages: list[dict[str, object]]
    tools: list[dict[str, object]] | None


# What speed benchmarks commonly prompt with: one sentence, with slots that change.
TEMPLATE = (
    "Question: {name} has {count} {things} and buys {more} more. "
    "How many {things} does {name} have now?\nAnswer:"
)
_NAMES = ("Anna", "Ben", "Clara", "David")
_THINGS = ("apples", "books", "coins")


@dataclass(frozen=True)
class PromptSet:
    """Prompts of one kind.

    Attributes:
        source: Where they are from.
        prompts: Token ids; each prompt runs from position 0.
    """

    source: str
    prompts: tuple[tuple[int, ...], ...]

    @property
    def ids(self) -> list[int]:
        """All of them, one after another."""
        return [*itertools.chain.from_iterable(self.prompts)]


def real_prompts(
    path: Path | None, encode: Encode, encode_chat: EncodeChat, *, tokens: int, context: int
) -> PromptSet:
    """Prompts of a file, as many as ``tokens`` allow.

    Args:
        path: UTF-8 text, which is one prompt, or `.jsonl` with a string, an object with a string called "prompt" or
            "text", or one with a conversation called "messages", and maybe its "tools", in each line; None for the
            bundled text.
        encode: The tokenizer.
        encode_chat: The tokenizer, for conversations.
        tokens: At most, over all prompts; the last prompt is cut there.
        context: Tokens that one prompt may have; longer ones are cut.

    Raises:
        OptionError: The file cannot be read, holds no prompt, or a line is not what it must be.
        RuntimeFailure: There is no chat template, or it refuses a conversation.
    """
    text = bundled_text() if path is None else read_text(path)
    lines = path is not None and path.suffix == ".jsonl"
    given = _lines(text.content, text.source) if lines else [text.content]
    prompts, left = [], tokens
    for each in given:
        ids = encode(each) if isinstance(each, str) else encode_chat(each.messages, tools=each.tools)
        ids = ids[: min(left, context)]
        if ids:
            prompts.append(tuple(ids))
            left -= len(ids)
    if not prompts:
        raise OptionError(f"{text.source}: holds no prompt; write at least one")
    return PromptSet(text.source, tuple(prompts))


def templated_prompts(path: Path | None, encode: Encode, *, lengths: Sequence[int]) -> PromptSet:
    """One template over and over, in prompts of the given lengths.

    Args:
        path: UTF-8 text to repeat as it is; None repeats `TEMPLATE` with its slots filled in turn.
        encode: The tokenizer.
        lengths: Tokens of each prompt.

    Raises:
        OptionError: The file cannot be read or is empty.
    """
    if path is None:
        source, filled = "the built-in template", _filled
    else:
        text = read_text(path)
        if not text.content.strip():
            raise OptionError(f"{path}: is empty; write the text to repeat")
        source, filled = text.source, lambda: itertools.repeat(text.content)
    repeats, ids = 1, list[int]()
    while len(ids) < max(lengths):
        repeats *= 2
        ids = encode("\n\n".join(itertools.islice(filled(), repeats)))
    return PromptSet(source, tuple(tuple(ids[:length]) for length in lengths))


def _filled() -> Iterator[str]:
    for number in itertools.count():
        yield TEMPLATE.format(
            name=_NAMES[number % len(_NAMES)],
            things=_THINGS[number % len(_THINGS)],
            count=2 + number % 7,
            more=1 + number % 5,
        )


def _lines(content: str, source: str) -> list[str | Conversation]:
    """The prompts of JSON lines. Only a newline ends a line: JSON texts may hold all other separators of Unicode."""
    found = []
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise OptionError(f"{source}: line {number} is not JSON: {error}") from error
        prompt = _prompt(value)
        if prompt is None:
            raise OptionError(
                f'{source}: line {number} is neither a string nor an object with a string "prompt", or with '
                '"messages" that have a "role" and a "content" (or "tool_calls") each, and maybe "tools" that are '
                "objects"
            )
        found.append(prompt)
    return found


def _prompt(value: object) -> str | Conversation | None:
    """A text or a conversation; None if it is neither."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return None
    messages = value.get("messages")
    if messages is None:
        text = value.get("prompt", value.get("text"))
        return text if isinstance(text, str) else None
    tools = value.get("tools")
    if not isinstance(messages, list) or not messages or not all(map(_is_message, messages)):
        return None
    if tools is not None and not (isinstance(tools, list) and all(isinstance(tool, dict) for tool in tools)):
        return None
    return Conversation(messages, tools)


def _is_message(value: object) -> bool:
    """What else it holds is the template's business."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("role"), str)
        and ("content" in value or "tool_calls" in value)
    )
