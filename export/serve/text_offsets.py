"""Where each token of a text begins in it."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import NamedTuple, Protocol

_BROKEN = "\ufffd"


class _Tokenizer(Protocol):
    def token_bytes(self, token: int, *, first: bool = True) -> bytes: ...

    def detokenize(self, ids: Sequence[int]) -> str: ...


class Place(NamedTuple):
    """Where a token stands.

    Attributes:
        offset: The character of the text that the token's first byte is in; a special token, which is no part of the
            text, stands where the next one begins.
        first: Whether it is the text's first, which some tokenizers write without its space.
    """

    offset: int
    first: bool


class TextOffsets:
    """Follows a text token by token.

    Characters that never become whole are shown as U+FFFD: one for each part of a character, or, by tokenizers that
    write single bytes as `<0x41>`, one for each byte of a run of such tokens, which is known at the run's end only. So
    what was counted since the last certain place is counted again when something was broken.
    """

    def __init__(self, tokenizer: _Tokenizer, begin: int = 0) -> None:
        """Nothing has come yet.

        Args:
            tokenizer: What makes the text.
            begin: How many characters stand before it.
        """
        self._tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._end = self._certain = begin
        self._first = True
        self._anchor: list[int] = []  # the token in front of the certain place
        self._behind: list[int] = []  # the tokens behind it
        self._is_broken = False

    def place(self, token: int) -> Place:
        """Where the next token stands."""
        first = self._first
        data = self._tokenizer.token_bytes(token, first=first)
        if self._is_no_text(token):
            return Place(self._end, first)
        self._first = False
        self._behind.append(token)
        self._decode(data[:1])
        # Its first byte is in the last character that it has made whole, or in one that is still unfinished.
        offset = self._end if self._unfinished or not data else self._end - 1
        self._decode(data[1:])
        if not self._unfinished and _is_whole(data):
            offset += self._settle(len(data))
        return Place(offset, first)

    @property
    def _unfinished(self) -> bytes:
        return self._decoder.getstate()[0]

    def _is_no_text(self, token: int) -> bool:
        """It is special, or the tokenizer does not know it."""
        # Twice, since a space may be left out where a text begins.
        return not self._tokenizer.detokenize([token, token])

    def _decode(self, data: bytes) -> None:
        text = self._decoder.decode(data)
        self._end += len(text)
        self._is_broken = self._is_broken or _BROKEN in text

    def _settle(self, size: int) -> int:
        """Counts again where something was broken; by how much that moves the end."""
        moved = 0
        if self._is_broken:
            text = self._tokenizer.detokenize(self._anchor + self._behind)
            if text.endswith(_BROKEN):  # the run may go on
                return 0
            end = self._certain + len(text) - len(self._tokenizer.detokenize(self._anchor))
            moved, self._end = end - self._end, end
        elif size == 1:  # it may be a byte of a run
            return 0
        self._anchor, self._behind = self._behind[-1:], []
        self._certain, self._is_broken = self._end, False
        return moved


def _is_whole(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
