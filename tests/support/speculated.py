"""Texts of plain and of speculative decoding, as a caller sees them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from mmoe.export.convert.convert import ConvertOptions, convert
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.records import FinishReason, TokenLogprob
from mmoe.runtime_bindings.python.session import Session
from tests.support.shared import made_once


class Text(NamedTuple):
    """What a caller sees of a text."""

    ids: list[int]
    pieces: list[str]
    finish_reason: FinishReason | None
    logprobs: list[tuple[TokenLogprob, list[TokenLogprob]]]
    last_logits: bytes


def judging(
    factory: pytest.TempPathFactory, name: str, write: Callable[[Path], Path], kv_cache: str
) -> Model:
    """A model that judges drafts, of the checkpoint that `write` writes, or names."""
    options = ConvertOptions(backend_options={"speculation": "on", "kv_cache": kv_cache})

    def make(folder: Path) -> None:
        source = write(folder.with_name(f"{folder.name}-checkpoint"))
        convert(source, folder, options=options)

    return Model(made_once(factory, f"speculation/{name}", make))


def read_text(session: Session, count: int) -> Text:
    """Goes on until the text ends or has so many tokens."""
    ids, pieces, logprobs = [], [], []
    finish_reason = None
    while len(ids) < count and finish_reason is None:
        step = session.next()
        finish_reason = step.finish_reason
        ids.append(step.id)
        pieces.append(step.text)
        if finish_reason is None:
            logprobs.append(session.logprobs(3))
    return Text(ids, pieces, finish_reason, logprobs, session.logits().tobytes())


def damaged(ids: Sequence[int], generator: random.Random, vocab_size: int) -> list[int]:
    """Ids of which one in twelve is another: what is guessed from them is right for a while."""
    return [generator.randrange(vocab_size) if generator.random() < 1 / 12 else each for each in ids]
