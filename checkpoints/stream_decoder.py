"""Text from tokens as they come, never splitting a character between two pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_REPLACEMENT = "\ufffd"


class StreamDecoder:
    """Turns token ids into text one at a time; the pieces joined are what decoding all ids at once gives.

    A byte-level token may hold part of a character, so ids are kept back while their text ends in U+FFFD,
    which stands for bytes that are no character yet. Bytes that never become one are let go with the next
    token.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._pending: list[int] = []

    def push(self, token_id: int) -> str:
        """The text that ``token_id`` completes; empty while a character is unfinished."""
        before, self._pending = self._pending, [*self._pending, token_id]
        text = self._decode(self._pending)
        if not text.endswith(_REPLACEMENT):
            self._pending = []
            return text
        # If decoding the new token apart changes nothing, it begins a character of its own.
        settled, alone = self._decode(before), self._decode([token_id])
        if settled and alone and settled + alone == text:
            self._pending = [token_id]
            return settled
        return ""

    def flush(self) -> str:
        """The text of what was kept back, at the end of the stream."""
        text, self._pending = self._decode(self._pending), []
        return text
