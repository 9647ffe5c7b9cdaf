"""Strangers' text made safe for a terminal: what would move its cursor or reorder its line is shown instead."""

from __future__ import annotations

import re

# C0 but for tab and newline, DEL and C1, where escape sequences begin; marks of direction, which make text look like
# another; the separators that some terminals take for line ends; and halves of surrogate pairs, which no stream takes.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    r"""The text with each unsafe character as its escape, such as ``\x1b`` or ``\u202e``."""
    return _UNSAFE.sub(_escape, text)


def visible_json(text: str) -> str:
    """The same for a JSON document, whose strings alone can hold such characters; it stays the same document."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
