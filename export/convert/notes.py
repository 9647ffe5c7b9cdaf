"""What a user should know of an artifact: where it is less than the checkpoint, or more."""

from __future__ import annotations

from collections.abc import Iterator

from mmoe.backends.base import Backend
from mmoe.checkpoints.generation_settings import GENERATION_FILE
from mmoe.checkpoints.tokenizer import ChatTokenizer


def notes(backend: Backend, tokenizer: ChatTokenizer) -> Iterator[str]:
    """Sentences; none if the artifact holds the checkpoint's values, its own template and all of its settings.

    Args:
        backend: What the program is lowered for.
        tokenizer: Of the checkpoint.
    """
    if tokenizer.template_is_built_in:
        yield "The checkpoint has no chat template; the built-in one of its family is used."
    if tokenizer.sampling_not_applied:
        keys = ", ".join(tokenizer.sampling_not_applied)
        yield f"{GENERATION_FILE} sets {keys}, which the runtime does not have; generation goes without."
    if backend.rounding is not None:
        yield backend.rounding
