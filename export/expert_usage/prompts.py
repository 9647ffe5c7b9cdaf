"""Real prompts and templated ones, as token ids."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmoe.export.verify.text import bundled_text, read_text
from mmoe.runtime_bindings.python.errors import OptionError

Encode = Callable[[str], list[int]]

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


def real_prompts(path: Path | None, encode: Encode, *, tokens: int, context: int) -> PromptSet:
    """Prompts of a file, as many as ``tokens`` allow.

    Args:
        path: UTF-8 text, which is one prompt, or `.jsonl` with a string, or an object with a string called "prompt" or
            "text", in each line; None for the bundled text.
        encode: The tokenizer.
        tokens: At most, over all prompts; the last prompt is cut there.
        context: Tokens that one prompt may have; longer ones are cut.

    Raises:
        OptionError: The file cannot be read, holds no prompt, or a line is not what it must be.
    """
    text = bundled_text() if path is None else read_text(path)
    texts = (
        _lines(text.content, text.source) if path is not None and path.suffix == ".jsonl" else [text.content]
    )
    prompts, left = [], tokens
    for each in texts:
        ids = encode(each)[: min(left, context)]
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


def _lines(content: str, source: str) -> list[str]:
    found = []
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise OptionError(f"{source}: line {number} is not JSON: {error}") from error
        if isinstance(value, dict):
            value = value.get("prompt", value.get("text"))
        if not isinstance(value, str):
            raise OptionError(
                f'{source}: line {number} is neither a string nor an object with a string "prompt"'
            )
        found.append(value)
    return found
