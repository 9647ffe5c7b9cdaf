"""Responses in the shapes of OpenAI's API, whole or a piece at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mmoe.export.serve.text_offsets import Place
from mmoe.export.serve.worker import Piece, PromptToken
from mmoe.runtime_bindings.python.records import FinishReason

# A text whose time was up is as unfinished as one that had all its tokens.
FINISH_REASONS = {
    FinishReason.STOP_TOKEN: "stop",
    FinishReason.STOP_STRING: "stop",
    FinishReason.LENGTH: "length",
    FinishReason.CONTEXT_FULL: "length",
    FinishReason.CANCELLED: "length",
}


def usage(prompt_tokens: int, completion_tokens: int, cached_tokens: int) -> dict[str, Any]:
    """The counts of tokens."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": cached_tokens},
    }


def chat_logprobs(
    pieces: Sequence[Piece], bytes_of: Callable[[int, bool], bytes], *, begins: bool
) -> dict[str, Any]:
    """`logprobs` of a choice of a chat, or of a part of it.

    Args:
        pieces: Of the part.
        bytes_of: What a token adds to a text, given whether it is the text's first, which some tokenizers write without
            its space. Of a character that has several tokens each adds a part.
        begins: Whether the choice begins with the part.
    """

    def entry(token: int, logprob: float, first: bool) -> dict[str, Any]:
        data = bytes_of(token, first)
        return {"token": data.decode(errors="replace"), "logprob": logprob, "bytes": list(data)}

    def told(piece: Piece, first: bool) -> dict[str, Any]:
        top = [entry(each.id, each.logprob, first) for each in piece.top]
        return entry(piece.id, piece.logprob or 0.0, first) | {"top_logprobs": top}

    content = [told(piece, begins and place == 0) for place, piece in enumerate(pieces)]
    return {"content": content, "refusal": None}


def completion_logprobs(
    tokens: Sequence[Piece | PromptToken], places: Sequence[Place], bytes_of: Callable[[int, bool], bytes]
) -> dict[str, Any]:
    """`logprobs` of a choice of a completion, or of a part of it.

    Args:
        tokens: Of the part.
        places: Where each stands in the choice's text.
        bytes_of: As for `chat_logprobs`.
    """

    def text(token: int, first: bool) -> str:
        return bytes_of(token, first).decode(errors="replace")

    def told_top(each: Piece | PromptToken, first: bool) -> dict[str, float] | None:
        if each.logprob is None:
            return None
        found: dict[str, float] = {}
        for top in each.top:
            # The first, most probable one counts where several tokens have one text.
            found.setdefault(text(top.id, first), top.logprob)
        return found

    told = list(zip(tokens, places, strict=True))
    return {
        "tokens": [text(each.id, place.first) for each, place in told],
        "token_logprobs": [each.logprob for each in tokens],
        "top_logprobs": [told_top(each, place.first) for each, place in told],
        "text_offset": [place.offset for place in places],
    }
