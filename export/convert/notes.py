"""What a user should know of an artifact: where it is less than the checkpoint, or more."""

from __future__ import annotations

from collections.abc import Iterator

from mmoe.backends.base import Backend
from mmoe.checkpoints.chat_pieces import ChatPieces
from mmoe.checkpoints.tokenizer import ChatTokenizer


def notes(
    backend: Backend, tokenizer: ChatTokenizer, pieces: ChatPieces | None, *, runs_in_libmmoe: bool
) -> Iterator[str]:
    """Sentences; none if the artifact holds the checkpoint's values, and its own template works everywhere.

    Args:
        backend: What the program is lowered for.
        tokenizer: Of the checkpoint.
        pieces: Its template as libmmoe can use it.
        runs_in_libmmoe: Whether the artifact is for libmmoe.
    """
    if tokenizer.template_is_built_in:
        yield "The checkpoint has no chat template; the built-in one of its family is used."
    if runs_in_libmmoe and tokenizer.template is not None and pieces is None:
        yield (
            "The chat template does more than put text around messages, which libmmoe does not do: "
            "`mmoe-export generate` follows it, but mmoe_chat will refuse, and an app has to bring its own prompt."
        )
    if backend.rounding is not None:
        yield backend.rounding
